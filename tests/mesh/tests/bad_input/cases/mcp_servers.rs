//! MCP servers outside of the mesh, and the mesh's own one.

use serde_json::{Value, json};
use tonic::Code;

use super::NOBODY;
use crate::case::Case;
use crate::world::World;

const URL: &str = "https://mcp.example.com/mcp";
const SERVERS: &str = "/api/v1/mcp-servers";

pub(super) fn all(world: &World) -> Vec<Case> {
    let as_admin = |case: Case| case.token(&world.admin);
    let configuration = [addresses(), texts(), credentials(), changes()].into_iter().flatten().map(as_admin);
    configuration.chain(choices(world)).chain(callers(world)).chain(own(world)).collect()
}

/// A server that is fine but for this.
fn server(name: &'static str, rest: Value) -> Case {
    let mut body = json!({"slug": "new", "url": URL});
    if let Value::Object(fields) = rest {
        fields.into_iter().for_each(|(field, value)| body[field] = value);
    }
    Case::post(name, SERVERS, &body)
}

fn addresses() -> Vec<Case> {
    let at = |name, url: &str| server(name, json!({ "url": url }));
    vec![
        at("MCP server without an address", "").violates("url", "must be an http or https URL"),
        at("MCP server at a file", "file:///etc/passwd").violates("url", "must be an http or https URL"),
        at("MCP server with a password in its address", "https://ann:secret@mcp.example.com/")
            .violates("url", "must hold no user name and no password"),
        at("MCP server with a fragment in its address", "https://mcp.example.com/#a").violates("url", "no fragment"),
        at("MCP server on this machine", "http://127.0.0.1:9000/mcp").violates("url", "tools.allow_private_addresses"),
        at("MCP server on this machine, as a number", "http://2130706433/").violates("url", "a private or local"),
        at("MCP server at a cloud's metadata", "http://169.254.169.254/latest").violates("url", "link-local"),
        at("MCP server at mapped metadata", "http://[::ffff:169.254.169.254]/").violates("url", "link-local"),
        at("MCP server with a blank in its address", "https://mcp.example.com/a b").violates("url", "must be an http"),
    ]
}

fn texts() -> Vec<Case> {
    let slug = |name, slug: &str| server(name, json!({ "slug": slug }));
    let message = "must be 1 to 24 lower-case letters, digits and single `-` between them";
    vec![
        slug("MCP server without a slug", "").violates("slug", message),
        slug("MCP slug with the separator of names", "a__b").violates("slug", message),
        slug("MCP slug in upper case", "GitHub").violates("slug", message),
        slug("over-long MCP slug", &"x".repeat(25)).violates("slug", message),
        server("MCP icon elsewhere", json!({"icon_url": "https://evil.example/a.svg"}))
            .violates("icon_url", "must be a path on this deployment"),
        server("MCP icon of another host", json!({"icon_url": "//evil.example/a.svg"}))
            .violates("icon_url", "must be a path on this deployment"),
        server("over-long MCP display name", json!({"display_name": "n".repeat(101)}))
            .violates("display_name", "must be one line of at most 100 characters"),
        server("a tool that is denied twice", json!({"tool_deny_list": ["a", "a"]}))
            .violates("tool_deny_list[1]", "is named twice"),
        server("an allowed tool without a name", json!({"tool_allow_list": [""]}))
            .violates("tool_allow_list[0]", "must be the server's own name"),
        server("too many denied tools", json!({"tool_deny_list": (0..201).map(|n| n.to_string()).collect::<Vec<_>>()}))
            .violates("tool_deny_list", "must name at most 200 tools"),
        server("unknown MCP transport", json!({"transport": "MCP_TRANSPORT_PIGEON"}))
            .violates("transport", "must be one of `MCP_TRANSPORT_UNSPECIFIED`"),
        server("unknown MCP availability", json!({"availability": "MCP_AVAILABILITY_SOMETIMES"}))
            .violates("availability", "must be one of `MCP_AVAILABILITY_UNSPECIFIED`"),
        server("MCP server with a bad request_id", json!({"request_id": "1"})).violates("request_id", "must be a UUID"),
    ]
}

fn credentials() -> Vec<Case> {
    let key = |name, rest: Value| {
        let mut body = json!({"auth_type": "MCP_AUTH_TYPE_API_KEY", "api_key": "key"});
        for (field, value) in rest.as_object().into_iter().flatten() {
            body[field] = value.clone();
        }
        server(name, body)
    };
    let headers = |name, headers: Value| {
        server(name, json!({"auth_type": "MCP_AUTH_TYPE_CUSTOM_HEADERS", "custom_headers": headers}))
    };
    vec![
        key("MCP key that is none", json!({"api_key": ""})).violates("api_key", "must be set"),
        key("MCP key of two lines", json!({"api_key": "a\r\nX-Evil: b"})).violates("api_key", "printable ASCII"),
        key("MCP key in a header of the protocol", json!({"api_key_header": "Mcp-Session-Id"}))
            .violates("api_key_header", "must not be `mcp-session-id`"),
        key("MCP key in what is no header", json!({"api_key_header": "a b"}))
            .violates("api_key_header", "must be named with"),
        headers("no MCP headers at all", json!({})).violates("custom_headers", "must be 1 to 20 headers"),
        headers("MCP header that says who calls", json!({"X-Chatmesh-Owner-Id": "somebody"}))
            .violates("custom_headers", "must not be `x-chatmesh-owner-id`"),
        headers("MCP header twice", json!({"X-A": "1", "x-a": "2"})).violates("custom_headers", "has a header twice"),
        headers("MCP host of somebody else", json!({"Host": "internal"}))
            .violates("custom_headers", "must not be `host`"),
        server("MCP key without its kind", json!({"api_key": "key"}))
            .violates("api_key", "is for MCP_AUTH_TYPE_API_KEY only"),
        server("MCP key with users' OpenID tokens", json!({"auth_type": "MCP_AUTH_TYPE_USER_OIDC", "api_key": "key"}))
            .violates("api_key", "is for MCP_AUTH_TYPE_API_KEY only"),
        server("MCP signing secret that is short", json!({"signing_secret": "x", "forward_identity_headers": true}))
            .violates("signing_secret", "must be 16 to 4096 bytes"),
        server("MCP signing secret that signs nothing", json!({"signing_secret": "0123456789abcdef"}))
            .violates("signing_secret", "set `forward_identity_headers`"),
    ]
}

/// Of the server that the world has.
fn changes() -> Vec<Case> {
    let change = |name, body: Value| Case::patch(name, format!("{SERVERS}/kept"), &body);
    vec![
        Case::post("duplicate MCP slug", SERVERS, &json!({"slug": "kept", "url": URL})).expect(
            409,
            Code::AlreadyExists,
            "MCP server `kept` exists",
        ),
        change("MCP server moved with its key", json!({"url": "https://other.example/mcp"}))
            .violates("url", "the stored secrets are for the host before"),
        change("MCP server without its key", json!({"api_key": ""})).violates("api_key", "must be set"),
        change("MCP list set and cleared", json!({"tool_deny_list": ["a"], "clear_tool_deny_list": true}))
            .violates("clear_tool_deny_list", "must not be set together"),
        change("MCP server of another version", json!({"version": 7, "enabled": false})).expect(
            409,
            Code::Aborted,
            "was changed in the meantime",
        ),
        Case::patch("unknown MCP server changed", format!("{SERVERS}/{NOBODY}"), &json!({"enabled": false})).expect(
            404,
            Code::NotFound,
            format!("MCP server `{NOBODY}` not found"),
        ),
        Case::delete("unknown MCP server deleted", format!("{SERVERS}/nobody")).expect(
            404,
            Code::NotFound,
            "MCP server `nobody` not found",
        ),
    ]
}

/// M12: what a chat chooses.
fn choices(world: &World) -> Vec<Case> {
    let chat = |name, rest: Value| {
        let mut body = json!({"content": [{"text": "Hello."}]});
        for (field, value) in rest.as_object().into_iter().flatten() {
            body[field] = value.clone();
        }
        Case::post(name, "/api/v1/chats", &body).token(&world.member)
    };
    let change =
        |name, body: Value| Case::patch(name, format!("/api/v1/chats/{}", world.idle_chat), &body).token(&world.member);
    vec![
        chat("chat with unknown MCP servers", json!({"mcp_server_ids": ["kept", NOBODY, "nobody"]}))
            .violates("mcp_server_ids", format!("not known: `{NOBODY}`, `nobody`")),
        chat("chat with an MCP server that is off", json!({"mcp_server_ids": ["off"]}))
            .violates("mcp_server_ids", "not known: `off`"),
        chat("chat with MCP servers and none", json!({"mcp_server_ids": ["kept"], "no_mcp_servers": true}))
            .violates("no_mcp_servers", "must not be set together"),
        change("unknown MCP servers chosen", json!({"mcp_server_ids": [NOBODY]}))
            .violates("mcp_server_ids", format!("not known: `{NOBODY}`")),
    ]
}

fn callers(world: &World) -> Vec<Case> {
    let denied =
        |case: Case| case.token(&world.member).expect(403, Code::PermissionDenied, "only an administrator may do this");
    vec![
        denied(server("MCP server of a member", json!({}))),
        denied(Case::patch("MCP server changed by a member", format!("{SERVERS}/kept"), &json!({"enabled": false}))),
        denied(Case::delete("MCP server deleted by a member", format!("{SERVERS}/kept"))),
        Case::get("MCP server that is off, for a member", format!("{SERVERS}/off")).token(&world.member).expect(
            404,
            Code::NotFound,
            "MCP server `off` not found",
        ),
        Case::get("MCP servers without a token", SERVERS).expect(401, Code::Unauthenticated, "no token"),
    ]
}

/// The mesh's own server.
fn own(world: &World) -> Vec<Case> {
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    vec![
        Case::post("the MCP server without a token", "/mcp", &list).expect(401, Code::Unauthenticated, "no token"),
        Case::post("the MCP server with a token that is none", "/mcp", &list).token("nobody's").expect(
            401,
            Code::Unauthenticated,
            "",
        ),
        Case::post("the MCP server with a revoked token", "/mcp", &list).token(&world.revoked).expect(
            401,
            Code::Unauthenticated,
            "",
        ),
    ]
}
