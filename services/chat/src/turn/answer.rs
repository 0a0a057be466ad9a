//! What a model said in one step.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{FinishReason, Part, ToolCall};

use super::{Reply, tool_message};
use crate::domain::NewMessage;

/// A complete answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// The assistant message to commit.
    pub(super) message: NewMessage,
    /// Why the model stopped.
    pub(super) finish_reason: FinishReason,
}

impl Answer {
    pub(crate) fn from_message(message: NewMessage) -> Self {
        let finish_reason = message.finish_reason.unwrap_or_default();
        Self { message, finish_reason }
    }

    /// True where nothing was said.
    pub(super) fn is_empty(&self) -> bool {
        self.message.content.is_empty()
    }

    /// The calls that the mesh or the client has to run, in the order of the answer.
    pub(super) fn local_calls(&self) -> Vec<ToolCall> {
        local_calls(&self.message.content).cloned().collect()
    }

    /// True where the model wants to go on with the results, or has to be told that a limit cut its calls.
    pub(super) fn goes_on(&self) -> bool {
        goes_on(&self.message)
    }

    /// The answer and the replies as messages, one per call, in the order of the calls.
    pub(super) fn into_messages(self, replies: Vec<Reply>) -> Vec<NewMessage> {
        let mut messages = vec![self.message];
        messages.extend(replies.into_iter().map(tool_message));
        messages
    }
}

/// The calls of a message that no provider runs, in their order.
pub(super) fn local_calls(content: &[Part]) -> impl Iterator<Item = &ToolCall> {
    content.iter().filter_map(|part| match &part.body {
        Some(Body::ToolCall(call)) if !call.provider_executed => Some(call),
        _ => None,
    })
}

/// Whether the model is to be called again after this message and the results of its calls.
pub(super) fn goes_on(message: &NewMessage) -> bool {
    match message.finish_reason.unwrap_or_default() {
        FinishReason::ToolCalls | FinishReason::Length => local_calls(&message.content).next().is_some(),
        // The provider takes its own message back as it is.
        FinishReason::Pause => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use chatmesh_proto::common::v1::Role;

    use super::*;

    fn message(finish_reason: FinishReason, calls: usize) -> NewMessage {
        let call = |n| ToolCall { call_id: format!("{n}"), name: "execute".to_owned(), ..ToolCall::default() };
        let parts = (0..calls).map(|n| Part { body: Some(Body::ToolCall(call(n))), ..Part::default() });
        NewMessage { finish_reason: Some(finish_reason), ..NewMessage::new(Role::Assistant, parts.collect()) }
    }

    /// A model that says that it is done is not called again because of calls that it left lying about.
    #[test]
    fn only_calls_that_the_model_waits_for_make_the_turn_go_on() {
        let table = [
            (FinishReason::ToolCalls, 1, true),
            (FinishReason::ToolCalls, 0, false),
            (FinishReason::Length, 1, true),
            (FinishReason::Length, 0, false),
            (FinishReason::Stop, 1, false),
            (FinishReason::Stop, 0, false),
            (FinishReason::Pause, 0, true),
            (FinishReason::ContentFilter, 1, false),
            (FinishReason::Other, 1, false),
            (FinishReason::Unspecified, 1, false),
        ];
        for (reason, calls, expected) in table {
            assert_eq!(goes_on(&message(reason, calls)), expected, "{reason:?} with {calls} calls");
        }
    }
}
