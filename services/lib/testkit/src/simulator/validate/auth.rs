//! Keys.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::{Dialect, Refusal};

/// Refuses a request without an accepted key.
pub(super) fn check(dialect: Dialect, headers: &HeaderMap, keys: &[String]) -> Result<(), Refusal> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text(AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer "));
    let key = match dialect {
        Dialect::Anthropic => text("x-api-key").or(bearer),
        Dialect::Chat | Dialect::Responses => bearer,
    };
    let key = key.map(str::trim).filter(|key| !key.is_empty()).ok_or_else(|| missing(dialect))?;
    if keys.is_empty() || keys.iter().any(|accepted| accepted == key) { Ok(()) } else { Err(wrong(dialect)) }
}

fn missing(dialect: Dialect) -> Refusal {
    match dialect {
        Dialect::Anthropic => Refusal::new(401, "authentication_error", "x-api-key header is required"),
        Dialect::Chat | Dialect::Responses => {
            let message = "You didn't provide an API key. You need to provide your API key in an \
                Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).";
            Refusal::new(401, "invalid_request_error", message)
        }
    }
}

fn wrong(dialect: Dialect) -> Refusal {
    match dialect {
        Dialect::Anthropic => Refusal::new(401, "authentication_error", "invalid x-api-key"),
        Dialect::Chat | Dialect::Responses => {
            // A provider repeats a part of the key; a simulator need not.
            Refusal::new(401, "invalid_request_error", "Incorrect API key provided.").with_code("invalid_api_key")
        }
    }
}
