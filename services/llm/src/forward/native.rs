//! Passes a request on to a provider that speaks the client's protocol.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chatmesh_proto::common::v1::{ErrorKind, GenerationError};
use chatmesh_proto::llm::v1::{ForwardResponse, GenerateRequest, HttpHeader, ResponseStarted};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::time::{Instant, sleep};

use super::answer::{self, Pieces, request_ids};
use super::body::Head;
use super::headers::{is_retry, upward};
use super::passing::streamed;
use super::retry::Retries;
use super::tap::Tap;
use super::veil::Veil;
use super::{Job, SOURCE, translated};
use crate::Error;
use crate::api::open_account;
use crate::classify::{Cause, Failure};
use crate::client::{Limits, Passed, Target};
use crate::codec::Event;
use crate::compat::{Dialect, Echo, Streamer};
use crate::provider::compose;
use crate::route::attempts::{falls_back, learn, usable_keys};
use crate::route::{Candidate, OpenKey, Rest};
use crate::spend::account::Account;
use crate::spend::estimate::body_tokens;

const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");
const OLDEST_VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

/// The statuses with which a provider finds fault with what the client sent: its own words say best
/// what that is.
const FAULTS_OF_THE_CLIENT: [u16; 5] = [400, 404, 409, 413, 422];

/// A call that is ready to be made, once or again.
pub(super) struct Call {
    pub(super) job: Job,
    plan: Arc<[Arc<Candidate>]>,
    candidate: Arc<Candidate>,
    keys: Arc<[Arc<OpenKey>]>,
    path: &'static str,
    is_stream: bool,
    headers: HeaderMap,
    body: Bytes,
}

/// A failure before the answer began.
pub(super) struct Refused {
    pub(super) error: GenerationError,
    /// The provider's own words, where they are the client's to read.
    reply: Option<ForwardResponse>,
}

/// Passes a call of the first model of a plan on. Where that one cannot answer, the others are asked.
pub(super) async fn answer(job: Job, head: Head, plan: Arc<[Arc<Candidate>]>) -> Result<Pieces, Error> {
    let wants_usage = job.dialect == Dialect::ChatCompletions;
    let body = head.rewrite(&job.request.body, &plan[0].target.model, wants_usage);
    let body = job.dialect.without_carried(body);
    let hides_usage = wants_usage && !head.includes_usage;
    let path = match job.dialect {
        Dialect::ChatCompletions => "chat/completions",
        Dialect::Responses => "responses",
        Dialect::Messages => "messages",
    };
    let call = match Call::prepare(job, plan, path, body, head.stream).await {
        Ok(call) => call,
        Err(pieces) => return Ok(pieces),
    };
    let mut account = match call.open_account(&head).await? {
        Ok(account) => account,
        Err(error) => return Ok(call.job.failed(&error)),
    };
    if head.stream {
        return Ok(Box::pin(streamed(call, account, hides_usage)));
    }
    match call.whole(&mut account).await {
        Ok(answer) => Ok(answer::only(answer)),
        Err(refused) => match call.fallbacks(&refused.error) {
            Some(plan) => translated::answer(call.job, plan).await,
            None => Ok(answer::only(call.refusal(refused))),
        },
    }
}

/// Lets the provider count the tokens of a prompt, which costs nothing. Many servers that speak the protocol
/// cannot: where there is no such address, the client gets the estimate.
pub(super) async fn count(
    job: Job,
    head: Head,
    plan: Arc<[Arc<Candidate>]>,
    estimated: ForwardResponse,
) -> Result<Pieces, Error> {
    let body = head.rewrite(&job.request.body, &plan[0].target.model, false);
    let body = job.dialect.without_carried(body);
    let call = match Call::prepare(job, plan, "messages/count_tokens", body, false).await {
        Ok(call) => call,
        Err(pieces) => return Ok(pieces),
    };
    let state = &call.job.state;
    let mut account = Account::unrecorded(Arc::clone(&state.ledger), state.metrics.clone());
    let counted = match call.whole(&mut account).await {
        Ok(counted) => counted,
        Err(refused) if call.fallbacks(&refused.error).is_some() => return Ok(answer::only(estimated)),
        Err(refused) => call.refusal(refused),
    };
    let is_unknown = counted.head.as_ref().is_some_and(|head| head.status == u32::from(StatusCode::NOT_FOUND.as_u16()));
    Ok(answer::only(if is_unknown { estimated } else { counted }))
}

impl Call {
    /// Makes a call ready, where there is a key for it.
    async fn prepare(
        job: Job,
        plan: Arc<[Arc<Candidate>]>,
        path: &'static str,
        body: Bytes,
        is_stream: bool,
    ) -> Result<Self, Pieces> {
        let candidate = Arc::clone(&plan[0]);
        let keys = match usable_keys(&job.state, Some(job.user), &candidate).await {
            Ok(keys) => keys,
            Err(error) => return Err(job.failed(&error)),
        };
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let accept = if is_stream { "text/event-stream" } else { "application/json" };
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        if job.dialect == Dialect::Messages {
            headers.insert(ANTHROPIC_VERSION, OLDEST_VERSION);
        }
        upward(&job.request.headers, &mut headers);
        Ok(Self { job, plan, candidate, keys, path, is_stream, headers, body })
    }

    /// Opens the account of the call, where the limits leave room for it.
    async fn open_account(&self, head: &Head) -> Result<Result<Account, GenerationError>, Error> {
        let tokens = body_tokens(&self.body);
        let limit = GenerateRequest { max_output_tokens: head.max_output_tokens, ..GenerateRequest::default() };
        let user = Some(self.job.user);
        open_account(&self.job.state, user, SOURCE.to_owned(), &self.candidate, (tokens, &limit)).await
    }

    /// Who is asked next where this model cannot answer.
    pub(super) fn fallbacks(&self, error: &GenerationError) -> Option<Arc<[Arc<Candidate>]>> {
        (self.plan.len() > 1 && falls_back(error)).then(|| self.plan[1..].into())
    }

    pub(super) fn retries(&self) -> Retries {
        Retries::new(is_retry(&self.job.request.headers))
    }

    /// Sends the request with the next key, and with another one where a key was refused.
    pub(super) async fn send(&self, account: &mut Account) -> Result<(Passed, Veil), Refused> {
        let mut tried = 0_u64;
        loop {
            let pool = &self.job.state.router.pool;
            let Some(chosen) = pool.choose(self.candidate.provider_id, &self.keys, tried, true) else {
                return Err(Refused {
                    error: self.classified(&Failure::of(Cause::MissingKey, "no key is left")),
                    reply: None,
                });
            };
            tried |= 1 << chosen.at;
            let key = &self.keys[chosen.at];
            account.attempt(&self.candidate, key, None);
            let refused = match self.send_with(key).await {
                Ok(passed) => {
                    learn(&self.job.state.metrics, &self.candidate, Some(chosen), None);
                    account.hear(&Event::ResponseStarted(ResponseStarted::default()));
                    return Ok((passed, Veil::of(&key.target)));
                }
                Err(refused) => refused,
            };
            learn(&self.job.state.metrics, &self.candidate, Some(chosen), Some(&refused.error));
            let is_of_key = Rest::after(&refused.error).is_some();
            if !is_of_key || tried.count_ones() as usize >= self.keys.len() {
                return Err(refused);
            }
        }
    }

    async fn send_with(&self, key: &OpenKey) -> Result<Passed, Refused> {
        let now = Instant::now();
        let limits = if self.is_stream { Limits::default_from(now) } else { Limits::for_whole_from(now) };
        let client = &self.job.state.client;
        let sent = client.pass(&key.target, self.path, self.headers.clone(), self.body.clone(), limits).await;
        match sent {
            Ok(passed) if passed.status.is_success() => Ok(passed),
            Ok(passed) => Err(self.refused(passed, &key.target).await),
            Err(failure) => Err(Refused { error: key.target.classifier().classify(&failure), reply: None }),
        }
    }

    pub(super) fn classified(&self, failure: &Failure) -> GenerationError {
        self.candidate.target.classifier().classify(failure)
    }

    async fn refused(&self, passed: Passed, target: &Target) -> Refused {
        let veil = Veil::of(target);
        let (status, headers) = (passed.status, self.with_ids(veil.headers(&passed.headers)));
        let (failure, body) = passed.failure(target).await;
        let error = target.classifier().classify(&failure);
        let is_clients = FAULTS_OF_THE_CLIENT.contains(&status.as_u16())
            && matches!(error.kind(), ErrorKind::Config | ErrorKind::Generic | ErrorKind::ContentFilter)
            && serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_ok();
        let reply = is_clients.then(|| answer::whole(status, headers, veil.refusal(&body).into()));
        Refused { error, reply }
    }

    pub(super) fn with_ids(&self, mut headers: Vec<HttpHeader>) -> Vec<HttpHeader> {
        headers.extend(request_ids(self.job.request_id()));
        headers
    }

    pub(super) fn refusal(&self, refused: Refused) -> ForwardResponse {
        let reply = || answer::error(self.job.dialect.error(&refused.error, self.job.request_id()));
        refused.reply.unwrap_or_else(reply)
    }

    /// The whole answer, or why there is none.
    async fn whole(&self, account: &mut Account) -> Result<ForwardResponse, Refused> {
        let mut retries = self.retries();
        loop {
            let refused = match self.send(account).await {
                Ok((passed, veil)) => match self.document(passed, &veil, account).await {
                    Ok(answer) => return Ok(answer),
                    Err(refused) => refused,
                },
                Err(refused) => refused,
            };
            match self.pause(&mut retries, &refused.error) {
                Some(pause) => sleep(pause).await,
                None => {
                    account.failed(&refused.error).await;
                    return Err(refused);
                }
            }
        }
    }

    /// How long to wait before the model is asked again; `None` where it is not, or another one is asked.
    pub(super) fn pause(&self, retries: &mut Retries, error: &GenerationError) -> Option<Duration> {
        if self.fallbacks(error).is_some() { None } else { retries.next(error) }
    }

    /// Reads an answer that comes as one document.
    pub(super) async fn document(
        &self,
        passed: Passed,
        veil: &Veil,
        account: &mut Account,
    ) -> Result<ForwardResponse, Refused> {
        let (status, headers) = (passed.status, self.with_ids(veil.headers(&passed.headers)));
        match passed.whole().await {
            Ok(body) => {
                let mut tap = Tap::new(self.job.dialect, false);
                tap.whole(&body);
                account.finished(&tap.finish()).await;
                Ok(answer::whole(status, headers, veil.whole(body)))
            }
            Err(failure) => Err(Refused { error: self.classified(&failure), reply: None }),
        }
    }

    /// What the document of an answer is as the pieces of a stream.
    pub(super) fn as_stream(&self, document: &[u8], out: &mut BytesMut) {
        let target = &self.candidate.target;
        let Ok(composition) = compose(target.provider_type, &target.settings, &target.model) else { return };
        let (mut events, mut writer) = (Vec::new(), self.writer());
        composition.codec.decode_unary(target.response_context(HashSet::new()), document, &mut events);
        events.into_iter().for_each(|event| writer.push(event, out));
    }

    /// Writes what the provider does not say itself: signs of life, and why it stopped.
    pub(super) fn writer(&self) -> Box<dyn Streamer> {
        self.job.dialect.streamer(Echo::default())
    }
}
