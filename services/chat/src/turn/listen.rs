//! Hears what a model says: every event goes into the partial answer, and into the episode where people watch.

use chatmesh_core::Clock;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, Reasoning, Role, ToolCall, Usage};
use chatmesh_proto::llm::v1::generate_response::Event;
use chatmesh_proto::llm::v1::{Finish, ResponseStarted};
use tokio::time::Instant;
use tracing::warn;

use super::{Answer, Partial};
use crate::domain::NewMessage;
use crate::parts::Episode;

/// Reads the events of a call.
pub(super) struct Listener<'a> {
    clock: &'a dyn Clock,
    /// Where people watch.
    episode: Option<&'a Episode>,
    partial: &'a mut Partial,
    started: Option<ResponseStarted>,
}

impl<'a> Listener<'a> {
    pub(super) fn new(clock: &'a dyn Clock, episode: Option<&'a Episode>, partial: &'a mut Partial) -> Self {
        Self { clock, episode, partial, started: None }
    }

    /// Who answers, once that is known.
    pub(super) fn started(&self) -> Option<&ResponseStarted> {
        self.started.as_ref()
    }

    pub(super) fn hear(&mut self, event: Event) {
        match event {
            Event::ResponseStarted(started) => {
                self.partial.answered_by(&started.model_name);
                self.started = Some(started);
            }
            Event::PartStarted(started) => {
                let mut part = started.part.unwrap_or_default();
                if has_times(&part) {
                    part.create_time = Some(self.clock.now().into());
                }
                if matches!(part.body, Some(Body::ToolCall(_))) {
                    self.show(started.index, part.clone());
                }
                self.partial.start(part);
            }
            Event::PartDelta(delta) => {
                let index = delta.index as usize;
                self.partial.append(index, &delta.text);
                if let Some(piece) = self.partial.part(index).and_then(|part| piece_of(part, delta.text)) {
                    self.show(delta.index, piece);
                }
            }
            Event::PartFinished(finished) => {
                let index = finished.index as usize;
                let mut part = finished.part.unwrap_or_default();
                if has_times(&part) {
                    part.create_time = self.partial.part(index).and_then(|begun| begun.create_time);
                    part.complete_time = Some(self.clock.now().into());
                }
                if !is_streamed_text(&part) {
                    self.show(finished.index, part.clone());
                }
                self.partial.finish(index, part);
            }
            Event::Warning(warning) => warn!(code = warning.code, "{}", warning.message),
            Event::Heartbeat(_) | Event::Finish(_) | Event::Error(_) => {}
        }
    }

    fn show(&self, index: u32, part: Part) {
        if let Some(episode) = self.episode {
            episode.push(Role::Assistant, index, part);
        }
    }

    /// The whole answer of a call that began at `began`.
    pub(super) fn answer(&mut self, finish: &Finish, began: Instant) -> Answer {
        let started = self.started.as_ref();
        let configured = started.map(|started| started.context_limit);
        let finish_reason = finish.reason();
        let mut message = NewMessage::new(Role::Assistant, self.partial.take_parts());
        message.model = started.map(|started| started.model_name.clone()).filter(|model| !model.is_empty());
        message.usage = finish.usage.filter(is_known);
        message.cost_micros = finish.cost_micros;
        // What the provider says of its model comes before what someone configured.
        message.context_limit = [Some(finish.context_limit), configured].into_iter().flatten().find(|limit| *limit > 0);
        message.finish_reason = Some(finish_reason);
        message.runtime_ms = Some(u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX));
        let kept = started.filter(|started| started.response_stored);
        message.provider_response_id = kept.map(|started| started.response_id.clone()).filter(|id| !id.is_empty());
        let answer = Answer { message, finish_reason };
        self.partial.answered(&answer);
        answer
    }
}

/// A provider that says nothing but zeros has not counted.
fn is_known(usage: &Usage) -> bool {
    let Usage { input_tokens, output_tokens, reasoning_tokens, cache_read_tokens, cache_write_tokens, total_tokens } =
        *usage;
    let counts = [input_tokens, output_tokens, reasoning_tokens, cache_read_tokens, cache_write_tokens, total_tokens];
    counts.into_iter().flatten().any(|count| count > 0)
}

/// Texts were sent piece by piece; everything else is sent whole when it is complete.
fn is_streamed_text(part: &Part) -> bool {
    matches!(part.body, Some(Body::Text(_) | Body::Reasoning(_)))
}

fn has_times(part: &Part) -> bool {
    matches!(part.body, Some(Body::Reasoning(_) | Body::ToolCall(_) | Body::ToolResult(_)))
}

/// A live part with a piece of the text, the reasoning or the arguments of `part`.
fn piece_of(part: &Part, text: String) -> Option<Part> {
    let body = match &part.body {
        Some(Body::Text(_)) => Body::Text(text),
        Some(Body::Reasoning(reasoning)) => Body::Reasoning(Reasoning { text, redacted: reasoning.redacted }),
        Some(Body::ToolCall(call)) => Body::ToolCall(ToolCall {
            call_id: call.call_id.clone(),
            name: call.name.clone(),
            args: String::new(),
            args_delta: text,
            provider_executed: call.provider_executed,
        }),
        _ => return None,
    };
    Some(Part { body: Some(body), ..Part::default() })
}

#[cfg(test)]
mod tests {
    use chatmesh_core::SystemClock;
    use chatmesh_proto::common::v1::FinishReason;

    use super::*;

    fn answer(started: ResponseStarted, finish: &Finish) -> NewMessage {
        let mut partial = Partial::default();
        let mut listener = Listener::new(&SystemClock, None, &mut partial);
        listener.hear(Event::ResponseStarted(started));
        listener.answer(finish, Instant::now()).message
    }

    /// L-T10: a count of zero is a count, and no count is none.
    #[test]
    fn what_a_provider_did_not_count_is_unknown_and_not_zero() {
        let used = |usage| {
            let finish = Finish { usage, reason: FinishReason::Stop.into(), ..Finish::default() };
            answer(ResponseStarted::default(), &finish).usage
        };
        assert_eq!(used(None), None);
        assert_eq!(used(Some(Usage::default())), None);
        let zeros = Usage { input_tokens: Some(0), output_tokens: Some(0), ..Usage::default() };
        assert_eq!(used(Some(zeros)), None, "a call without any token is a call that nobody counted");
        let usage = Usage { input_tokens: Some(5), output_tokens: Some(0), ..Usage::default() };
        assert_eq!(used(Some(usage)), Some(usage));
    }

    #[tokio::test]
    async fn the_limit_that_the_provider_names_comes_first() {
        let limit = |configured, named| {
            let started = ResponseStarted { context_limit: configured, ..ResponseStarted::default() };
            answer(started, &Finish { context_limit: named, ..Finish::default() }).context_limit
        };
        assert_eq!((limit(100, 0), limit(100, 50), limit(0, 50), limit(0, 0)), (Some(100), Some(50), Some(50), None));
    }

    #[tokio::test]
    async fn only_an_answer_that_is_kept_can_be_continued() {
        let id = |response_stored| {
            let response_id = "resp_1".to_owned();
            let started = ResponseStarted { response_id, response_stored, ..ResponseStarted::default() };
            answer(started, &Finish::default()).provider_response_id
        };
        assert_eq!((id(true), id(false)), (Some("resp_1".to_owned()), None));
    }
}
