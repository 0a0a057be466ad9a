//! A message as far as the rules of histories are concerned.

use chatmesh_chat::{Message, NewMessage, Visibility};
use chatmesh_proto::common::v1::Role;
use chatmesh_proto::common::v1::part::Body;

use crate::content::text_of;

/// A message of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) id: u32,
    pub(crate) role: Role,
    pub(crate) shown_to: Visibility,
    pub(crate) text: String,
    /// The calls that the provider did not run itself.
    pub(crate) calls: Vec<String>,
    /// The results of such calls, and whether each is an error.
    pub(crate) results: Vec<(String, bool)>,
    pub(crate) compressed: bool,
    pub(crate) deleted: bool,
    pub(crate) revision: u32,
}

impl Line {
    /// What `body` is as the message `id`.
    pub(crate) fn new(id: u32, body: &NewMessage, revision: u32) -> Self {
        let (mut calls, mut results) = (Vec::new(), Vec::new());
        for part in &body.content {
            match &part.body {
                Some(Body::ToolCall(call)) if !call.provider_executed => calls.push(call.call_id.clone()),
                Some(Body::ToolResult(result)) if !result.provider_executed => {
                    results.push((result.call_id.clone(), result.is_error));
                }
                _ => {}
            }
        }
        Self {
            id,
            role: body.role,
            shown_to: body.visibility,
            text: text_of(&body.content),
            calls,
            results,
            compressed: body.compressed,
            deleted: false,
            revision,
        }
    }

    /// What a stored message is.
    pub(crate) fn of(message: &Message) -> Self {
        Self { deleted: message.deleted, ..Self::new(message.id, &message.body, message.revision) }
    }

    pub(crate) fn all(messages: &[Message]) -> Vec<Self> {
        messages.iter().map(Self::of).collect()
    }
}

/// The calls that have no result: of the last answer, in their order.
pub(crate) fn open_calls(prompt: &[Line]) -> Vec<String> {
    let Some(last) = prompt.iter().rposition(|line| line.role == Role::Assistant) else { return Vec::new() };
    let answered = |call: &String| prompt[last..].iter().flat_map(|line| &line.results).any(|(id, _)| id == call);
    prompt[last].calls.iter().filter(|call| !answered(call)).cloned().collect()
}
