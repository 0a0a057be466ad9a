//! What a model said in one step.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{FinishReason, Part, ToolCall};

use super::tool_message;
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

    /// The calls that the mesh has to run, in the order of the answer.
    pub(super) fn local_calls(&self) -> Vec<ToolCall> {
        let calls = self.message.content.iter().filter_map(|part| match &part.body {
            Some(Body::ToolCall(call)) if !call.provider_executed => Some(call.clone()),
            _ => None,
        });
        calls.collect()
    }

    /// True where the model wants to go on with the results, or has to be told that a limit cut its calls.
    pub(super) fn goes_on(&self) -> bool {
        let asked = !self.local_calls().is_empty();
        let pause = self.finish_reason == FinishReason::Pause;
        (asked && matches!(self.finish_reason, FinishReason::ToolCalls | FinishReason::Length)) || pause
    }

    /// The answer and the results as messages, one per result, in the order of the calls.
    pub(super) fn into_messages(self, results: Vec<Part>) -> Vec<NewMessage> {
        let mut messages = vec![self.message];
        messages.extend(results.into_iter().map(tool_message));
        messages
    }
}
