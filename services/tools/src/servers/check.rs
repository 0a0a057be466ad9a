//! What a server's configuration may say.

mod headers;

use std::collections::BTreeSet;

use chatmesh_core::Violations;
use chatmesh_proto::tools::v1 as pb;
use chatmesh_proto::tools::v1::{McpAuthType, McpAvailability, McpTransport};
use url::{Host, Url};

use super::client::Addresses;
use super::domain::Secrets;
use headers::{check_name, check_value};

/// The longest slug: with it, the shortest name of a tool and a digest, an alias stays within what providers take.
const MAX_SLUG: usize = 24;
const MAX_DISPLAY_NAME: usize = 100;
const MAX_DESCRIPTION: usize = 1000;
const MAX_ICON: usize = 200;
const MAX_URL: usize = 2048;
const MAX_TOOLS: usize = 200;
const MAX_TOOL_NAME: usize = 128;
const MAX_HEADERS: usize = 20;
const MAX_SECRET: usize = 4096;
const MIN_SIGNING_SECRET: usize = 16;

/// Checks the name of a new server.
pub(super) fn check_slug(slug: &str, violations: &mut Violations) {
    let is_part =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let fits = slug.len() <= MAX_SLUG && slug.split('-').all(is_part);
    let message = "must be 1 to 24 lower-case letters, digits and single `-` between them";
    violations.require(fits, "slug", message);
}

/// Checks a server as it would be kept.
pub(super) fn check(settings: &pb::McpServer, secrets: &Secrets, addresses: Addresses, violations: &mut Violations) {
    check_texts(settings, violations);
    check_url("url", &settings.url, addresses, violations);
    check_kinds(settings, violations);
    check_auth(settings, secrets, addresses, violations);
    check_tools("tool_allow_list", &settings.tool_allow_list, violations);
    check_tools("tool_deny_list", &settings.tool_deny_list, violations);
    let signing = secrets.signing_secret.len();
    let fits = signing == 0 || (MIN_SIGNING_SECRET..=MAX_SECRET).contains(&signing);
    violations.require(fits, "signing_secret", "must be 16 to 4096 bytes, or empty for none");
    let is_of_use = signing == 0 || settings.forward_identity_headers;
    violations.require(is_of_use, "signing_secret", "signs identity headers: set `forward_identity_headers`, too");
}

fn check_texts(settings: &pb::McpServer, violations: &mut Violations) {
    let name = &settings.display_name;
    let fits = name.chars().count() <= MAX_DISPLAY_NAME && !name.chars().any(char::is_control);
    violations.require(fits, "display_name", "must be one line of at most 100 characters");
    let description = &settings.description;
    let is_plain = description.chars().all(|letter| letter == '\n' || !letter.is_control());
    let fits = description.chars().count() <= MAX_DESCRIPTION && is_plain;
    violations.require(fits, "description", "must have at most 1000 characters and no control characters");
    let message = "must be a path on this deployment of at most 200 characters, like /icons/github.svg, without `..`";
    violations.require(is_icon(&settings.icon_url), "icon_url", message);
}

/// An address elsewhere would tell its owner who looks at the list.
fn is_icon(icon: &str) -> bool {
    let is_plain = icon.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    icon.is_empty()
        || icon.len() <= MAX_ICON
            && is_plain
            && icon.starts_with('/')
            && !icon.starts_with("//")
            && !icon.split(['/', '?', '#']).any(|part| part == "..")
}

/// Checks where something is that the mesh is to reach.
pub(super) fn check_url(field: &str, text: &str, addresses: Addresses, violations: &mut Violations) {
    let is_plain =
        text.len() <= MAX_URL && !text.contains(|letter: char| letter.is_control() || letter.is_whitespace());
    let parsed = Url::parse(text).ok().filter(|url| is_plain && matches!(url.scheme(), "http" | "https"));
    let Some(url) = parsed else {
        let message = "must be an http or https URL of at most 2048 characters, like https://mcp.example.com/mcp";
        return violations.add(field, message);
    };
    let has_user = !url.username().is_empty() || url.password().is_some();
    violations.require(!has_user, field, "must hold no user name and no password: choose an `auth_type`");
    violations.require(url.fragment().is_none(), field, "must have no fragment: nothing after `#` is sent");
    let literal = match url.host() {
        Some(Host::Ipv4(ip)) => Some(ip.into()),
        Some(Host::Ipv6(ip)) => Some(ip.into()),
        Some(Host::Domain(_)) | None => None,
    };
    if let Some(Err(refused)) = literal.map(|ip| addresses.check(ip)) {
        violations.add(field, format!("leads to {refused}"));
    }
}

fn check_kinds(settings: &pb::McpServer, violations: &mut Violations) {
    let message = "must be MCP_TRANSPORT_STREAMABLE_HTTP or MCP_TRANSPORT_SSE";
    violations.require(McpTransport::try_from(settings.transport).is_ok(), "transport", message);
    let message = "must be MCP_AVAILABILITY_FORCE_ON, MCP_AVAILABILITY_DEFAULT_ON or MCP_AVAILABILITY_DEFAULT_OFF";
    violations.require(McpAvailability::try_from(settings.availability).is_ok(), "availability", message);
}

fn check_auth(settings: &pb::McpServer, secrets: &Secrets, addresses: Addresses, violations: &mut Violations) {
    match McpAuthType::try_from(settings.auth_type) {
        Ok(McpAuthType::Unspecified | McpAuthType::None | McpAuthType::UserOidc) => {}
        Ok(McpAuthType::Oauth2) => check_oauth2(settings, secrets, addresses, violations),
        Ok(McpAuthType::ApiKey) => {
            check_name("api_key_header", &settings.api_key_header, violations);
            violations.require(!secrets.api_key.is_empty(), "api_key", "must be set for MCP_AUTH_TYPE_API_KEY");
            check_value("api_key", &secrets.api_key, violations);
        }
        Ok(McpAuthType::CustomHeaders) => check_headers(secrets, violations),
        Err(_) => violations.add("auth_type", "must be one of the values of McpAuthType"),
    }
}

fn check_headers(secrets: &Secrets, violations: &mut Violations) {
    let headers = &secrets.custom_headers;
    let fits = (1..=MAX_HEADERS).contains(&headers.len());
    violations.require(fits, "custom_headers", "must be 1 to 20 headers for MCP_AUTH_TYPE_CUSTOM_HEADERS");
    let mut seen = BTreeSet::new();
    for (name, value) in headers {
        // The value is a secret, and a name that is none may be one that was put into the wrong place.
        check_name("custom_headers", name, violations);
        check_value("custom_headers", value, violations);
        let is_new = seen.insert(name.to_ascii_lowercase());
        violations.require(is_new, "custom_headers", "has a header twice: upper and lower case are the same");
    }
}

fn check_oauth2(settings: &pb::McpServer, secrets: &Secrets, addresses: Addresses, violations: &mut Violations) {
    let known = settings.oauth2.clone().unwrap_or_default();
    for (field, url) in [
        ("oauth2.authorization_url", &known.authorization_url),
        ("oauth2.token_url", &known.token_url),
        ("oauth2.revocation_url", &known.revocation_url),
    ] {
        if !url.is_empty() {
            check_url(field, url, addresses, violations);
        }
    }
    let both = known.authorization_url.is_empty() == known.token_url.is_empty();
    violations.require(both, "oauth2.token_url", "must be set together with `oauth2.authorization_url`, or neither");
    let is_plain = |text: &str, max: usize| text.len() <= max && text.bytes().all(|byte| byte.is_ascii_graphic());
    let fits = is_plain(&known.client_id, MAX_URL);
    violations.require(fits, "oauth2.client_id", "must be at most 2048 printable ASCII characters without blanks");
    let fits = known.scopes.len() <= 50 && known.scopes.iter().all(|scope| !scope.is_empty() && is_plain(scope, 200));
    violations.require(fits, "oauth2.scopes", "must be at most 50 words of at most 200 printable ASCII characters");
    let secret = &secrets.oauth2_client_secret;
    let fits = is_plain(secret, MAX_SECRET);
    violations.require(fits, "oauth2_client_secret", "must be at most 4096 printable ASCII characters without blanks");
    let fits = secret.is_empty() || !known.client_id.is_empty();
    violations.require(fits, "oauth2_client_secret", "goes with a client: set `oauth2.client_id`, too");
    // Otherwise the server would say where it is sent.
    let is_pinned = secret.is_empty() || !known.authorization_url.is_empty();
    let message = "must be set together with `oauth2.token_url` where there is a client secret: it is sent to no address \
                   that the server names";
    violations.require(is_pinned, "oauth2.authorization_url", message);
}

fn check_tools(field: &str, tools: &[String], violations: &mut Violations) {
    violations.require(tools.len() <= MAX_TOOLS, field, "must name at most 200 tools");
    for (at, tool) in tools.iter().enumerate() {
        let fits = (1..=MAX_TOOL_NAME).contains(&tool.len()) && !tool.chars().any(char::is_control);
        let message = "must be the server's own name of a tool, of 1 to 128 bytes";
        violations.require(fits, format!("{field}[{at}]"), message);
        violations.require(!tools[..at].contains(tool), format!("{field}[{at}]"), "is named twice");
    }
}

#[cfg(test)]
mod tests;
