//! Headers that a server is sent.

use chatmesh_core::Violations;
use http::{HeaderName, HeaderValue};

const MAX_NAME: usize = 100;
const MAX_VALUE: usize = 4096;

/// Headers that the protocol needs for itself, or that say how a message is read.
const RESERVED: [&str; 19] = [
    "accept",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "last-event-id",
    "origin",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];
/// What the names of others begin with.
const RESERVED_PREFIXES: [&str; 3] = ["mcp-", "x-chatmesh-", "chatmesh-"];

/// Checks the name of a header.
pub(super) fn check_name(field: &str, name: &str, violations: &mut Violations) {
    let Some(parsed) = HeaderName::try_from(name).ok().filter(|_| name.len() <= MAX_NAME) else {
        let message = "must be named with 1 to 100 letters, digits and `-`, like X-Api-Key";
        return violations.add(field, message);
    };
    let name = parsed.as_str();
    let is_free = !RESERVED.contains(&name) && !RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    violations.require(is_free, field, format!("must not be `{name}`: the mesh sets that header by itself"));
}

/// Checks the value of a header, of which nothing is said.
pub(super) fn check_value(field: &str, value: &str, violations: &mut Violations) {
    let is_plain = value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) && value.trim() == value;
    let fits = value.len() <= MAX_VALUE && is_plain && HeaderValue::try_from(value).is_ok();
    let message = "must have values of at most 4096 printable ASCII characters, without blanks around them";
    violations.require(fits, field, message);
}
