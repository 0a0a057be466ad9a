//! What was said and done in a step that is not committed yet: what an interruption keeps.

mod missing;

use chatmesh_core::Uuid;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{FinishReason, Part, Role, ToolCall};

use super::answer::local_calls;
use super::{Answer, Reply, tool_message};
use crate::domain::NewMessage;
use missing::{Missing, is_command};

/// Why a step ended before its time; the model reads it as the result of every call without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// Its user stopped it.
    Interrupted,
    /// The turn failed after the model had asked for tools.
    Failed,
}

/// Commands whose calls were given up: nobody waits for them any more, and their calls are not made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Abandoned {
    /// Where they run.
    pub(super) workspace: Uuid,
    /// The calls.
    pub(super) calls: Vec<ToolCall>,
}

/// A step under way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Partial {
    history_version: u32,
    model: Option<String>,
    parts: Vec<PartialPart>,
    replies: Vec<Reply>,
    answer: Option<NewMessage>,
    /// The answer's tools may have been run, here or by another worker.
    may_have_run: bool,
    /// The workspace that they act on.
    workspace: Option<Uuid>,
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

    /// Takes up an answer that was kept, whose tools act on `workspace`.
    pub(crate) fn resume(&mut self, history_version: u32, answer: &Answer, workspace: Option<Uuid>) {
        self.begin(history_version);
        self.answer = Some(answer.message.clone());
        self.run_tools(workspace);
    }

    /// The tools that the answer asks for are run from here on, in `workspace`.
    pub(super) fn run_tools(&mut self, workspace: Option<Uuid>) {
        self.may_have_run = true;
        self.workspace = workspace;
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

    /// The commands that may run and that nobody would wait for any more. Nothing where another history goes on.
    pub(crate) fn commands_at_work(&self, history_version: u32) -> Option<Abandoned> {
        let workspace = self.workspace.filter(|_| self.may_have_run && self.continues(history_version))?;
        let calls = self.answer.iter().flat_map(|answer| local_calls(&answer.content));
        let is_answered = |call: &ToolCall| self.replies.iter().any(|reply| answers(reply, &call.call_id));
        let calls: Vec<ToolCall> = calls.filter(|call| is_command(call) && !is_answered(call)).cloned().collect();
        (!calls.is_empty()).then_some(Abandoned { workspace, calls })
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
        let missing = Missing::of(reason, self.may_have_run);
        let calls: Vec<ToolCall> = Answer::from_message(message.clone()).local_calls();
        let results = calls.into_iter().map(|call| {
            let real = self.replies.iter().find(|reply| answers(reply, &call.call_id)).cloned();
            tool_message(real.unwrap_or_else(|| vec![missing.answer(call)]))
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

#[cfg(test)]
mod tests {
    use chatmesh_proto::common::v1::ToolResult;

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

    /// The results of the calls of an answer that was stopped.
    fn told(partial: Partial, reason: StopReason) -> Vec<String> {
        let messages = partial.into_stopped_messages(4, reason);
        let results = messages.iter().flat_map(|message| &message.content).filter_map(|part| match &part.body {
            Some(Body::ToolResult(result)) => Some(result.result.clone()),
            _ => None,
        });
        results.collect()
    }

    fn named(id: &str, name: &str) -> Part {
        let Some(Body::ToolCall(call)) = call(id, false).body else { panic!("no call") };
        Part { body: Some(Body::ToolCall(ToolCall { name: name.to_owned(), ..call })), ..Part::default() }
    }

    /// What may have been done is unknown, and what was not begun was not run: a model that is told otherwise does it
    /// twice, or not at all.
    #[test]
    fn a_call_without_a_result_says_what_is_known_of_it() {
        let mut broken = Partial::default();
        broken.begin(4);
        broken.start(named("1", "look"));
        broken.finish(0, named("1", "look"));
        let content = vec![named("1", "look"), named("2", "execute")];
        let answer = Answer::from_message(NewMessage::new(Role::Assistant, content));
        let mut running = Partial::default();
        running.begin(4);
        running.answered(&answer);
        let waiting = running.clone();
        running.run_tools(None);
        let mut taken_up = Partial::default();
        taken_up.resume(4, &answer, None);
        use StopReason::{Failed, Interrupted};
        for (partial, reason, expected) in [
            (&broken, Interrupted, &["not run"] as &[&str]),
            (&broken, Failed, &["not run"]),
            (&waiting, Interrupted, &["not run", "not run"]),
            (&waiting, Failed, &["not run", "not run"]),
            (&running, Interrupted, &["interrupted by the user", "told to end"]),
            (&running, Failed, &["is not known", "is not known"]),
            (&taken_up, Interrupted, &["interrupted by the user", "told to end"]),
            (&taken_up, Failed, &["is not known", "is not known"]),
        ] {
            let told = told(partial.clone(), reason);
            assert_eq!(told.len(), expected.len(), "{told:?}");
            assert!(told.iter().zip(expected).all(|(told, expected)| told.contains(expected)), "{reason:?}: {told:?}");
            let may_run: Vec<bool> = told.iter().map(|told| told.contains("`process_list`")).collect();
            let is_known = told.iter().all(|told| told.contains("not run"));
            assert_eq!(may_run, if is_known { vec![false; told.len()] } else { vec![false, true] }, "{told:?}");
        }
    }

    #[test]
    fn only_commands_without_a_result_that_may_run_are_at_work() {
        let content = vec![named("1", "execute"), named("2", "look"), named("3", "execute")];
        let answer = Answer::from_message(NewMessage::new(Role::Assistant, content));
        let mut partial = Partial::default();
        partial.begin(4);
        partial.answered(&answer);
        assert_eq!(partial.commands_at_work(4), None, "they were not begun");
        let workspace = Uuid::from_u128(7);
        partial.run_tools(Some(workspace));
        partial.reply(vec![result("1")]);
        let at_work = partial.commands_at_work(4).expect("one");
        let ids: Vec<&str> = at_work.calls.iter().map(|call| call.call_id.as_str()).collect();
        assert_eq!((at_work.workspace, ids), (workspace, vec!["3"]));
        assert_eq!(partial.commands_at_work(5), None, "another history");
        partial.reply(vec![result("3")]);
        assert_eq!(partial.commands_at_work(4), None, "all have ended");
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
