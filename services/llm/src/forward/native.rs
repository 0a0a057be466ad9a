//! Passes a request on to a provider that speaks the client's protocol.

use std::pin::pin;
use std::sync::Arc;

use async_stream::stream;
use bytes::{Bytes, BytesMut};
use chatmesh_proto::common::v1::{ErrorKind, GenerationError};
use chatmesh_proto::llm::v1::{Finish, ForwardResponse, GenerateRequest, HttpHeader, PartStarted, ResponseStarted};
use futures::{Stream, StreamExt as _};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::time::{Instant, sleep, timeout};

use super::answer::{self, Pieces, chunk, request_ids, stream_head};
use super::body::Head;
use super::headers::{is_retry, upward};
use super::retry::Retries;
use super::tap::Tap;
use super::veil::Veil;
use super::{ALIVE, Job, SOURCE};
use crate::Error;
use crate::api::open_account;
use crate::classify::{Cause, Failure};
use crate::client::{Limits, Passed, Target};
use crate::codec::Event;
use crate::compat::{Dialect, Echo, Streamer};
use crate::route::attempts::{learn, usable_keys};
use crate::route::{Candidate, OpenKey, Rest};
use crate::spend::account::Account;

const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");
const OLDEST_VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

/// About how many bytes of a prompt are a token.
const BYTES_PER_TOKEN: usize = 4;

/// The statuses with which a provider finds fault with what the client sent: its own words say best
/// what that is.
const FAULTS_OF_THE_CLIENT: [u16; 5] = [400, 404, 409, 413, 422];

/// A call that is ready to be made, once or again.
struct Call {
    job: Job,
    candidate: Arc<Candidate>,
    keys: Arc<[Arc<OpenKey>]>,
    path: &'static str,
    is_stream: bool,
    headers: HeaderMap,
    body: Bytes,
}

/// A failure before the answer began.
struct Refused {
    error: GenerationError,
    /// The provider's own words, where they are the client's to read.
    reply: Option<ForwardResponse>,
}

/// Passes a call of a model on.
pub(super) async fn answer(job: Job, head: Head, candidate: Arc<Candidate>) -> Result<Pieces, Error> {
    let wants_usage = job.dialect == Dialect::ChatCompletions;
    let body = head.rewrite(&job.request.body, &candidate.target.model, wants_usage);
    let body = job.dialect.without_carried(body);
    let hides_usage = wants_usage && !head.includes_usage;
    let path = match job.dialect {
        Dialect::ChatCompletions => "chat/completions",
        Dialect::Responses => "responses",
        Dialect::Messages => "messages",
    };
    let (mut account, call) = match Call::open(job, candidate, path, body, head.stream).await? {
        Ok(opened) => opened,
        Err(pieces) => return Ok(pieces),
    };
    if head.stream {
        return Ok(Box::pin(streamed(call, account, hides_usage)));
    }
    Ok(answer::only(call.whole(&mut account).await))
}

/// Lets the provider count the tokens of a prompt. Many servers that speak the protocol cannot: where
/// there is no such address, the client gets the estimate.
pub(super) async fn count(
    job: Job,
    head: Head,
    candidate: Arc<Candidate>,
    estimated: ForwardResponse,
) -> Result<Pieces, Error> {
    let body = head.rewrite(&job.request.body, &candidate.target.model, false);
    let body = job.dialect.without_carried(body);
    let (mut account, call) = match Call::open(job, candidate, "messages/count_tokens", body, false).await? {
        Ok(opened) => opened,
        Err(pieces) => return Ok(pieces),
    };
    let counted = call.whole(&mut account).await;
    let is_unknown = counted.head.as_ref().is_some_and(|head| head.status == u32::from(StatusCode::NOT_FOUND.as_u16()));
    Ok(answer::only(if is_unknown { estimated } else { counted }))
}

impl Call {
    /// Opens the account of a call, where there is a key for it and the limits leave room.
    async fn open(
        job: Job,
        candidate: Arc<Candidate>,
        path: &'static str,
        body: Bytes,
        is_stream: bool,
    ) -> Result<Result<(Account, Self), Pieces>, Error> {
        let keys = match usable_keys(&job.state, Some(job.user), &candidate).await {
            Ok(keys) => keys,
            Err(error) => return Ok(Err(job.failed(&error))),
        };
        // The body is not read, so its length has to do.
        let tokens = u32::try_from(body.len() / BYTES_PER_TOKEN).unwrap_or(u32::MAX);
        let nothing = GenerateRequest::default();
        let opened =
            open_account(&job.state, Some(job.user), SOURCE.to_owned(), &candidate, (tokens, &nothing)).await?;
        let account = match opened {
            Ok(account) => account,
            Err(error) => return Ok(Err(job.failed(&error))),
        };
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let accept = if is_stream { "text/event-stream" } else { "application/json" };
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        if job.dialect == Dialect::Messages {
            headers.insert(ANTHROPIC_VERSION, OLDEST_VERSION);
        }
        upward(&job.request.headers, &mut headers);
        Ok(Ok((account, Self { job, candidate, keys, path, is_stream, headers, body })))
    }

    fn retries(&self) -> Retries {
        Retries::new(is_retry(&self.job.request.headers))
    }

    /// Sends the request with the next key, and with another one where a key was refused.
    async fn send(&self, account: &mut Account) -> Result<(Passed, Veil), Refused> {
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

    fn classified(&self, failure: &Failure) -> GenerationError {
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

    fn with_ids(&self, mut headers: Vec<HttpHeader>) -> Vec<HttpHeader> {
        headers.extend(request_ids(self.job.request_id()));
        headers
    }

    fn refusal(&self, refused: Refused) -> ForwardResponse {
        let reply = || answer::error(self.job.dialect.error(&refused.error, self.job.request_id()));
        refused.reply.unwrap_or_else(reply)
    }

    /// The whole answer, or why there is none.
    async fn whole(&self, account: &mut Account) -> ForwardResponse {
        let mut retries = self.retries();
        loop {
            let refused = match self.send(account).await {
                Ok((passed, veil)) => {
                    let (status, headers) = (passed.status, self.with_ids(veil.headers(&passed.headers)));
                    match passed.whole().await {
                        Ok(body) => {
                            let mut tap = Tap::new(self.job.dialect, false);
                            tap.whole(&body);
                            account.finished(&finish(&tap)).await;
                            return answer::whole(status, headers, veil.whole(body));
                        }
                        Err(failure) => Refused { error: self.classified(&failure), reply: None },
                    }
                }
                Err(refused) => refused,
            };
            match retries.next(&refused.error) {
                Some(pause) => sleep(pause).await,
                None => {
                    account.failed(&refused.error).await;
                    return self.refusal(refused);
                }
            }
        }
    }

    /// Writes what the provider does not say itself: signs of life, and why it stopped.
    fn writer(&self) -> Box<dyn Streamer> {
        self.job.dialect.streamer(Echo::default())
    }
}

/// What a call took, as far as its answer said.
fn finish(tap: &Tap) -> Finish {
    Finish { usage: tap.usage(), ..Finish::default() }
}

/// What comes next, or nothing for so long that the client is shown a sign of life.
enum Next<T> {
    Came(T),
    Silence,
}

async fn next<T>(coming: impl Future<Output = T>) -> Next<T> {
    timeout(ALIVE, coming).await.map_or(Next::Silence, Next::Came)
}

fn streamed(
    call: Call,
    mut account: Account,
    hides_usage: bool,
) -> impl Stream<Item = Result<ForwardResponse, tonic::Status>> + Send {
    stream! {
        let mut out = BytesMut::new();
        let mut is_open = false;
        let mut retries = call.retries();
        let (passed, mut veil) = 'sent: loop {
            let refused = {
                let mut sending = pin!(call.send(&mut account));
                loop {
                    match next(&mut sending).await {
                        Next::Came(Ok(sent)) => break 'sent sent,
                        Next::Came(Err(refused)) => break refused,
                        Next::Silence => {
                            if !std::mem::replace(&mut is_open, true) {
                                yield Ok(stream_head(Vec::new(), call.job.request_id()));
                            }
                            call.writer().alive(&mut out);
                            yield Ok(chunk(out.split().freeze()));
                        }
                    }
                }
            };
            if let Some(pause) = retries.next(&refused.error) {
                sleep(pause).await;
                continue;
            }
            account.failed(&refused.error).await;
            if is_open {
                call.writer().push(Event::Error(refused.error), &mut out);
                yield Ok(chunk(out.split().freeze()));
            } else {
                yield Ok(call.refusal(refused));
            }
            return;
        };
        // A provider that does not stream though it was asked to is passed on as it is.
        if passed.is_document() && !is_open {
            let (status, headers) = (passed.status, call.with_ids(veil.headers(&passed.headers)));
            let body = passed.whole().await.unwrap_or_default();
            let mut tap = Tap::new(call.job.dialect, false);
            tap.whole(&body);
            account.finished(&finish(&tap)).await;
            yield Ok(answer::whole(status, headers, veil.whole(body)));
            return;
        }
        if !is_open {
            yield Ok(stream_head(veil.headers(&passed.headers), call.job.request_id()));
        }
        let mut tap = Tap::new(call.job.dialect, hides_usage);
        let silence = passed.silence();
        let mut body = passed.into_stream();
        let mut heard_at = Instant::now();
        account.hear(&Event::PartStarted(PartStarted::default()));
        loop {
            match next(body.next()).await {
                Next::Came(Some(Ok(bytes))) => {
                    heard_at = Instant::now();
                    let passed = veil.stream(tap.stream(bytes));
                    if !passed.is_empty() {
                        yield Ok(chunk(passed));
                    }
                }
                Next::Came(Some(Err(failure))) => {
                    account.failed(&call.classified(&failure)).await;
                    call.writer().push(Event::Error(call.classified(&failure)), &mut out);
                    yield Ok(chunk(out.split().freeze()));
                    return;
                }
                Next::Came(None) => break,
                Next::Silence if heard_at.elapsed() >= silence => {
                    account.failed(&call.classified(&Failure::silent())).await;
                    call.writer().push(Event::Error(call.classified(&Failure::silent())), &mut out);
                    yield Ok(chunk(out.split().freeze()));
                    return;
                }
                Next::Silence if tap.is_between_frames() => {
                    call.writer().alive(&mut out);
                    yield Ok(chunk(out.split().freeze()));
                }
                Next::Silence => {}
            }
        }
        for rest in [veil.stream(tap.end()), veil.end()] {
            if !rest.is_empty() {
                yield Ok(chunk(rest));
            }
        }
        if veil.saw_error() {
            // The client has read why.
            let failure = Failure::of(Cause::Provider, "the provider broke the answer off");
            account.failed(&call.classified(&failure)).await;
        } else {
            account.finished(&finish(&tap)).await;
        }
    }
}
