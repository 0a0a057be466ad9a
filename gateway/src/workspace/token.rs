//! Tokens of WebSocket clients that cannot set headers: browsers.
//!
//! They name the token among the protocols that they offer, as `bearer.TOKEN` beside `chatmesh.v1`.
//! It is not taken from the query: addresses are written to logs and histories.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

/// Begins the protocol that is a token.
const BEARER: &str = "bearer.";

/// Puts a token that came as a protocol where tokens are.
pub(crate) async fn from_protocol(mut request: Request, next: Next) -> Response {
    move_token(request.headers_mut());
    next.run(request).await
}

fn move_token(headers: &mut HeaderMap) {
    let is_websocket =
        headers.get(header::UPGRADE).is_some_and(|upgrade| upgrade.as_bytes().eq_ignore_ascii_case(b"websocket"));
    if !is_websocket {
        return;
    }
    let offered = protocols(headers);
    let Some(token) = offered.iter().find_map(|protocol| protocol.strip_prefix(BEARER)) else { return };
    let bearer = HeaderValue::try_from(format!("Bearer {token}"));
    let others = offered.iter().filter(|protocol| !protocol.starts_with(BEARER));
    set_protocols(headers, others.map(String::as_str));
    if let (false, Ok(mut bearer)) = (headers.contains_key(header::AUTHORIZATION), bearer) {
        bearer.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, bearer);
    }
}

/// The protocols that a WebSocket client offers.
pub(super) fn protocols(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let names = values.flat_map(|value| value.split(',')).map(str::trim).filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

/// Offers these protocols and no others.
pub(super) fn set_protocols<'a>(headers: &mut HeaderMap, protocols: impl Iterator<Item = &'a str>) {
    let list = protocols.collect::<Vec<_>>().join(", ");
    headers.remove(header::SEC_WEBSOCKET_PROTOCOL);
    if let (false, Ok(value)) = (list.is_empty(), HeaderValue::try_from(list)) {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(pairs: &[(&'static str, &str)]) -> (Option<String>, Option<String>) {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().expect("a value"));
        }
        move_token(&mut headers);
        let text = |name| headers.get(name).map(|value| value.to_str().expect("ASCII").to_owned());
        (text(header::AUTHORIZATION), text(header::SEC_WEBSOCKET_PROTOCOL))
    }

    fn some(authorization: &str, protocols: &str) -> (Option<String>, Option<String>) {
        let option = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        (option(authorization), option(protocols))
    }

    #[test]
    fn a_token_among_the_protocols_becomes_the_callers_and_is_offered_to_nobody_else() {
        let upgrade = ("upgrade", "WebSocket");
        let offered = |protocols| ("sec-websocket-protocol", protocols);
        let table = [
            (vec![upgrade, offered("chatmesh.v1, bearer.abc")], some("Bearer abc", "chatmesh.v1")),
            (vec![upgrade, offered("bearer.abc"), offered("vite-hmr")], some("Bearer abc", "vite-hmr")),
            (vec![upgrade, offered("bearer.abc")], some("Bearer abc", "")),
            (vec![upgrade, offered("x, bearer.abc"), ("authorization", "Bearer z")], some("Bearer z", "x")),
            (vec![upgrade, offered("chatmesh.v1")], some("", "chatmesh.v1")),
            (vec![offered("chatmesh.v1, bearer.abc")], some("", "chatmesh.v1, bearer.abc")),
        ];
        for (pairs, expected) in table {
            assert_eq!(moved(&pairs), expected, "{pairs:?}");
        }
    }
}
