//! What the simulator says and refuses, without a server: for tests of many requests.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::dialect::Dialect;
use super::script::Step;
use super::stored::Stored;
use super::validate::{self, Unchecked};
use super::wire::{self, Answer};

/// The answer of a step as one document, as the endpoint at `path` gives it; `number` makes its
/// identifiers unique.
///
/// # Panics
///
/// When no dialect is spoken at `path`.
pub fn answer(path: &str, step: &Step, number: usize, request: &Value) -> Value {
    let dialect = dialect(path);
    let usage = step.usage.unwrap_or_default();
    wire::unary(dialect, &Answer { model: "m", number, step, usage, request, include_usage: true })
}

/// Why the endpoint at `path` refuses a request; `None` where it takes it.
///
/// # Panics
///
/// When no dialect is spoken at `path`.
pub fn refusal(path: &str, body: &Value) -> Option<String> {
    let headers: HeaderMap = [("authorization", "Bearer key"), ("anthropic-version", "2023-06-01")]
        .into_iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect();
    let body = body.to_string();
    let stored = Stored::default();
    let request =
        Unchecked { dialect: dialect(path), headers: &headers, body: body.as_bytes(), keys: &[], stored: &stored };
    validate::check(&request, |_| true).err().map(|refusal| refusal.message)
}

fn dialect(path: &str) -> Dialect {
    Dialect::of_path(path).expect("a path of a provider's")
}
