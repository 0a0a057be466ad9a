//! Headers that are about one connection and not about the message (RFC 9110, 7.6.1).

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

const ALWAYS: [HeaderName; 7] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];
/// What there is no constant for.
const UNREGISTERED: [&str; 2] = ["keep-alive", "proxy-connection"];

/// Removes them, those that `Connection` names included, and returns the protocol to switch to.
pub(super) fn remove(headers: &mut HeaderMap) -> Option<HeaderValue> {
    let connection = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let named = connection.flat_map(|value| value.split(',')).map(|name| name.trim().to_ascii_lowercase());
    let named: Vec<String> = named.collect();
    let upgrade = headers.get(header::UPGRADE).filter(|_| named.iter().any(|name| name == "upgrade")).cloned();
    for name in named {
        headers.remove(&name);
    }
    for name in ALWAYS {
        headers.remove(name);
    }
    for name in UNREGISTERED {
        headers.remove(name);
    }
    upgrade
}

/// Asks for a switch to another protocol, or says that it is made.
pub(super) fn set_upgrade(headers: &mut HeaderMap, protocol: HeaderValue) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, protocol);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_the_connection_stays_behind() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Secret"),
            ("connection", "Upgrade"),
            ("x-secret", "1"),
            ("upgrade", "websocket"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("proxy-authorization", "Basic eA=="),
            ("x-kept", "1"),
        ] {
            headers.append(name, value.parse().expect("a value"));
        }
        assert_eq!(remove(&mut headers).expect("an upgrade"), "websocket");
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-kept"]);
        set_upgrade(&mut headers, HeaderValue::from_static("websocket"));
        assert_eq!(
            (headers["connection"].as_bytes(), headers["upgrade"].as_bytes()),
            (&b"Upgrade"[..], &b"websocket"[..])
        );
    }

    #[test]
    fn an_upgrade_that_the_connection_does_not_name_is_none() {
        let mut headers = HeaderMap::new();
        headers.insert(header::UPGRADE, HeaderValue::from_static("h2c"));
        assert_eq!(remove(&mut headers), None);
        assert!(headers.is_empty());
    }
}
