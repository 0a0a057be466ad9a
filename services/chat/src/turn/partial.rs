//! What was said and done in a step that is not committed yet: what an interruption keeps.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{FinishReason, Part, Role, ToolCall, ToolResult};

use super::{Answer, Reply, tool_message};
use crate::domain::NewMessage;

/// Why a step ended before its time; the model reads it as the result of every call without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// Its user stopped it.
    Interrupted,
    /// The turn failed after the model had asked for tools.
    Failed,
}

/// What is known of a call without a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    Interrupted,
    /// Its answer broke off before it could be run.
    NotRun,
    /// A worker that is gone may have run it.
    Unknown,
}

impl Missing {
    fn result(self) -> &'static str {
        match self {
            Self::Interrupted => r#"{"error":"interrupted by the user before the tool returned a result"}"#,
            Self::NotRun => r#"{"error":"not run: the answer that asked for it broke off"}"#,
            Self::Unknown => {
                r#"{"error":"no result: the turn failed, and whether the tool did anything is not known"}"#
            }
        }
    }
}

/// A step under way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Partial {
    history_version: u32,
    model: Option<String>,
    parts: Vec<PartialPart>,
    replies: Vec<Reply>,
    answer: Option<NewMessage>,
    /// Another worker may have run the answer's tools.
    is_taken_up: bool,
}

#[derive(Debug, Clone)]
struct PartialPart {
    part: Part,
    complete: bool,
}

impl Partial {
    /// True where this is a step that continues the history.
    pub(crate) fn continues(&self, history_version: u32) -> bool {
        self.history_version == history_version
    }

    /// Begins a call of the model: what an earlier, failed one said is void.
    pub(super) fn begin(&mut self, history_version: u32) {
        *self = Self { history_version, ..Self::default() };
    }

    /// Takes up an answer that was kept.
    pub(crate) fn resume(&mut self, history_version: u32, answer: &Answer) {
        self.begin(history_version);
        self.answer = Some(answer.message.clone());
        self.is_taken_up = true;
    }

    pub(super) fn answered_by(&mut self, model: &str) {
        self.model = Some(model.to_owned());
    }

    pub(super) fn start(&mut self, part: Part) {
        self.parts.push(PartialPart { part, complete: false });
    }

    /// Appends a piece to the part with this number.
    pub(super) fn append(&mut self, index: usize, text: &str) {
        let Some(partial) = self.parts.get_mut(index) else { return };
        match &mut partial.part.body {
            Some(Body::Text(whole)) => whole.push_str(text),
            Some(Body::Reasoning(reasoning)) => reasoning.text.push_str(text),
            Some(Body::ToolCall(call)) => call.args.push_str(text),
            _ => {}
        }
    }

    pub(super) fn finish(&mut self, index: usize, part: Part) {
        if let Some(partial) = self.parts.get_mut(index) {
            *partial = PartialPart { part, complete: true };
        }
    }

    /// What is known of the part with this number.
    pub(super) fn part(&self, index: usize) -> Option<&Part> {
        self.parts.get(index).map(|partial| &partial.part)
    }

    /// The complete parts, in order.
    pub(super) fn take_parts(&mut self) -> Vec<Part> {
        self.parts.drain(..).map(|partial| partial.part).filter(|part| !is_blank(part)).collect()
    }

    /// The answer is complete, its tools are about to run.
    pub(super) fn answered(&mut self, answer: &Answer) {
        self.answer = Some(answer.message.clone());
    }

    /// A call is answered.
    pub(super) fn reply(&mut self, reply: Reply) {
        self.replies.push(reply);
    }

    /// The messages that keep what was said and done until a turn was stopped: texts as far as
    /// they came, whole tool calls, real results, and an error result for every other call.
    /// Nothing where nothing was said, or where it continued another history.
    pub(crate) fn into_stopped_messages(self, history_version: u32, reason: StopReason) -> Vec<NewMessage> {
        if !self.continues(history_version) {
            return Vec::new();
        }
        let mut message = match self.answer {
            Some(answer) => answer,
            None => {
                let said = self.parts.into_iter().filter_map(interrupted_part).collect();
                NewMessage { model: self.model, ..NewMessage::new(Role::Assistant, said) }
            }
        };
        message.content.retain(|part| !is_blank(part));
        drop_unanswered_provider_calls(&mut message.content);
        if message.content.is_empty() {
            return Vec::new();
        }
        message.finish_reason.get_or_insert(FinishReason::Unspecified);
        let missing = match reason {
            StopReason::Interrupted => Missing::Interrupted,
            StopReason::Failed if self.is_taken_up => Missing::Unknown,
            StopReason::Failed => Missing::NotRun,
        };
        let calls: Vec<ToolCall> = Answer::from_message(message.clone()).local_calls();
        let results = calls.into_iter().map(|call| {
            let real = self.replies.iter().find(|reply| answers(reply, &call.call_id)).cloned();
            tool_message(real.unwrap_or_else(|| vec![missing_result(call, missing)]))
        });
        let results: Vec<NewMessage> = results.collect();
        std::iter::once(message).chain(results).collect()
    }
}

/// Half a tool call is nothing that a provider would take back.
fn interrupted_part(partial: PartialPart) -> Option<Part> {
    let half_call = !partial.complete && matches!(partial.part.body, Some(Body::ToolCall(_)));
    (!half_call).then_some(partial.part)
}

/// True for a text without a word that carries nothing else either.
fn is_blank(part: &Part) -> bool {
    let empty = match &part.body {
        Some(Body::Text(text)) => text.is_empty(),
        Some(Body::Reasoning(reasoning)) => reasoning.text.is_empty() && !reasoning.redacted,
        None => true,
        _ => false,
    };
    empty && part.provider_metadata.is_empty()
}

/// A provider refuses a call of its own tool that has no result.
fn drop_unanswered_provider_calls(content: &mut Vec<Part>) {
    let answered: Vec<String> = content
        .iter()
        .filter_map(|part| match &part.body {
            Some(Body::ToolResult(result)) => Some(result.call_id.clone()),
            _ => None,
        })
        .collect();
    content.retain(|part| match &part.body {
        Some(Body::ToolCall(call)) if call.provider_executed => answered.contains(&call.call_id),
        _ => true,
    });
}

fn answers(reply: &Reply, call_id: &str) -> bool {
    reply.iter().any(|part| matches!(&part.body, Some(Body::ToolResult(result)) if result.call_id == call_id))
}

fn missing_result(call: ToolCall, missing: Missing) -> Part {
    let result = ToolResult {
        call_id: call.call_id,
        name: call.name,
        result: missing.result().to_owned(),
        is_error: true,
        provider_executed: false,
        ..ToolResult::default()
    };
    Part { body: Some(Body::ToolResult(result)), ..Part::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Part {
        Part { body: Some(Body::Text(text.to_owned())), ..Part::default() }
    }

    fn call(id: &str, provider_executed: bool) -> Part {
        let call = ToolCall {
            call_id: id.to_owned(),
            name: "execute".to_owned(),
            args: "{}".to_owned(),
            provider_executed,
            ..ToolCall::default()
        };
        Part { body: Some(Body::ToolCall(call)), ..Part::default() }
    }

    fn result(id: &str) -> Part {
        let result = ToolResult { call_id: id.to_owned(), result: "{}".to_owned(), ..ToolResult::default() };
        Part { body: Some(Body::ToolResult(result)), ..Part::default() }
    }

    #[test]
    fn an_interrupted_stream_keeps_its_text_and_drops_half_a_call() {
        let mut partial = Partial::default();
        partial.begin(4);
        partial.start(text(""));
        partial.append(0, "half a sen");
        partial.start(call("1", false));
        partial.append(1, "{\"comm");
        let messages = partial.into_stopped_messages(4, StopReason::Interrupted);
        assert_eq!(messages.len(), 1);
        assert_eq!(messages[0].content, [text("half a sen")]);
    }

    #[test]
    fn interrupted_tools_keep_real_results_and_answer_the_others_in_the_order_of_the_calls() {
        let answer = NewMessage::new(Role::Assistant, vec![text("both"), call("1", false), call("2", false)]);
        let mut partial = Partial::default();
        partial.begin(4);
        partial.answered(&Answer::from_message(answer));
        partial.reply(vec![result("2"), text("its file")]);
        let messages = partial.into_stopped_messages(4, StopReason::Interrupted);
        let ids: Vec<(String, bool)> = messages[1..]
            .iter()
            .map(|message| match &message.content[0].body {
                Some(Body::ToolResult(result)) => (result.call_id.clone(), result.is_error),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(ids, [("1".to_owned(), true), ("2".to_owned(), false)]);
        assert_eq!(messages[2].content[1..], [text("its file")], "what came with a result stays with it");
    }

    #[test]
    fn nothing_said_or_another_history_keeps_nothing() {
        let mut partial = Partial::default();
        partial.begin(4);
        partial.start(text(""));
        partial.start(call("ws", true));
        partial.finish(1, call("ws", true));
        assert_eq!(partial.into_stopped_messages(4, StopReason::Interrupted), []);

        let mut partial = Partial::default();
        partial.begin(4);
        partial.start(text("old"));
        assert_eq!(partial.into_stopped_messages(5, StopReason::Interrupted), []);
    }
}
