//! One call of the model, and its repetitions.

use std::time::Instant;

use chatmesh_core::Clock;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{ErrorKind, GenerationError, Part, Reasoning, Role, ToolCall, ToolDefinition};
use chatmesh_proto::llm::v1::generate_response::Event;
use chatmesh_proto::llm::v1::llm_service_client::LlmServiceClient;
use chatmesh_proto::llm::v1::{Finish, GenerateRequest, ResponseStarted};
use chatmesh_rpc::client::request_on_behalf_of;
use tonic::{Code, Status};
use tracing::{Instrument as _, info_span, warn};

use super::prompt::Prompt;
use super::{Answer, Partial, Turn, retry};
use crate::domain::NewMessage;
use crate::parts::Episode;
use crate::store::StoreError;

/// How a call ended for good.
pub(super) enum Generated {
    /// With an answer.
    Answer(Answer),
    /// With an error that more calls would not mend.
    Failed(GenerationError),
}

/// Calls the model until it answers, or fails in a way that trying again does not mend.
pub(super) async fn generate(
    turn: &mut Turn,
    prompt: &Prompt,
    tools: &[ToolDefinition],
    partial: &mut Partial,
) -> Result<Generated, StoreError> {
    loop {
        turn.chat = turn.state.store.record_attempt(turn.fence(), turn.state.clock.now()).await?;
        let versions = turn.chat.versions;
        let episode = turn.state.episodes.open(turn.chat.id, versions.history, versions.generation_attempt);
        turn.state.hints.changed(&turn.chat).await;
        partial.begin(versions.history);

        let request = GenerateRequest {
            model: turn.chat.model.clone(),
            messages: prompt.messages(),
            tools: tools.to_vec(),
            chat_id: turn.chat.id.to_string(),
            ..GenerateRequest::default()
        };
        let span = info_span!("llm.generate", gen_ai.request.model = %turn.chat.model, gen_ai.operation.name = "chat");
        let attempt = call(turn, request, &episode, partial).instrument(span).await;
        let error = match attempt {
            Ok(answer) => return Ok(Generated::Answer(answer)),
            Err(error) => error,
        };
        let failures = versions.generation_attempt;
        if !error.retryable || failures >= turn.state.config.max_attempts {
            return Ok(Generated::Failed(error));
        }
        // What the failed call said is void from here on, also for an interruption in the pause.
        partial.begin(versions.history);
        pause(turn, failures, &error).await?;
    }
}

/// Says that the call will be made again, and waits. What was said until then is void.
async fn pause(turn: &mut Turn, failures: u32, error: &GenerationError) -> Result<(), StoreError> {
    let delay = retry::delay(failures, error);
    let now = turn.state.clock.now();
    let state = retry::state(failures, delay, error, now);
    turn.chat = turn.state.store.record_retry(turn.fence(), state, now).await?;
    turn.state.metrics.retries.inc();
    turn.state.hints.changed(&turn.chat).await;
    tokio::time::sleep(delay).await;
    Ok(())
}

async fn call(
    turn: &Turn,
    request: GenerateRequest,
    episode: &Episode,
    partial: &mut Partial,
) -> Result<Answer, GenerationError> {
    let began = Instant::now();
    let mut llm = LlmServiceClient::new(turn.state.neighbours.llm.clone())
        .max_decoding_message_size(chatmesh_rpc::MAX_MESSAGE_BYTES)
        .max_encoding_message_size(chatmesh_rpc::MAX_MESSAGE_BYTES);
    let request = request_on_behalf_of(turn.chat.owner_id, request);
    let mut events = llm.generate(request).await.map_err(|status| unavailable(&status))?.into_inner();
    let mut reader = Reader { clock: &*turn.state.clock, episode, partial, started: None };
    let mut silent = true;
    while let Some(response) = events.message().await.map_err(|status| unavailable(&status))? {
        match response.event {
            Some(Event::Finish(finish)) => return Ok(reader.answer(&finish, began)),
            Some(Event::Error(error)) => return Err(error),
            Some(event) => {
                if silent && matches!(event, Event::PartStarted(_)) {
                    silent = false;
                    turn.state.metrics.ttft.observe(began.elapsed().as_secs_f64());
                }
                reader.read(event);
            }
            None => {}
        }
    }
    Err(cut_off("the answer ended without an end"))
}

/// Reads the events of a call into the partial answer and the episode.
struct Reader<'a> {
    clock: &'a dyn Clock,
    episode: &'a Episode,
    partial: &'a mut Partial,
    started: Option<ResponseStarted>,
}

impl Reader<'_> {
    fn read(&mut self, event: Event) {
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
                    self.episode.push(Role::Assistant, started.index, part.clone());
                }
                self.partial.start(part);
            }
            Event::PartDelta(delta) => {
                let index = delta.index as usize;
                self.partial.append(index, &delta.text);
                if let Some(piece) = self.partial.part(index).and_then(|part| piece_of(part, delta.text)) {
                    self.episode.push(Role::Assistant, delta.index, piece);
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
                    self.episode.push(Role::Assistant, finished.index, part.clone());
                }
                self.partial.finish(index, part);
            }
            Event::Warning(warning) => warn!(code = warning.code, "{}", warning.message),
            Event::Heartbeat(_) | Event::Finish(_) | Event::Error(_) => {}
        }
    }

    fn answer(&mut self, finish: &Finish, began: Instant) -> Answer {
        let started = self.started.take().unwrap_or_default();
        let finish_reason = finish.reason();
        let mut message = NewMessage::new(Role::Assistant, self.partial.take_parts());
        message.model = Some(started.model_name).filter(|model| !model.is_empty());
        message.usage = finish.usage;
        message.context_limit = Some(started.context_limit).filter(|limit| *limit > 0);
        message.finish_reason = Some(finish_reason);
        message.runtime_ms = Some(u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX));
        let answer = Answer { message, finish_reason };
        self.partial.answered(&answer);
        answer
    }
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

/// The model could not be asked, or the connection to the service that asks it broke.
fn unavailable(status: &Status) -> GenerationError {
    match status.code() {
        Code::InvalidArgument
        | Code::NotFound
        | Code::FailedPrecondition
        | Code::PermissionDenied
        | Code::Unauthenticated
        | Code::OutOfRange
        | Code::Unimplemented => GenerationError {
            message: status.message().to_owned(),
            kind: ErrorKind::Config.into(),
            ..GenerationError::default()
        },
        _ => cut_off(status.message()),
    }
}

fn cut_off(detail: &str) -> GenerationError {
    GenerationError {
        message: "The connection to the model was lost.".to_owned(),
        detail: detail.to_owned(),
        kind: ErrorKind::Timeout.into(),
        retryable: true,
        ..GenerationError::default()
    }
}
