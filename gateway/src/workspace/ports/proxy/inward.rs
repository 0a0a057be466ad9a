//! What of a request reaches a program of the workspace: nothing by which it could act as the caller.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};

use super::{cookies, hop};
use crate::workspace::ports::target::Target;
use crate::workspace::socket::PROTOCOL;
use crate::workspace::token::{protocols, set_protocols};

const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
/// Begins the names of the mesh's own headers.
const OWN: &str = "chatmesh-";

/// What the answer has to be measured by.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Border {
    /// The client asks for another protocol.
    pub(super) upgrades: bool,
    /// The client offers the gateway's own protocol, so that it needs to be told of one.
    pub(super) offers_own_protocol: bool,
}

/// Changes the head of a request to that of one from within the workspace.
pub(super) fn cross(request: &mut Request, target: &Target) -> Border {
    let public_host = public_host(request.uri(), request.headers());
    let headers = request.headers_mut();
    let upgrade = hop::remove(headers);
    remove_credentials(headers);
    let offers_own_protocol = keep_foreign_protocols(headers);
    // The gateway answers it itself, by reading the body.
    headers.remove(header::EXPECT);
    headers.remove(header::FORWARDED);
    describe_front(headers, target, public_host);
    let upgrades = upgrade.is_some();
    match upgrade {
        Some(protocol) => hop::set_upgrade(headers, protocol),
        // The connection is for this request alone.
        None => drop(headers.insert(header::CONNECTION, HeaderValue::from_static("close"))),
    }
    Border { upgrades, offers_own_protocol }
}

/// The host that the client wrote: in HTTP/2 it is part of the address.
fn public_host(uri: &Uri, headers: &HeaderMap) -> Option<HeaderValue> {
    let authority = uri.authority().and_then(|authority| HeaderValue::try_from(authority.as_str()).ok());
    authority.or_else(|| headers.get(header::HOST).cloned())
}

fn remove_credentials(headers: &mut HeaderMap) {
    headers.remove(header::AUTHORIZATION);
    let own: Vec<HeaderName> = headers.keys().filter(|name| name.as_str().starts_with(OWN)).cloned().collect();
    for name in own {
        headers.remove(name);
    }
    cookies::inward(headers);
}

fn keep_foreign_protocols(headers: &mut HeaderMap) -> bool {
    let offered = protocols(headers);
    let is_own = |protocol: &&String| *protocol == PROTOCOL;
    let offers_own = offered.iter().any(|protocol| is_own(&protocol));
    if offers_own {
        set_protocols(headers, offered.iter().filter(|protocol| !is_own(protocol)).map(String::as_str));
    }
    offers_own
}

/// Says where the request came in. What an ingress said of the client before stays.
fn describe_front(headers: &mut HeaderMap, target: &Target, public_host: Option<HeaderValue>) {
    let local = format!("localhost:{}", target.port);
    let is_same_origin = |origin: &HeaderValue| {
        let origin = origin.to_str().ok().and_then(|origin| Some(origin.split_once("://")?.1.to_owned()));
        origin.as_deref().map(str::as_bytes) == public_host.as_ref().map(HeaderValue::as_bytes)
    };
    // A program that compares the two must find them as equal as they were.
    if headers.get(header::ORIGIN).is_some_and(is_same_origin)
        && let Ok(origin) = HeaderValue::try_from(format!("http://{local}"))
    {
        headers.insert(header::ORIGIN, origin);
    }
    if let Ok(local) = HeaderValue::try_from(local) {
        headers.insert(header::HOST, local);
    }
    if let Some(host) = public_host {
        headers.entry(FORWARDED_HOST).or_insert(host);
    }
    headers.entry(FORWARDED_PROTO).or_insert(HeaderValue::from_static("http"));
    if let Ok(prefix) = HeaderValue::try_from(target.prefix()) {
        headers.insert(FORWARDED_PREFIX, prefix);
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn crossed(pairs: &[(&'static str, &str)]) -> (HeaderMap, Border) {
        let uri = "/api/v1/workspaces/w/ports/3000/x";
        let mut request = Request::builder().uri(uri).body(Body::empty()).expect("a request");
        for (name, value) in pairs {
            request.headers_mut().append(*name, value.parse().expect("a value"));
        }
        let target = Target::read(request.uri()).expect("a target");
        let border = cross(&mut request, &target);
        (request.headers().clone(), border)
    }

    /// F.4: no access token reaches the workspace, in whichever header it came.
    #[test]
    fn no_credential_of_the_caller_reaches_the_workspace() {
        let (headers, _) = crossed(&[
            ("host", "mesh.example"),
            ("authorization", "Bearer SECRET"),
            ("proxy-authorization", "Basic SECRET"),
            ("chatmesh-assertion", "SECRET"),
            ("chatmesh-agent-id", "SECRET"),
            ("cookie", "session=SECRET; chatmesh-app-theme=dark"),
            ("x-kept", "1"),
        ]);
        assert!(!format!("{headers:?}").contains("SECRET"), "{headers:?}");
        assert_eq!((headers["cookie"].as_bytes(), headers["x-kept"].as_bytes()), (&b"theme=dark"[..], &b"1"[..]));
    }

    #[test]
    fn a_program_sees_its_own_host_and_where_it_is_seen() {
        let (headers, border) = crossed(&[("host", "mesh.example"), ("origin", "https://mesh.example")]);
        assert_eq!(
            (headers["host"].as_bytes(), headers["origin"].as_bytes()),
            (&b"localhost:3000"[..], &b"http://localhost:3000"[..])
        );
        assert_eq!(headers["x-forwarded-host"], "mesh.example");
        assert_eq!(headers["x-forwarded-proto"], "http");
        assert_eq!(headers["x-forwarded-prefix"], "/api/v1/workspaces/w/ports/3000");
        assert_eq!(border, Border { upgrades: false, offers_own_protocol: false });
        let (headers, _) = crossed(&[
            ("host", "gateway:7080"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "mesh.example"),
            ("x-forwarded-prefix", "/elsewhere"),
            ("origin", "https://other.example"),
        ]);
        assert_eq!(
            (headers["x-forwarded-proto"].as_bytes(), headers["x-forwarded-host"].as_bytes()),
            (&b"https"[..], &b"mesh.example"[..])
        );
        assert_eq!(headers["origin"], "https://other.example", "somebody else's origin stays what it is");
        assert_eq!(headers["x-forwarded-prefix"], "/api/v1/workspaces/w/ports/3000");
    }

    #[test]
    fn an_upgrade_goes_on_with_the_protocols_of_the_program() {
        let (headers, border) = crossed(&[
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-protocol", "chatmesh.v1, vite-hmr"),
        ]);
        assert_eq!(
            (headers["connection"].as_bytes(), headers["upgrade"].as_bytes()),
            (&b"Upgrade"[..], &b"websocket"[..])
        );
        assert_eq!(headers["sec-websocket-protocol"], "vite-hmr");
        assert_eq!(border, Border { upgrades: true, offers_own_protocol: true });
    }
}
