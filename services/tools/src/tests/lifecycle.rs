//! Finding, making, starting and stopping workspaces.

mod closed;
mod create;
mod existing;
mod faults;
mod ready;
mod replicas;
mod start;
mod stop;
mod templates;

use chatmesh_proto::tools::v1::CallToolRequest;
use serde_json::Value;

use super::workspace::{Called, KEY, World};

/// The key of another call of the same chat.
const OTHER_KEY: &str = "chat-1/2/call-2";

/// A call of a chat that has this workspace; none where it is empty.
fn call(workspace: &str, key: &str, name: &str, args: &Value) -> CallToolRequest {
    CallToolRequest {
        chat_id: "chat-1".to_owned(),
        workspace_id: workspace.to_owned(),
        name: name.to_owned(),
        args: args.to_string(),
        call_id: "call".to_owned(),
        idempotency_key: key.to_owned(),
        ..CallToolRequest::default()
    }
}

impl World {
    /// Makes a call of a chat that has this workspace.
    async fn tool(&self, workspace: &str, name: &str, args: Value) -> Called {
        self.heard(call(workspace, KEY, name, &args)).await
    }

    /// Makes another call of the same chat.
    async fn other_tool(&self, workspace: &str, name: &str, args: Value) -> Called {
        self.heard(call(workspace, OTHER_KEY, name, &args)).await
    }

    /// How often which method of `workspaces` was called.
    fn calls(&self, method: &str) -> usize {
        self.workspace.cloud.lock().calls.get(method).copied().unwrap_or_default()
    }
}

/// What was told, without the times.
fn told(called: &Called) -> Vec<&str> {
    called.notices.iter().map(|(_, notice)| notice.as_str()).collect()
}

/// The flat error of a call that was not carried out.
fn flat(called: &Called) -> &str {
    assert!(called.is_error, "{called:?}");
    assert_eq!(called.result.as_object().map(serde_json::Map::len), Some(1), "{called:?}");
    called.result["error"].as_str().expect("an error")
}
