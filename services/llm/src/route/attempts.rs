//! Asks the candidates of a call one after the other. Nothing is asked again once something was
//! said: from then on the caller has a part of the answer, and only the caller can void it.

use std::sync::Arc;
use std::time::Duration;

use async_stream::stream;
use chatmesh_proto::common::v1::{ErrorKind, GenerationError};
use chatmesh_proto::llm::v1::{GenerateRequest, GenerateResponse};
use chatmesh_rpc::UserId;
use futures::{Stream, StreamExt as _};
use tokio::time::Instant;

use super::candidate::{Candidate, OpenKey};
use super::pool::{Chosen, Rest};
use crate::client::{How, Tap};
use crate::codec::Event;
use crate::metrics::{LlmMetrics, RestLabels};
use crate::spend::account::Account;
use crate::state::State;

/// How many calls of providers one call may become.
const MAX_ATTEMPTS: u32 = 8;

/// How long the first part may take where the request does not say; as in the client.
const DEFAULT_START_TIMEOUT: Duration = Duration::from_secs(60);

/// What is left must be worth a call.
const MIN_ATTEMPT: Duration = Duration::from_secs(1);

/// A call, ready to be made.
#[derive(Debug)]
pub(crate) struct Call {
    /// Whom to ask, in this order; at least one.
    pub(crate) plan: Arc<[Arc<Candidate>]>,
    pub(crate) request: GenerateRequest,
    /// Whose keys may be used.
    pub(crate) user: Option<UserId>,
    /// Whether what is sent and what comes back is kept, for models that want it, or for all.
    pub(crate) keeps_debug: fn(&Candidate) -> bool,
    pub(crate) account: Account,
    /// As [`How::is_short`].
    pub(crate) is_short: bool,
}

/// Makes a call. The stream ends with exactly one `finish` or `error`.
pub(crate) fn run(state: Arc<State>, call: Call) -> impl Stream<Item = GenerateResponse> + Send {
    let Call { plan, request, user, keeps_debug, mut account, is_short } = call;
    let events = stream! {
        let began = Instant::now();
        let start_timeout = match request.start_timeout_ms {
            0 => DEFAULT_START_TIMEOUT,
            millis => Duration::from_millis(u64::from(millis)),
        };
        let start_by = began + start_timeout;
        let mut request = Some(Arc::new(request));
        let mut attempts = 0;
        let mut failure: Option<GenerationError> = None;
        'plan: for (position, candidate) in plan.iter().enumerate() {
            let is_last = position + 1 == plan.len();
            let keys = match usable_keys(&state, user, candidate).await {
                Ok(keys) => keys,
                // The error of the model that was asked for says more than that of a fallback.
                Err(error) => match failure.is_some() {
                    true => continue,
                    false => {
                        failure = Some(error);
                        break;
                    }
                },
            };
            if position > 0 {
                request = request.map(without_chain);
            }
            let mut tried = 0_u64;
            loop {
                // Where everything rests, something is asked all the same.
                let anyway = is_last && failure.is_none();
                let chosen = state.router.pool.choose(candidate.provider_id, &keys, tried, anyway);
                let Some(chosen) = chosen else { break };
                tried |= 1 << chosen.at;
                attempts += 1;
                let is_final = attempts >= MAX_ATTEMPTS || (is_last && tried.count_ones() as usize >= keys.len());
                let key = &keys[chosen.at];
                let Some(outgoing) = (if is_final { request.take() } else { request.clone() }) else { break 'plan };
                let tap = keeps_debug(candidate).then(Tap::default);
                account.attempt(candidate, key, tap.clone());
                let how = How { start_by: Some(share(began, start_by, is_final)), tap, is_short };
                let mut events = std::pin::pin!(state.client.call(Arc::clone(&key.target), outgoing, how));
                let mut chosen = Some(chosen);
                let mut held = Vec::new();
                let mut has_spoken = false;
                let mut refused = None;
                while let Some(event) = events.next().await {
                    account.hear(&event);
                    match event {
                        Event::Error(error) if !has_spoken => {
                            refused = Some(error);
                            break;
                        }
                        Event::Error(error) => {
                            learn(&state.metrics, candidate, chosen.take(), Some(&error));
                            account.failed(&error).await;
                            yield Event::Error(error);
                            return;
                        }
                        Event::Finish(finish) => {
                            learn(&state.metrics, candidate, chosen.take(), None);
                            for event in held.drain(..) {
                                yield event;
                            }
                            account.finished(&finish).await;
                            yield Event::Finish(finish);
                            return;
                        }
                        // Who answers is known when something is said.
                        Event::ResponseStarted(_) | Event::Warning(_) if !is_final && !has_spoken => held.push(event),
                        event => {
                            if matches!(event, Event::PartStarted(_)) && !has_spoken {
                                has_spoken = true;
                                request = None;
                                learn(&state.metrics, candidate, chosen.take(), None);
                                for event in held.drain(..) {
                                    yield event;
                                }
                            }
                            yield event;
                        }
                    }
                }
                let Some(error) = refused else { break 'plan };
                learn(&state.metrics, candidate, chosen.take(), Some(&error));
                let is_of_key = Rest::after(&error).is_some();
                let may_go_on = !is_final && start_by.saturating_duration_since(Instant::now()) > MIN_ATTEMPT;
                let may_fall_back = falls_back(&error);
                failure = Some(error);
                if !may_go_on {
                    break 'plan;
                }
                if is_of_key && (tried.count_ones() as usize) < keys.len() {
                    continue;
                }
                if !may_fall_back {
                    break 'plan;
                }
                break;
            }
        }
        let error = failure.unwrap_or_else(|| broken_off(&plan));
        account.failed(&error).await;
        yield Event::Error(error);
    };
    events.map(|event| GenerateResponse { event: Some(event) })
}

/// The keys that a call may use for a model; a model that cannot be called says why.
pub(crate) async fn usable_keys(
    state: &State,
    user: Option<UserId>,
    candidate: &Candidate,
) -> Result<Arc<[Arc<OpenKey>]>, GenerationError> {
    let own = state.router.own_keys(user, candidate).await.map_err(|error| GenerationError {
        // Not the user's fault and not the key's: it may work in a moment.
        message: "The keys of the mesh cannot be read at the moment.".to_owned(),
        detail: error.to_string(),
        kind: ErrorKind::Generic.into(),
        retryable: true,
        ..GenerationError::default()
    })?;
    candidate.keys(own)
}

/// Until when an attempt must have begun to answer: half of what is left where others may follow.
fn share(began: Instant, start_by: Instant, is_final: bool) -> Instant {
    let now = Instant::now().max(began);
    match is_final {
        true => start_by,
        false => now + start_by.saturating_duration_since(now) / 2,
    }
}

/// Another model may answer where this one cannot.
pub(crate) fn falls_back(error: &GenerationError) -> bool {
    match error.kind() {
        ErrorKind::Overloaded
        | ErrorKind::RateLimit
        | ErrorKind::Timeout
        | ErrorKind::StreamSilenceTimeout
        | ErrorKind::Auth
        | ErrorKind::UsageLimit => true,
        ErrorKind::Generic => error.status_code.is_some_and(|status| status >= 500),
        _ => false,
    }
}

/// Another model does not have the answer that this one keeps.
fn without_chain(request: Arc<GenerateRequest>) -> Arc<GenerateRequest> {
    if request.chain.is_none() {
        return request;
    }
    Arc::new(GenerateRequest { chain: None, ..Arc::unwrap_or_clone(request) })
}

/// Tells the keys what came of a call.
pub(crate) fn learn(
    metrics: &LlmMetrics,
    candidate: &Candidate,
    chosen: Option<Chosen>,
    error: Option<&GenerationError>,
) {
    let Some(chosen) = chosen else { return };
    let Some(error) = error else { return chosen.well() };
    if let Some(rest) = Rest::after(error) {
        let reason = match error.kind() {
            ErrorKind::Auth => "auth",
            ErrorKind::UsageLimit => "usage_limit",
            _ => "rate_limit",
        };
        metrics.key_rests.get_or_create(&RestLabels { provider: candidate.provider.clone(), reason }).inc();
        chosen.rest(rest);
    }
}

/// The client promises an end; this is for the day on which it breaks the promise.
fn broken_off(plan: &[Arc<Candidate>]) -> GenerationError {
    let classifier = plan.first().map(|candidate| candidate.target.classifier()).unwrap_or_default();
    classifier.classify(&crate::classify::Failure::incomplete())
}
