//! What there is before the first bad request.

use std::time::Duration;

use chatmesh_core::{Clock as _, SystemClock};
use chatmesh_mesh_tests::{Client, Mesh, eventually};
use chatmesh_testkit::simulator::{Fault, Script, Step};
use serde_json::{Value, json};

use crate::raw;

/// How many messages wait at most.
const MAX_QUEUED: usize = 20;

/// How many files a chat keeps.
const MAX_FILES: usize = 50;

/// Two users, their chats and workspaces, and tokens that are of no use.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) admin: String,
    pub(crate) member: String,
    pub(crate) revoked: String,
    pub(crate) expired: String,
    /// A chat of the member's in which nothing happens.
    pub(crate) idle_chat: String,
    /// A chat of the member's whose model never answers, with a full queue.
    pub(crate) busy_chat: String,
    /// A chat of the member's whose turn failed before the model said anything.
    pub(crate) failed_chat: String,
    /// A chat of the member's that was put away.
    pub(crate) archived_chat: String,
    /// A file of the member's that no message refers to, one that belongs to the idle chat, and one of another user's.
    pub(crate) free_file: String,
    pub(crate) used_file: String,
    pub(crate) others_file: String,
    /// A file of the member's that made room for newer ones.
    pub(crate) gone_file: String,
    /// A running workspace of the member's.
    pub(crate) workspace: String,
    pub(crate) others_chat: String,
    pub(crate) others_workspace: String,
    /// A token for the second page of the member's chats.
    pub(crate) chats_page_token: String,
}

/// One model that answers, and one that never does.
pub(crate) fn scripts() -> Vec<Script> {
    let silent = Step::text("I begin to answer and then fall silent for good.").fault(Fault::stall(5));
    vec![
        Script::new("quick").step(Step::text("Yes.")).looped(),
        Script::new("silent").step(silent).looped(),
        Script::new("broken").step(Step::text("Never said.").fault(Fault::status(401))).looped(),
    ]
}

impl World {
    pub(crate) async fn new(mesh: &Mesh) -> Self {
        let (member, other) = (mesh.member("member").await, mesh.member("other").await);
        mcp_servers(mesh.admin()).await;
        let expired = expired_token(&member).await;
        let idle_chat = quiet_chat(&member).await;
        let used_file = upload(mesh, &member).await;
        let content = json!({"content": [{"file": {"file_id": used_file}}]});
        member.post(&format!("/api/v1/chats/{idle_chat}/messages"), &content).await.ok();
        member.settled(&idle_chat, "CHAT_STATUS_WAITING").await;
        let _second = quiet_chat(&member).await;
        let page = member.get("/api/v1/chats?page_size=1").await.ok();
        Self {
            admin: mesh.admin().token().to_owned(),
            revoked: revoked_token(&member).await,
            expired,
            busy_chat: busy_chat(&member).await,
            failed_chat: failed_chat(&member).await,
            archived_chat: archived_chat(&member).await,
            free_file: upload(mesh, &member).await,
            used_file,
            others_file: upload(mesh, &other).await,
            gone_file: gone_file(mesh, &member).await,
            workspace: quiet_workspace(&member, "demo").await,
            others_chat: quiet_chat(&other).await,
            others_workspace: quiet_workspace(&other, "theirs").await,
            chats_page_token: page["next_page_token"].as_str().expect("a second page").to_owned(),
            member: member.token().to_owned(),
            idle_chat,
        }
    }
}

/// A workspace of which nothing more is told: that its agent is ready comes after the connection.
async fn quiet_workspace(client: &Client, name: &str) -> String {
    let id = client.workspace(name).await;
    let path = format!("/api/v1/workspaces/{id}");
    let is_ready = |found: &Value| found["agent"]["lifecycle_state"] == "LIFECYCLE_STATE_READY";
    eventually("the agent is ready", async || client.get(&path).await.ok(), is_ready).await;
    id
}

async fn quiet_chat(client: &Client) -> String {
    let chat = client.chat("quick", "Are you there?").await;
    client.settled(&chat, "CHAT_STATUS_WAITING").await;
    chat
}

async fn failed_chat(client: &Client) -> String {
    let chat = client.chat("broken", "Are you there?").await;
    client.settled(&chat, "CHAT_STATUS_ERROR").await;
    chat
}

async fn archived_chat(client: &Client) -> String {
    let chat = quiet_chat(client).await;
    client.patch(&format!("/api/v1/chats/{chat}"), &json!({"archived": true})).await.ok();
    chat
}

async fn upload(mesh: &Mesh, client: &Client) -> String {
    let head = format!(
        "POST /api/v1/files?name=a.txt HTTP/1.1\r\nHost: mesh\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
         Content-Length: 5\r\n\r\nhello",
        client.token()
    );
    let answer = raw::send(mesh.url(), head.as_bytes()).await;
    answer.body["id"].as_str().unwrap_or_else(|| panic!("no file: {answer:?}")).to_owned()
}

/// The first of more files than a chat keeps.
async fn gone_file(mesh: &Mesh, client: &Client) -> String {
    let chat = quiet_chat(client).await;
    let mut files = Vec::with_capacity(MAX_FILES + 1);
    for _ in 0..=MAX_FILES {
        files.push(upload(mesh, client).await);
    }
    for said in [&files[..1], &files[1..]] {
        let content: Vec<_> = said.iter().map(|id| json!({"file": {"file_id": id}})).collect();
        client.post(&format!("/api/v1/chats/{chat}/messages"), &json!({ "content": content })).await.ok();
        client.settled(&chat, "CHAT_STATUS_WAITING").await;
    }
    files.swap_remove(0)
}

async fn busy_chat(client: &Client) -> String {
    let chat = client.chat("silent", "Never mind.").await;
    // The model has been called when it has said something; nothing more changes by itself then.
    let mut events = client.follow(&chat, 0).await;
    events.until(|event| event.get("message_part").is_some()).await;
    for number in 0..MAX_QUEUED {
        client.say(&chat, &format!("queued {number}")).await;
    }
    chat
}

/// An MCP server with a key, which no chat has that does not choose it, and one that is switched off.
async fn mcp_servers(admin: &Client) {
    let url = "https://mcp.example.com/mcp";
    let kept = json!({"slug": "kept", "url": url, "auth_type": "MCP_AUTH_TYPE_API_KEY", "api_key": "Bearer a-key"});
    admin.post("/api/v1/mcp-servers", &kept).await.ok();
    admin.post("/api/v1/mcp-servers", &json!({"slug": "off", "url": url, "enabled": false})).await.ok();
}

/// A token that was revoked before anyone used it.
async fn revoked_token(client: &Client) -> String {
    let token = client.post("/api/v1/tokens", &json!({"name": "revoked"})).await.ok();
    let id = token["token"]["id"].as_str().expect("an id");
    client.delete(&format!("/api/v1/tokens/{id}")).await.ok();
    token["secret"].as_str().expect("a secret").to_owned()
}

async fn expired_token(client: &Client) -> String {
    // It has to be created before.
    let expires = SystemClock.now() + Duration::from_secs(5);
    let body = json!({"name": "expired", "expire_time": expires.to_rfc3339()});
    let token = client.post("/api/v1/tokens", &body).await.ok();
    eventually("the token is expired", async || SystemClock.now(), |now| *now > expires).await;
    token["secret"].as_str().expect("a secret").to_owned()
}
