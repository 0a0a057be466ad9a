//! Passes a request on to a provider that speaks the client's protocol.

use std::pin::pin;

use async_stream::stream;
use bytes::{Bytes, BytesMut};
use chatmesh_proto::common::v1::{ErrorKind, GenerationError};
use chatmesh_proto::llm::v1::{ForwardResponse, HttpHeader};
use futures::{Stream, StreamExt as _};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::{Instant, sleep, timeout};

use super::answer::{self, Pieces, chunk, request_ids, stream_head};
use super::body::Head;
use super::headers::{downward, is_retry, upward};
use super::retry::Retries;
use super::tap::Tap;
use super::{ALIVE, Job};
use crate::classify::Failure;
use crate::client::{Limits, Passed, Target};
use crate::codec::Event;
use crate::compat::{Dialect, Echo, Streamer};

const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");
const OLDEST_VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

/// The statuses with which a provider finds fault with what the client sent: its own words say best
/// what that is.
const FAULTS_OF_THE_CLIENT: [u16; 5] = [400, 404, 409, 413, 422];

/// A call that is ready to be made, once or again.
struct Call {
    job: Job,
    target: Target,
    path: &'static str,
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
pub(super) async fn answer(job: Job, head: Head, target: Target) -> Pieces {
    let wants_usage = job.dialect == Dialect::ChatCompletions;
    let body = head.rewrite(&job.request.body, &target.model, wants_usage);
    let hides_usage = wants_usage && !head.includes_usage;
    let path = match job.dialect {
        Dialect::ChatCompletions => "chat/completions",
        Dialect::Responses => "responses",
        Dialect::Messages => "messages",
    };
    let call = Call::new(job, target, path, body, head.stream);
    if head.stream { Box::pin(streamed(call, hides_usage)) } else { answer::only(call.whole().await) }
}

/// Lets the provider count the tokens of a prompt.
pub(super) async fn count(job: Job, head: Head, target: Target) -> Pieces {
    let body = head.rewrite(&job.request.body, &target.model, false);
    answer::only(Call::new(job, target, "messages/count_tokens", body, false).whole().await)
}

impl Call {
    fn new(job: Job, target: Target, path: &'static str, body: Bytes, is_stream: bool) -> Self {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let accept = if is_stream { "text/event-stream" } else { "application/json" };
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        if job.dialect == Dialect::Messages {
            headers.insert(ANTHROPIC_VERSION, OLDEST_VERSION);
        }
        upward(&job.request.headers, &mut headers);
        Self { job, target, path, headers, body }
    }

    fn retries(&self) -> Retries {
        Retries::new(is_retry(&self.job.request.headers))
    }

    async fn send(&self) -> Result<Passed, Refused> {
        let limits = Limits::default_from(Instant::now());
        let client = &self.job.state.client;
        let sent = client.pass(&self.target, self.path, self.headers.clone(), self.body.clone(), limits).await;
        match sent {
            Ok(passed) if passed.status.is_success() => Ok(passed),
            Ok(passed) => Err(self.refused(passed).await),
            Err(failure) => Err(Refused { error: self.classified(&failure), reply: None }),
        }
    }

    fn classified(&self, failure: &Failure) -> GenerationError {
        self.target.classifier().classify(failure)
    }

    async fn refused(&self, passed: Passed) -> Refused {
        let (status, headers) = (passed.status, passed.headers.clone());
        let (failure, body) = passed.failure(&self.target).await;
        let error = self.classified(&failure);
        let is_clients = FAULTS_OF_THE_CLIENT.contains(&status.as_u16())
            && matches!(error.kind(), ErrorKind::Config | ErrorKind::Generic | ErrorKind::ContentFilter)
            && serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_ok();
        let reply = is_clients.then(|| {
            let body = self.target.classifier().redacted(&String::from_utf8_lossy(&body));
            answer::whole(status, self.headers_down(&headers), body.into())
        });
        Refused { error, reply }
    }

    fn headers_down(&self, headers: &HeaderMap) -> Vec<HttpHeader> {
        let mut passed = downward(headers);
        passed.extend(request_ids(self.job.request_id()));
        passed
    }

    fn refusal(&self, refused: Refused) -> ForwardResponse {
        let reply = || answer::error(self.job.dialect.error(&refused.error, self.job.request_id()));
        refused.reply.unwrap_or_else(reply)
    }

    /// The whole answer, or why there is none.
    async fn whole(&self) -> ForwardResponse {
        let mut retries = self.retries();
        loop {
            let refused = match self.send().await {
                Ok(passed) => {
                    let (status, headers) = (passed.status, self.headers_down(&passed.headers));
                    match passed.whole().await {
                        Ok(body) => {
                            let mut tap = Tap::new(self.job.dialect, false);
                            tap.whole(&body);
                            return answer::whole(status, headers, body);
                        }
                        Err(failure) => Refused { error: self.classified(&failure), reply: None },
                    }
                }
                Err(refused) => refused,
            };
            match retries.next(&refused.error) {
                Some(pause) => sleep(pause).await,
                None => return self.refusal(refused),
            }
        }
    }

    /// Writes what the provider does not say itself: signs of life, and why it stopped.
    fn writer(&self) -> Box<dyn Streamer> {
        self.job.dialect.streamer(Echo::default())
    }
}

/// What comes next, or nothing for so long that the client is shown a sign of life.
enum Next<T> {
    Came(T),
    Silence,
}

async fn next<T>(coming: impl Future<Output = T>) -> Next<T> {
    timeout(ALIVE, coming).await.map_or(Next::Silence, Next::Came)
}

fn streamed(call: Call, hides_usage: bool) -> impl Stream<Item = Result<ForwardResponse, tonic::Status>> + Send {
    stream! {
        let mut out = BytesMut::new();
        let mut is_open = false;
        let mut retries = call.retries();
        let passed = 'sent: loop {
            let mut sending = pin!(call.send());
            let refused = loop {
                match next(&mut sending).await {
                    Next::Came(Ok(passed)) => break 'sent passed,
                    Next::Came(Err(refused)) => break refused,
                    Next::Silence => {
                        if !std::mem::replace(&mut is_open, true) {
                            yield Ok(stream_head(Vec::new(), call.job.request_id()));
                        }
                        call.writer().alive(&mut out);
                        yield Ok(chunk(out.split().freeze()));
                    }
                }
            };
            if let Some(pause) = retries.next(&refused.error) {
                sleep(pause).await;
                continue;
            }
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
            let (status, headers) = (passed.status, call.headers_down(&passed.headers));
            let body = passed.whole().await.unwrap_or_default();
            yield Ok(answer::whole(status, headers, body));
            return;
        }
        if !is_open {
            yield Ok(stream_head(downward(&passed.headers), call.job.request_id()));
        }
        let mut tap = Tap::new(call.job.dialect, hides_usage);
        let silence = passed.silence();
        let mut body = passed.into_stream();
        let mut heard_at = Instant::now();
        loop {
            match next(body.next()).await {
                Next::Came(Some(Ok(bytes))) => {
                    heard_at = Instant::now();
                    let passed = tap.stream(bytes);
                    if !passed.is_empty() {
                        yield Ok(chunk(passed));
                    }
                }
                Next::Came(Some(Err(failure))) => {
                    call.writer().push(Event::Error(call.classified(&failure)), &mut out);
                    yield Ok(chunk(out.split().freeze()));
                    return;
                }
                Next::Came(None) => break,
                Next::Silence if heard_at.elapsed() >= silence => {
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
        let rest = tap.end();
        if !rest.is_empty() {
            yield Ok(chunk(rest));
        }
    }
}
