//! Tool calls that have no result yet.

use std::collections::HashSet;

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, Role, ToolCall, ToolResult};

use crate::domain::{Message, NewMessage};

/// The calls of the last step that the mesh or the client has to run and that have no result, in the order of
/// the calls. `last_step` begins with the last message of the model.
pub(crate) fn open_calls(last_step: &[Message]) -> Vec<ToolCall> {
    let parts = || last_step.iter().flat_map(|message| &message.body.content);
    let answered: HashSet<&str> = parts()
        .filter_map(|part| match &part.body {
            Some(Body::ToolResult(result)) => Some(result.call_id.as_str()),
            _ => None,
        })
        .collect();
    let calls = parts().filter_map(|part| match &part.body {
        Some(Body::ToolCall(call)) if !call.provider_executed => Some(call),
        _ => None,
    });
    calls.filter(|call| !answered.contains(call.call_id.as_str())).cloned().collect()
}

/// The result of a call that nobody will run any more.
pub(crate) fn cancelled_result(call: &ToolCall) -> NewMessage {
    let result = ToolResult {
        call_id: call.call_id.clone(),
        name: call.name.clone(),
        result: r#"{"error":"cancelled: the conversation went on before the tool returned a result"}"#.to_owned(),
        is_error: true,
        provider_executed: false,
        ..ToolResult::default()
    };
    NewMessage::new(Role::Tool, vec![Part { body: Some(Body::ToolResult(result)), ..Part::default() }])
}
