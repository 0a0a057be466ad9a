//! The three rows that stand where the model's view of the history begins anew: a text that only
//! the model sees, and a call with its result that tell people.

use chatmesh_core::Uuid;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, Role, ToolCall, ToolResult};
use serde_json::{Value, json};

use crate::domain::{NewMessage, Visibility};

/// The name of the call that tells of a summary.
pub(super) const SUMMARIZED: &str = "chat_summarized";
/// The name of the call that tells of a cleared context.
const CLEARED: &str = "chat_cleared";
/// What the model is told where its context was cleared.
const CLEARED_TEXT: &str = "[The user cleared the conversation up to here. Nothing before this point is known.]";

/// The rows of a cleared context.
pub(crate) fn cleared_context(id: Uuid) -> Vec<NewMessage> {
    marker(CLEARED, id, CLEARED_TEXT.to_owned(), &json!({}), &json!({ "cleared": true }))
}

/// The rows of a summary: what the model reads in place of the history, and what people are shown.
pub(super) fn marker(name: &str, id: Uuid, told: String, args: &Value, result: &Value) -> Vec<NewMessage> {
    let call_id = format!("{name}_{id}");
    let call = ToolCall {
        call_id: call_id.clone(),
        name: name.to_owned(),
        args: args.to_string(),
        ..ToolCall::default()
    };
    let result = ToolResult { call_id, name: name.to_owned(), result: result.to_string(), ..ToolResult::default() };
    [
        (Role::User, Visibility::Model, Body::Text(told)),
        (Role::Assistant, Visibility::User, Body::ToolCall(call)),
        (Role::Tool, Visibility::Both, Body::ToolResult(result)),
    ]
    .map(|(role, visibility, body)| NewMessage {
        visibility,
        compressed: true,
        ..NewMessage::new(role, vec![Part { body: Some(body), ..Part::default() }])
    })
    .into()
}
