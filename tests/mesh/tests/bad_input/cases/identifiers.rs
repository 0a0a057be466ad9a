//! Identifiers in paths and bodies that name nothing, or nothing of the caller's.

use serde_json::json;
use tonic::Code;

use super::NOBODY;
use crate::case::Case;
use crate::world::World;

pub(super) fn all(world: &World) -> Vec<Case> {
    let hi = json!({"content": [{"text": "hi"}]});
    // Somebody else's looks exactly as if it did not exist.
    let missing =
        |case: Case, kind: &str, id: &str| case.expect(404, Code::NotFound, format!("{kind} `{id}` not found"));
    let chat = |id: &str, rest: &str| format!("/api/v1/chats/{id}{rest}");
    let workspace = |id: &str, rest: &str| format!("/api/v1/workspaces/{id}{rest}");
    let (theirs, their_workspace) = (world.others_chat.as_str(), world.others_workspace.as_str());
    let no_uuid = |case: Case, field: &str| case.violates(field, "must be a UUID like");
    let cases = vec![
        missing(Case::get("unknown chat", chat(NOBODY, "")), "chat", NOBODY),
        missing(Case::get("another user's chat", chat(theirs, "")), "chat", theirs),
        missing(Case::get("messages of another user's chat", chat(theirs, "/messages")), "chat", theirs),
        missing(Case::get("stream of another user's chat", chat(theirs, "/stream")), "chat", theirs),
        missing(Case::post("send to another user's chat", chat(theirs, "/messages"), &hi), "chat", theirs),
        missing(Case::post("send to an unknown chat", chat(NOBODY, "/messages"), &hi), "chat", NOBODY),
        missing(Case::post("interrupt another user's chat", chat(theirs, ":interrupt"), &json!({})), "chat", theirs),
        missing(Case::get("unknown workspace", workspace(NOBODY, "")), "workspace", NOBODY),
        missing(Case::get("another user's workspace", workspace(their_workspace, "")), "workspace", their_workspace),
        missing(
            Case::post("stop another user's workspace", workspace(their_workspace, ":stop"), &json!({})),
            "workspace",
            their_workspace,
        ),
        missing(
            Case::delete("delete another user's workspace", workspace(their_workspace, "")),
            "workspace",
            their_workspace,
        ),
        Case::post(
            "chat with another user's workspace",
            "/api/v1/chats",
            &json!({"content": [{"text": "hi"}], "workspace_id": their_workspace}),
        )
        .violates("workspace_id", format!("names no workspace: `{their_workspace}` not found")),
        Case::post(
            "chat with an unknown workspace",
            "/api/v1/chats",
            &json!({"content": [{"text": "hi"}], "workspace_id": NOBODY}),
        )
        .violates("workspace_id", format!("names no workspace: `{NOBODY}` not found")),
        Case::post(
            "chat with a workspace that is no UUID",
            "/api/v1/chats",
            &json!({"content": [{"text": "hi"}], "workspace_id": "demo"}),
        )
        .violates("workspace_id", "must be a UUID like"),
        no_uuid(Case::get("chat that is no UUID", chat("mine", "")), "chat_id"),
        no_uuid(Case::get("messages of a chat that is no UUID", chat("mine", "/messages")), "chat_id"),
        no_uuid(Case::get("chat with an injection", chat("'%20OR%201=1%20--", "")), "chat_id"),
        no_uuid(Case::get("chat with an encoded path", chat("..%2F..%2Fetc%2Fpasswd", "")), "chat_id"),
        no_uuid(Case::get("workspace that is no UUID", workspace("demo", "")), "workspace_id"),
        no_uuid(Case::delete("token that is no UUID", "/api/v1/tokens/mine"), "token_id"),
        missing(Case::delete("unknown token to revoke", format!("/api/v1/tokens/{NOBODY}")), "token", NOBODY),
        missing(Case::get("unknown model to read", "/api/v1/models/gpt-9"), "model", "gpt-9"),
        missing(Case::get("unknown provider to read", "/api/v1/providers/nobody"), "provider", "nobody"),
    ];
    cases.into_iter().map(|case| case.token(&world.member)).collect()
}
