//! MCP servers outside of the mesh: what is kept of them and shown, and what chats choose.

use chatmesh_mesh_tests::{Client, Mesh};
use chatmesh_testkit::simulator::{Script, Step};
use serde_json::{Value, json};

const SERVERS: &str = "/api/v1/mcp-servers";
const SECRETS: [&str; 4] = ["the-api-key-itself", "the-header-itself", "the-signing-secret", "the-client-secret"];

pub(crate) fn scripts() -> Vec<Script> {
    vec![Script::new("model").step(Step::text("Yes.")).looped()]
}

/// Requires that no secret is in a text.
fn no_secret(text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
}

async fn create(client: &Client, body: &Value) -> Value {
    let created = client.post(SERVERS, body).await.ok();
    no_secret(&created.to_string());
    created
}

/// M15: a secret that was written is in no answer and in no table.
#[tokio::test(flavor = "multi_thread")]
async fn m15_secrets_of_mcp_servers_are_written_and_never_read() {
    Mesh::run(scripts(), async |mesh| {
        let admin = mesh.admin();
        let key = json!({
            "slug": "one", "url": "https://one.example/mcp", "auth_type": "MCP_AUTH_TYPE_API_KEY",
            "api_key_header": "X-Key", "api_key": SECRETS[0],
            "forward_identity_headers": true, "signing_secret": SECRETS[2],
        });
        let created = create(admin, &key).await;
        assert_eq!((&created["has_api_key"], &created["has_signing_secret"]), (&json!(true), &json!(true)));
        assert_eq!((&created["display_name"], &created["version"]), (&json!("one"), &json!(1)));

        let headers = json!({
            "auth_type": "MCP_AUTH_TYPE_CUSTOM_HEADERS", "custom_headers": {"X-B": SECRETS[1], "X-A": "1"},
        });
        let changed = admin.patch(&format!("{SERVERS}/one"), &headers).await.ok();
        no_secret(&changed.to_string());
        // What the kind of authentication before needed is gone; what belongs to none of them stays.
        assert_eq!((&changed["has_api_key"], &changed["api_key_header"]), (&Value::Null, &Value::Null));
        assert_eq!(changed["custom_header_names"], json!(["X-A", "X-B"]));
        assert_eq!((&changed["has_signing_secret"], &changed["version"]), (&json!(true), &json!(2)));

        let oauth = json!({
            "auth_type": "MCP_AUTH_TYPE_OAUTH2", "oauth2_client_secret": SECRETS[3],
            "oauth2": {
                "client_id": "mesh", "authorization_url": "https://sso.example/authorize",
                "token_url": "https://sso.example/token",
            },
        });
        let changed = admin.patch(&format!("{SERVERS}/one"), &oauth).await.ok();
        assert_eq!(changed["has_oauth2_client_secret"], json!(true));
        assert_eq!(changed["custom_header_names"], Value::Null);
        no_secret(&changed.to_string());
        no_secret(&admin.get(SERVERS).await.ok().to_string());
        no_secret(&mesh.dump().await.join("\n"));
    })
    .await;
}

/// M12: members see what is switched on, and chats choose among that.
#[tokio::test(flavor = "multi_thread")]
async fn m12_chats_choose_among_the_servers_that_are_on() {
    Mesh::run(scripts(), async |mesh| {
        let (admin, member) = (mesh.admin(), mesh.member("ann").await);
        let one = create(admin, &json!({"slug": "one", "url": "https://one.example/mcp"})).await;
        create(admin, &json!({"slug": "off", "url": "https://off.example/mcp", "enabled": false})).await;
        let slugs = |list: &Value| {
            let servers = list["servers"].as_array().cloned().unwrap_or_default();
            servers.iter().map(|server| server["slug"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(slugs(&admin.get(SERVERS).await.ok()), ["one", "off"]);
        assert_eq!(slugs(&member.get(SERVERS).await.ok()), ["one"]);

        let body = json!({"content": [{"text": "Hello."}], "model": "model", "mcp_server_ids": ["one", one["id"]]});
        let chat = member.post("/api/v1/chats", &body).await.ok();
        assert_eq!(chat["mcp_server_ids"], json!([one["id"]]), "each once, by identifier");
        assert_eq!(chat["default_mcp_servers"], Value::Null);
        let path = format!("/api/v1/chats/{}", chat["id"].as_str().expect("an id"));
        let chat = member.patch(&path, &json!({"no_mcp_servers": true})).await.ok();
        assert_eq!((&chat["mcp_server_ids"], &chat["default_mcp_servers"]), (&Value::Null, &Value::Null));
        let chat = member.patch(&path, &json!({"title": "named"})).await.ok();
        assert_eq!(chat["default_mcp_servers"], Value::Null, "none is not nothing");
        let other = member.chat("model", "Hello.").await;
        let other = member.get(&format!("/api/v1/chats/{other}")).await.ok();
        assert_eq!(other["default_mcp_servers"], json!(true));

        // A choice of what is gone is no mistake of the chat's.
        admin.delete(&format!("{SERVERS}/one")).await.ok();
        let chat = member.chat("model", "Hello.").await;
        member.settled(&chat, "CHAT_STATUS_WAITING").await;
    })
    .await;
}

/// M13: a turn whose servers do not answer ends well.
#[tokio::test(flavor = "multi_thread")]
async fn m13_a_turn_whose_server_cannot_be_reached_ends_well() {
    Mesh::run(scripts(), async |mesh| {
        // The configuration of this mesh does not let it out to private addresses, whatever names lead there.
        let body = json!({
            "slug": "local", "url": "http://localhost:1/secret/path", "availability": "MCP_AVAILABILITY_FORCE_ON",
        });
        create(mesh.admin(), &body).await;
        let tested = mesh.admin().post(&format!("{SERVERS}/local:test"), &json!({})).await.ok();
        assert_eq!(tested["outcome"], "MCP_OUTCOME_ERROR", "{tested}");
        let error = tested["error"].as_str().unwrap_or_default();
        assert!(error.contains("allow_private_addresses") && !error.contains("secret"), "{error}");
        let chat = mesh.admin().chat("model", "Hello.").await;
        mesh.admin().settled(&chat, "CHAT_STATUS_WAITING").await;
    })
    .await;
}
