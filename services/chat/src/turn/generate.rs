//! One answer of the model, and the calls that it takes. This is the only place that makes a call again.

use chatmesh_proto::common::v1::{ErrorKind, GenerationError};
use chatmesh_proto::llm::v1::GenerateRequest;
use tracing::{Instrument as _, info, info_span, warn};

use super::attempt::{self, Heard};
use super::listen::Listener;
use super::{Answer, Partial, Turn, Work, retry};
use crate::metrics::RetryLabels;
use crate::store::StoreError;

/// How a call ended for good.
pub(super) enum Generated {
    /// With an answer.
    Answer(Answer),
    /// The conversation is longer than the model's context.
    Overflow(GenerationError),
    /// With an error that more calls would not mend.
    Failed(GenerationError),
}

/// Calls the model until it answers, or fails in a way that trying again does not mend.
pub(super) async fn generate(turn: &mut Turn, work: &mut Work, partial: &mut Partial) -> Result<Generated, StoreError> {
    loop {
        // Also where it was another worker that saw the call fail.
        if let Some(retry) = &turn.chat.retry_state {
            tokio::time::sleep(retry::remaining(retry, turn.state.clock.now())).await;
        }
        // Also where workers ended in the middle of all of them, which is no failure that anybody saw.
        if turn.failures() >= turn.state.config.max_attempts {
            return Ok(Generated::Failed(given_up(turn)));
        }
        let episode = turn.begin_attempt().await?;
        let history = turn.chat.versions.history;
        partial.begin(history);
        let request = request(turn, work);
        let is_chained = request.chain.is_some();
        let span = info_span!("llm.generate", gen_ai.request.model = %turn.chat.model, gen_ai.operation.name = "chat");
        let heard = {
            let _streaming = turn.phase.streaming();
            let listener = Listener::new(&*turn.state.clock, Some(&episode), partial);
            let size = work.prompt.size();
            attempt::call(&turn.state, &turn.chat, request, size, listener).instrument(span).await
        };
        let error = match heard {
            Ok(Heard { answer, started }) => {
                work.heard(&started);
                return Ok(Generated::Answer(answer));
            }
            Err(error) => error,
        };
        if is_chained && (error.chain_broken || is_refused(&error)) {
            info!(chat = %turn.chat.id, "the provider does not continue the answer before: sending it all");
            work.chain_is_broken = true;
            turn.forgive_attempt();
            count(turn, &error);
            partial.begin(history);
            continue;
        }
        if attempt::is_gone(&error) && !work.model(&turn.chat).is_empty() {
            warn!(chat = %turn.chat.id, model = %turn.chat.model, "the chat's model is gone: asking the default");
            work.model_is_gone = true;
            turn.forgive_attempt();
            continue;
        }
        if error.context_overflow {
            partial.begin(history);
            return Ok(Generated::Overflow(error));
        }
        let failures = turn.failures();
        if !error.retryable || failures >= turn.state.config.max_attempts {
            return Ok(Generated::Failed(error));
        }
        // What the failed call said is void from here on, also for an interruption in the pause.
        partial.begin(history);
        put_off(turn, failures, &error).await?;
    }
}

/// No call came to an end in all of its attempts.
fn given_up(turn: &Turn) -> GenerationError {
    GenerationError {
        message: "The model was asked again and again, and no answer came to its end. Send the message again."
            .to_owned(),
        detail: turn.chat.retry_state.as_ref().map(|retry| retry.error.clone()).unwrap_or_default(),
        kind: ErrorKind::Generic.into(),
        ..GenerationError::default()
    }
}

/// The provider found fault with the request as such: what it keeps and what was sent may not go together.
fn is_refused(error: &GenerationError) -> bool {
    error.status_code == Some(400) && error.kind() == ErrorKind::Generic && !error.retryable
}

fn request(turn: &Turn, work: &Work) -> GenerateRequest {
    GenerateRequest {
        model: work.model(&turn.chat),
        messages: work.prompt.messages(),
        tools: work.toolbox.definitions.clone(),
        chat_id: turn.chat.id.to_string(),
        user_id: turn.chat.owner_id.to_string(),
        chain: work.chain(&turn.chat),
        ..GenerateRequest::default()
    }
}

/// Says that the call will be made again, and when. What was said until then is void.
async fn put_off(turn: &mut Turn, failures: u32, error: &GenerationError) -> Result<(), StoreError> {
    let now = turn.state.clock.now();
    let state = retry::state(failures, retry::delay(failures, error), error, now);
    turn.chat = turn.state.store.record_retry(turn.fence(), state, now).await?;
    count(turn, error);
    turn.state.hints.changed(&turn.chat).await;
    Ok(())
}

fn count(turn: &Turn, error: &GenerationError) {
    let labels = RetryLabels {
        provider: error.provider.clone(),
        model: turn.chat.model.clone(),
        kind: if error.chain_broken { "chain_broken" } else { kind(error.kind()) },
    };
    turn.state.metrics.turn.retries.get_or_create(&labels).inc();
}

/// The word for a kind of failure.
fn kind(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Unspecified | ErrorKind::Generic => "generic",
        ErrorKind::Overloaded => "overloaded",
        ErrorKind::RateLimit => "rate_limit",
        ErrorKind::Timeout => "timeout",
        ErrorKind::StreamSilenceTimeout => "stream_silence_timeout",
        ErrorKind::Auth => "auth",
        ErrorKind::Config => "config",
        ErrorKind::UsageLimit => "usage_limit",
        ErrorKind::MissingKey => "missing_key",
        ErrorKind::ProviderDisabled => "provider_disabled",
        ErrorKind::ContentFilter => "content_filter",
    }
}
