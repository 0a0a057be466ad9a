//! One call of a model.

use std::time::Duration;

use chatmesh_proto::common::v1::{ErrorKind, FinishReason, GenerationError};
use chatmesh_proto::llm::v1::generate_response::Event;
use chatmesh_proto::llm::v1::llm_service_client::LlmServiceClient;
use chatmesh_proto::llm::v1::{GenerateRequest, ResponseStarted};
use chatmesh_rpc::client::request_on_behalf_of;
use tokio::time::{Instant, timeout_at};
use tonic::{Code, Status};

use super::Answer;
use super::listen::Listener;
use crate::domain::Chat;
use crate::metrics::{ModelLabels, StageLabels};
use crate::state::State;

/// How much longer than the service that calls the provider this waits: that one knows better what is wrong.
const GRACE: Duration = Duration::from_secs(30);

/// HTTP's word for what is not there.
const NOT_FOUND: u32 = 404;

/// True where there is no such model in the mesh: no provider was asked.
pub(super) fn is_gone(error: &GenerationError) -> bool {
    error.status_code == Some(NOT_FOUND) && error.provider.is_empty()
}

/// What a model said, and who it is.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) answer: Answer,
    pub(super) started: ResponseStarted,
}

/// How long the service that calls the provider may be silent. The time for the first part is not prolonged by
/// anything else that comes; the first part changes the deadline in the same breath in which it is read.
#[derive(Debug)]
struct Guard {
    deadline: Instant,
    silence: Duration,
    has_part: bool,
}

impl Guard {
    fn new(state: &State, began: Instant) -> Self {
        let config = &state.config;
        Self {
            deadline: began + config.start_timeout + GRACE,
            silence: config.silence_timeout + GRACE,
            has_part: false,
        }
    }

    /// Waits for what comes next. What is there counts, even at the very end of the time.
    async fn wait<T>(&self, next: impl Future<Output = Result<T, Status>>) -> Result<T, GenerationError> {
        match timeout_at(self.deadline, next).await {
            Ok(next) => next.map_err(|status| unavailable(&status)),
            Err(_) => Err(silent(self.has_part)),
        }
    }

    fn heard(&mut self, event: &Event) {
        self.has_part |= matches!(event, Event::PartStarted(_));
        if self.has_part {
            self.deadline = Instant::now() + self.silence;
        }
    }
}

/// Calls a model once and listens to the end.
pub(super) async fn call(
    state: &State,
    chat: &Chat,
    mut request: GenerateRequest,
    size: (usize, usize),
    mut listener: Listener<'_>,
) -> Result<Heard, GenerationError> {
    let began = Instant::now();
    let mut guard = Guard::new(state, began);
    request.start_timeout_ms = millis(state.config.start_timeout);
    request.silence_timeout_ms = millis(state.config.silence_timeout);
    let mut llm = LlmServiceClient::new(state.neighbours.llm.clone())
        .max_decoding_message_size(chatmesh_rpc::MAX_MESSAGE_BYTES)
        .max_encoding_message_size(chatmesh_rpc::MAX_MESSAGE_BYTES);
    let request = request_on_behalf_of(chat.owner_id, request);
    let mut events = guard.wait(llm.generate(request)).await?.into_inner();
    while let Some(response) = guard.wait(events.message()).await? {
        let Some(event) = response.event else { continue };
        let is_first_part = !guard.has_part && matches!(event, Event::PartStarted(_));
        guard.heard(&event);
        match event {
            Event::Finish(finish) if finish.reason() == FinishReason::Error => return Err(broken_off()),
            Event::Finish(finish) => {
                state.metrics.turn.stage(&StageLabels::GENERATE, began.elapsed());
                let answer = listener.answer(&finish, began);
                let started = listener.started().cloned().unwrap_or_default();
                return Ok(Heard { answer, started });
            }
            Event::Error(error) => return Err(error),
            event => listener.hear(event),
        }
        if is_first_part {
            measure(state, &listener, size, began);
        }
    }
    Err(cut_off("the answer ended without an end"))
}

/// The first part is there: who answers is known by now.
fn measure(state: &State, listener: &Listener<'_>, (messages, bytes): (usize, usize), began: Instant) {
    let metrics = &state.metrics.turn;
    let labels = listener.started().map(labels).unwrap_or_default();
    metrics.ttft.get_or_create(&labels).observe(began.elapsed().as_secs_f64());
    metrics.message_count.get_or_create(&labels).observe(messages as f64);
    metrics.prompt_size.get_or_create(&labels).observe(bytes as f64);
}

/// Who answers, for the metrics.
pub(super) fn labels(started: &ResponseStarted) -> ModelLabels {
    ModelLabels { provider: started.provider.clone(), model: started.model_name.clone() }
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

/// The model could not be asked, or the connection to the service that asks it broke.
fn unavailable(status: &Status) -> GenerationError {
    match status.code() {
        Code::NotFound => GenerationError {
            message: status.message().to_owned(),
            kind: ErrorKind::Config.into(),
            status_code: Some(NOT_FOUND),
            ..GenerationError::default()
        },
        Code::InvalidArgument
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

fn silent(has_part: bool) -> GenerationError {
    let message = if has_part { "The model fell silent." } else { "The model did not begin to answer." };
    GenerationError {
        message: message.to_owned(),
        kind: ErrorKind::StreamSilenceTimeout.into(),
        retryable: true,
        partial_output: has_part,
        ..GenerationError::default()
    }
}

fn broken_off() -> GenerationError {
    GenerationError {
        message: "The provider broke its answer off.".to_owned(),
        kind: ErrorKind::Generic.into(),
        retryable: true,
        ..GenerationError::default()
    }
}
