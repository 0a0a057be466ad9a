//! What of an answer reaches the client: a page of a workspace is not a page of the gateway.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::inward::Border;
use super::{cookies, hop, location};
use crate::workspace::ports::target::Target;
use crate::workspace::socket::PROTOCOL;

/// Gives every page an origin of its own: without it, a page could call the API as whoever looks at it.
const POLICY: HeaderValue = HeaderValue::from_static("sandbox allow-scripts allow-forms allow-popups allow-downloads");

/// What is said of a whole origin, which is not the program's.
const OF_THE_ORIGIN: [&str; 5] =
    ["alt-svc", "clear-site-data", "public-key-pins", "service-worker-allowed", "strict-transport-security"];

/// Changes the head of an answer to that of one from the gateway.
pub(super) fn cross(headers: &mut HeaderMap, target: &Target, border: &Border) {
    let upgrade = hop::remove(headers);
    for name in OF_THE_ORIGIN {
        headers.remove(name);
    }
    cookies::outward(headers, target.prefix());
    redirect(headers, header::LOCATION, target);
    redirect(headers, header::CONTENT_LOCATION, target);
    // Beside what the program says itself: both hold.
    headers.append(header::CONTENT_SECURITY_POLICY, POLICY);
    if let Some(protocol) = upgrade {
        hop::set_upgrade(headers, protocol);
        if border.offers_own_protocol {
            // Browsers close a connection where none of what they offered is chosen.
            headers.entry(header::SEC_WEBSOCKET_PROTOCOL).or_insert(HeaderValue::from_static(PROTOCOL));
        }
    }
}

fn redirect(headers: &mut HeaderMap, name: HeaderName, target: &Target) {
    let location = headers.get(&name).and_then(|value| value.to_str().ok());
    let rewritten = location.and_then(|location| location::rewritten(location, target.port, target.prefix()));
    if let Some(value) = rewritten.and_then(|rewritten| HeaderValue::try_from(rewritten).ok()) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Uri;

    use super::*;

    fn crossed(pairs: &[(&'static str, &str)], offers_own_protocol: bool) -> HeaderMap {
        let target = Target::read(&Uri::from_static("/api/v1/workspaces/w/ports/80/")).expect("a target");
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().expect("a value"));
        }
        cross(&mut headers, &target, &Border { upgrades: true, offers_own_protocol });
        headers
    }

    #[test]
    fn a_page_of_a_workspace_has_no_power_over_the_origin() {
        let headers = crossed(
            &[
                ("content-security-policy", "sandbox allow-same-origin"),
                ("clear-site-data", "\"*\""),
                ("service-worker-allowed", "/"),
                ("strict-transport-security", "max-age=1"),
                ("set-cookie", "a=1"),
                ("set-cookie", "b=2; Path=/"),
                ("location", "http://localhost:80/x"),
                ("connection", "close"),
                ("x-kept", "1"),
            ],
            false,
        );
        let policies: Vec<_> = headers.get_all("content-security-policy").iter().collect();
        assert_eq!(policies, ["sandbox allow-same-origin", POLICY.to_str().expect("ASCII")]);
        assert_eq!(headers["location"], "/api/v1/workspaces/w/ports/80/x");
        let cookies: Vec<_> = headers.get_all("set-cookie").iter().collect();
        let path = "Path=/api/v1/workspaces/w/ports/80/";
        assert_eq!(cookies, [format!("chatmesh-app-a=1; {path}").as_str(), &format!("chatmesh-app-b=2; {path}")]);
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["content-security-policy", "location", "set-cookie", "x-kept"]);
    }

    #[test]
    fn a_browser_that_offered_protocols_is_told_one() {
        let upgrade = [("connection", "upgrade"), ("upgrade", "websocket")];
        assert_eq!(crossed(&upgrade, true)["sec-websocket-protocol"], PROTOCOL);
        assert!(!crossed(&upgrade, false).contains_key("sec-websocket-protocol"));
        let chosen = [upgrade[0], upgrade[1], ("sec-websocket-protocol", "vite-hmr")];
        assert_eq!(crossed(&chosen, true)["sec-websocket-protocol"], "vite-hmr");
    }
}
