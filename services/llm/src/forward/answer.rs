//! The pieces of an answer to a client.

use std::pin::Pin;

use bytes::Bytes;
use chatmesh_proto::llm::v1::{ForwardHead, ForwardResponse, HttpHeader};
use futures::Stream;
use http::{HeaderMap, StatusCode};
use tonic::Status;

use super::headers::header;
use crate::compat::ErrorReply;

/// An answer, piece by piece.
pub(crate) type Pieces = Pin<Box<dyn Stream<Item = Result<ForwardResponse, Status>> + Send>>;

/// A whole answer.
pub(super) fn whole(status: StatusCode, headers: Vec<HttpHeader>, body: Bytes) -> ForwardResponse {
    let head = ForwardHead { status: status.as_u16().into(), headers };
    ForwardResponse { head: Some(head), chunk: body, last: true }
}

/// The beginning of a stream.
pub(super) fn stream_head(mut headers: Vec<HttpHeader>, request_id: &str) -> ForwardResponse {
    headers.retain(|header| header.name != "content-type");
    headers.push(header("content-type", "text/event-stream; charset=utf-8"));
    headers.push(header("cache-control", "no-cache"));
    // Proxies that buffer would hold the events back.
    headers.push(header("x-accel-buffering", "no"));
    headers.extend(request_ids(request_id));
    let head = ForwardHead { status: StatusCode::OK.as_u16().into(), headers };
    ForwardResponse { head: Some(head), chunk: Bytes::new(), last: false }
}

/// The next bytes of a stream.
pub(super) fn chunk(chunk: Bytes) -> ForwardResponse {
    ForwardResponse { head: None, chunk, last: false }
}

/// A refusal or a failure.
pub(super) fn error(reply: ErrorReply) -> ForwardResponse {
    whole(reply.status, listed(&reply.headers), reply.body)
}

/// Our name for a request, under the names that the SDKs read.
pub(super) fn request_ids(request_id: &str) -> [HttpHeader; 2] {
    ["x-request-id", "request-id"].map(|name| header(name, request_id))
}

/// One piece and nothing more.
pub(super) fn only(piece: ForwardResponse) -> Pieces {
    Box::pin(futures::stream::iter([Ok(piece)]))
}

fn listed(headers: &HeaderMap) -> Vec<HttpHeader> {
    let texts = headers.iter().filter_map(|(name, value)| Some((name, value.to_str().ok()?)));
    texts.map(|(name, value)| header(name.as_str(), value)).collect()
}
