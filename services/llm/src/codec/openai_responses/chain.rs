//! Which part of a conversation has to be sent.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, Role};
use chatmesh_proto::llm::v1::PromptMessage;

use crate::codec::Call;

/// What is sent, and what it continues.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent<'a> {
    /// The answer that the provider keeps; `None` where the whole conversation is sent.
    pub(super) previous: Option<&'a str>,
    /// The instructions, which the provider does not take over from one call to the next.
    instructions: &'a [PromptMessage],
    rest: &'a [PromptMessage],
}

impl<'a> Sent<'a> {
    /// What is to be sent for a call.
    pub(super) fn of(call: &Call<'a>) -> Self {
        let messages = call.request.messages.as_slice();
        Self::continued(call, messages).unwrap_or(Self { previous: None, instructions: &[], rest: messages })
    }

    /// Only what is new, where the call may continue an answer.
    fn continued(call: &Call<'a>, messages: &'a [PromptMessage]) -> Option<Self> {
        let chain = call.request.chain.as_ref().filter(|_| keeps(call))?;
        let previous = chain.previous_response_id.as_str();
        let first = usize::try_from(chain.first_message).ok()?;
        let (known, rest) = messages.split_at_checked(first)?;
        let instructions = known.iter().take_while(|message| message.role() == Role::System).count();
        let is_possible = !previous.is_empty() && !asks_for_tools(known) && says_something(rest);
        is_possible.then_some(Self { previous: Some(previous), instructions: &known[..instructions], rest })
    }

    pub(super) fn messages(&self) -> impl Iterator<Item = &'a PromptMessage> + use<'a> {
        self.instructions.iter().chain(self.rest)
    }
}

/// Whether the provider is to keep the answer.
pub(super) fn keeps(call: &Call<'_>) -> bool {
    call.options.store.unwrap_or(false)
}

/// Whether the last answer waits for results. The provider never saw those that came since then,
/// and refuses to go on without them.
fn asks_for_tools(known: &[PromptMessage]) -> bool {
    let last = known.iter().rfind(|message| message.role() == Role::Assistant);
    let is_ours = |part: &Part| matches!(&part.body, Some(Body::ToolCall(call)) if !call.provider_executed);
    last.is_some_and(|last| last.parts.iter().any(is_ours))
}

fn says_something(rest: &[PromptMessage]) -> bool {
    rest.iter().any(|message| message.role() != Role::System && !message.parts.is_empty())
}
