use std::io::Write as _;
use std::sync::Arc;

use chatmesh_rpc::{Caller, Code, Role, ServiceError as _, UserId};

use super::*;
use crate::servers::api;
use crate::servers::testing::{Network, server};

/// Servers as they stand in a file.
fn read(text: &str) -> Vec<McpServerConfig> {
    serde_json::from_str(text).expect("a configuration")
}

fn variable(name: &str) -> Option<String> {
    (name == "KEY").then(|| "Bearer the-key-itself\n".to_owned())
}

async fn declare(servers: &Servers, text: &str) -> Result<(), String> {
    servers.declare(&read(text), &variable).await.map_err(|error| error.to_string())
}

async fn kept(servers: &Servers, slug: &str) -> Server {
    servers.store.find(&Reference::Slug(slug.to_owned())).await.expect("found").expect("a server")
}

const ONE: &str = r#"[{"slug": "one", "url": "https://one.example/sse", "transport": "sse", "auth_type": "api_key",
    "api_key": {"env": "KEY"}, "availability": "force_on"}]"#;

/// What is declared is there; what did not change is left alone, and what did is changed.
#[tokio::test]
async fn servers_become_what_the_configuration_says_and_stay_so() {
    let servers = Network::default().servers(Vec::new());
    declare(&servers, ONE).await.expect("declared");
    let first = kept(&servers, "one").await;
    assert_eq!((first.settings.transport(), first.settings.auth_type()), (McpTransport::Sse, McpAuthType::ApiKey));
    assert_eq!((first.settings.api_key_header.as_str(), first.settings.has_api_key), ("Authorization", true));
    assert_eq!((first.settings.managed_by_config, first.enabled, first.version), (true, true, 1));
    assert_eq!(servers.open(&first).expect("secrets").api_key, "Bearer the-key-itself");

    declare(&servers, ONE).await.expect("declared again");
    assert_eq!(kept(&servers, "one").await, first, "nothing changed");
    declare(&servers, &ONE.replace("force_on", "default_on")).await.expect("declared otherwise");
    let changed = kept(&servers, "one").await;
    assert_eq!((changed.id, changed.version), (first.id, 2));
    assert_eq!(changed.settings.availability(), McpAvailability::DefaultOn);

    declare(&servers, "[]").await.expect("nothing declared");
    let released = kept(&servers, "one").await;
    assert_eq!((released.settings.managed_by_config, released.version), (false, 3));
}

/// A server that somebody made before is taken over, with its identifier: chats that chose it still have it.
#[tokio::test]
async fn a_server_that_is_there_already_is_taken_over() {
    let before = server("one");
    let servers = Network::default().servers(vec![before.clone(), server("two")]);
    declare(&servers, ONE).await.expect("declared");
    let after = kept(&servers, "one").await;
    assert_eq!((after.id, after.settings.managed_by_config), (before.id, true));
    assert!(!kept(&servers, "two").await.settings.managed_by_config);
}

/// What is wrong is said with its place; nothing of it is kept, and no secret is said.
#[tokio::test]
async fn what_is_wrong_is_named_with_its_place_and_without_secrets() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    let path = file.path().display().to_string();
    let with = |rest: &str| format!(r#"[{{"slug": "one", "url": "https://one.example/mcp", {rest}}}]"#);
    let key = |reference: &str| with(&format!(r#""auth_type": "api_key", "api_key": {reference}"#));
    for (text, expected) in [
        (key(r#"{"env": "NONE"}"#), "tools.mcp_servers[0].api_key: the variable `NONE` is not set".to_owned()),
        (key(r#"{"file": "/no/such/file"}"#), "api_key: the file `/no/such/file` cannot be read: No such".to_owned()),
        (key(&format!(r#"{{"file": "{path}"}}"#)), "api_key: what it points to is empty".to_owned()),
        (with(r#""auth_type": "api_key""#), "tools.mcp_servers[0].api_key must be set".to_owned()),
        (with(r#""api_key": {"env": "KEY"}"#), "tools.mcp_servers[0].api_key is for MCP_AUTH_TYPE_API_KEY".to_owned()),
        (ONE.replace("https://one", "ftp://one"), "tools.mcp_servers[0].url must be an http or https URL".to_owned()),
        (ONE.replace(r#""slug": "one""#, r#""slug": "One""#), "tools.mcp_servers[0].slug must be 1 to 24".to_owned()),
    ] {
        let servers = Network::default().servers(Vec::new());
        let error = declare(&servers, &text).await.expect_err(&text);
        assert!(error.contains(&expected), "{error}");
        assert!(!error.contains("the-key-itself"), "{error}");
        assert!(servers.enabled().await.expect("a list").is_empty());
    }
    file.write_all(b"Bearer from-a-file\r\n").expect("written");
    let servers = Network::default().servers(Vec::new());
    declare(&servers, &key(&format!(r#"{{"file": "{path}"}}"#))).await.expect("declared");
    assert_eq!(servers.open(&kept(&servers, "one").await).expect("secrets").api_key, "Bearer from-a-file");
}

/// The API shows whose it is, and changes and deletes nothing of it.
#[tokio::test]
async fn nobody_else_changes_what_the_configuration_manages() {
    use chatmesh_proto::tools::v1::mcp_server_service_server::McpServerService as _;

    let servers: Arc<Servers> = Network::default().servers(Vec::new());
    declare(&servers, ONE).await.expect("declared");
    let api = api::Api::new(Arc::clone(&servers));
    let admin = Caller::user(UserId(servers.ids.next()), Role::Admin);
    fn called<M>(caller: &Caller, message: M) -> tonic::Request<M> {
        let mut request = tonic::Request::new(message);
        request.extensions_mut().insert(caller.clone());
        request
    }
    let update = pb::UpdateMcpServerRequest {
        server: "one".to_owned(),
        enabled: Some(false),
        ..pb::UpdateMcpServerRequest::default()
    };
    let refused = api.update_mcp_server(called(&admin, update)).await.expect_err("refused");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("tools.mcp_servers"), "{refused}");
    let delete = pb::DeleteMcpServerRequest { server: "one".to_owned() };
    let refused = api.delete_mcp_server(called(&admin, delete)).await.expect_err("refused");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    let listed = api.list_mcp_servers(called(&admin, pb::ListMcpServersRequest::default())).await.expect("a list");
    let [one] = &listed.get_ref().servers[..] else { panic!("{listed:?}") };
    assert_eq!((one.slug.as_str(), one.managed_by_config, one.enabled), ("one", true, true));
    assert_eq!(Error::Managed(String::new()).reason(), "MANAGED_BY_CONFIGURATION");
}
