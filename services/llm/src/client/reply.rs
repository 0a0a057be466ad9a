//! Sends a request and tells what kind of reply comes back.

use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, LOCATION};
use reqwest::Response;
use tokio::time::{Duration, Instant, timeout_at};

use super::drive::{Broken, Limits, not_started};
use super::tap::Tap;
use crate::classify::{Cause, Failure, transport_of};
use crate::codec::Codec;

/// How much of an error is read, in bytes.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// How long the rest of an error may take; its status alone says enough.
const ERROR_BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest answer that is read as one document, in bytes.
pub(super) const MAX_WHOLE_BYTES: usize = 64 * 1024 * 1024;

/// The media types of streams.
const STREAMS: [&str; 2] = ["text/event-stream", "application/vnd.amazon.eventstream"];

/// A successful reply.
pub(super) enum Reply {
    /// One JSON document, though a stream was asked for.
    Whole(Bytes),
    /// A stream of events.
    Stream(BoxStream<'static, Result<Bytes, Broken>>),
}

/// Sends a request and waits for the reply to begin.
pub(super) async fn send(
    http: &reqwest::Client,
    request: http::Request<Bytes>,
    codec: &dyn Codec,
    limits: Limits,
    tap: Option<&Tap>,
) -> Result<Reply, Failure> {
    let request = reqwest::Request::try_from(request).map_err(|error| broken_failure(broken(error)))?;
    let response = timeout_at(limits.start, http.execute(request))
        .await
        .map_err(|_| not_started())?
        .map_err(|error| broken_failure(broken(error)))?;
    if !response.status().is_success() {
        return Err(refusal(response, codec, tap).await);
    }
    readable(response.headers())?;
    let media_type = header(&response, &CONTENT_TYPE).and_then(|value| value.split(';').next());
    let is_stream =
        media_type.is_some_and(|value| STREAMS.iter().any(|known| value.trim().eq_ignore_ascii_case(known)));
    let mut body = response.bytes_stream().map_err(broken).boxed();
    if is_stream {
        return Ok(Reply::Stream(body));
    }
    // Some servers label their streams wrongly, so the first character decides.
    let head = timeout_at(limits.start, first_text(&mut body)).await.map_err(|_| not_started())??;
    match head.trim_ascii_start().first() {
        Some(b'{') => whole(head, body, limits.silence).await.map(Reply::Whole),
        Some(b'<') => Err(page(&head)),
        _ => Ok(Reply::Stream(stream::iter([Ok(head.freeze())]).chain(body).boxed())),
    }
}

/// Refuses what is compressed: nobody asked for it.
pub(super) fn readable(headers: &http::HeaderMap) -> Result<(), Failure> {
    let encoding = headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok());
    let Some(encoding) = encoding.filter(|encoding| *encoding != "identity") else { return Ok(()) };
    let message = format!("the provider compressed the answer ({encoding}), which was not asked for");
    Err(Failure::configuration(message))
}

fn header<'a>(response: &'a Response, name: &http::HeaderName) -> Option<&'a str> {
    response.headers().get(name).and_then(|value| value.to_str().ok())
}

/// Reads the reply to a request that failed.
async fn refusal(response: Response, codec: &dyn Codec, tap: Option<&Tap>) -> Failure {
    let (failure, body) = refusal_of(response, codec).await;
    if let Some(tap) = tap {
        tap.received(&body);
    }
    failure
}

/// Likewise, with the bytes of it.
pub(super) async fn refusal_of(response: Response, codec: &dyn Codec) -> (Failure, Bytes) {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let body = response.bytes_stream().map_err(broken);
    let body = read_some(BytesMut::new(), body.boxed(), MAX_ERROR_BYTES, ERROR_BODY_TIMEOUT).await;
    let mut failure = codec.decode_error(status, &headers, &body);
    if failure.message.is_empty() {
        failure.message = match headers.get(LOCATION) {
            Some(_) => "the provider redirects to another address".to_owned(),
            None => "the provider gave no reason".to_owned(),
        };
    }
    (failure, body)
}

type Body = BoxStream<'static, Result<Bytes, Broken>>;

/// Reads until there is something else than white space.
async fn first_text(body: &mut Body) -> Result<BytesMut, Failure> {
    let mut head = BytesMut::new();
    while head.trim_ascii_start().is_empty() && head.len() < MAX_ERROR_BYTES {
        match body.next().await {
            Some(bytes) => head.extend_from_slice(&bytes.map_err(broken_failure)?),
            None => break,
        }
    }
    Ok(head)
}

async fn whole(mut head: BytesMut, mut body: Body, silence: Duration) -> Result<Bytes, Failure> {
    loop {
        let next = timeout_at(Instant::now() + silence, body.next()).await.map_err(|_| not_started())?;
        match next {
            None => return Ok(head.freeze()),
            Some(bytes) => head.extend_from_slice(&bytes.map_err(broken_failure)?),
        }
        if head.len() > MAX_WHOLE_BYTES {
            return Err(Failure::protocol("the answer is too long"));
        }
    }
}

/// Reads at most `limit` bytes and for at most `patience`; what was read until then counts.
async fn read_some(mut head: BytesMut, mut body: Body, limit: usize, patience: Duration) -> Bytes {
    let deadline = Instant::now() + patience;
    while head.len() < limit {
        match timeout_at(deadline, body.next()).await {
            Ok(Some(Ok(bytes))) => head.extend_from_slice(&bytes),
            Ok(Some(Err(_)) | None) | Err(_) => break,
        }
    }
    head.truncate(limit);
    head.freeze()
}

/// A page where an answer should be: the address is one of a website.
fn page(head: &[u8]) -> Failure {
    let said = crate::classify::parse_body(head);
    Failure::configuration(format!("the address answers with a page and not with an answer: {}", said.message))
}

pub(super) fn broken(error: reqwest::Error) -> Broken {
    let transport = transport_of(&error);
    // The URL is the operator's and may hold what is nobody else's business.
    let error = error.without_url();
    let mut message = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        message = format!("{message}: {cause}");
        source = cause.source();
    }
    Broken { transport, message }
}

pub(super) fn broken_failure(broken: Broken) -> Failure {
    Failure::of(Cause::Transport(broken.transport), broken.message)
}
