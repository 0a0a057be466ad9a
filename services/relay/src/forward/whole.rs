//! Answers that say how they ended, also where the connection to the agent broke in the middle:
//! a caller is told so in the trailers, in place of a reset that means nothing to it.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use tonic::Status;
use tonic_types::StatusExt as _;

use super::DOMAIN;

/// Where gRPC has the details of a status.
const DETAILS: &str = "grpc-status-details-bin";

/// A body whose end is never an error. It keeps `Call` as long as it lives.
#[derive(Debug)]
pub(super) struct Whole<B, Call> {
    body: B,
    _call: Call,
    broken: fn() -> Status,
    is_over: bool,
}

impl<B, Call> Whole<B, Call> {
    /// The body, with the status that callers get where it breaks off.
    pub(super) fn new(body: B, call: Call, broken: fn() -> Status) -> Self {
        Self { body, _call: call, broken, is_over: false }
    }
}

impl<B: Body<Data = Bytes> + Unpin, Call: Unpin> Body for Whole<B, Call> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        Pin::new(&mut self.body).poll_frame(cx).map(|frame| match frame? {
            Ok(frame) => Some(Ok(with_trailers(frame))),
            Err(_) => {
                self.is_over = true;
                let mut trailers = HeaderMap::new();
                Some((self.broken)().add_header(&mut trailers).map(|()| Frame::trailers(trailers)))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.is_over || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Takes the details out of a status of an agent that gives a reason of the relay: what is done after these reasons is
/// right only where the relay says them.
pub(super) fn not_ours(mut headers: HeaderMap) -> HeaderMap {
    if headers.contains_key(DETAILS) && is_ours(&headers) {
        headers.remove(DETAILS);
    }
    headers
}

fn with_trailers(frame: Frame<Bytes>) -> Frame<Bytes> {
    match frame.into_trailers() {
        Ok(trailers) => Frame::trailers(not_ours(trailers)),
        Err(frame) => frame,
    }
}

fn is_ours(headers: &HeaderMap) -> bool {
    let info = Status::from_header_map(headers).and_then(|status| status.get_details_error_info());
    info.is_some_and(|info| info.domain == DOMAIN)
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, StreamBody};

    use super::*;

    /// A program in the workspace could have calls made again that must not be.
    #[tokio::test]
    async fn an_agent_does_not_speak_for_the_relay() {
        use chatmesh_rpc::{Code, status_with_reason};
        for (domain, kept) in [(DOMAIN, false), ("chatmesh.agent.v1", true)] {
            let status = status_with_reason(Code::Unavailable, "AGENT_NOT_CONNECTED", domain, "says the agent");
            let mut trailers = HeaderMap::new();
            status.add_header(&mut trailers).expect("headers");
            assert_eq!(not_ours(trailers.clone()).contains_key(DETAILS), kept);
            let body = StreamBody::new(futures::stream::iter([Ok::<_, &str>(Frame::trailers(trailers))]));
            let collected = Whole::new(body, (), broken).collect().await.expect("no error");
            let trailers = collected.trailers().expect("trailers");
            assert_eq!(trailers.contains_key(DETAILS), kept, "{domain}");
            assert_eq!(Status::from_header_map(trailers).expect("a status").code(), Code::Unavailable);
        }
    }

    fn broken() -> Status {
        Status::unavailable("broke")
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_ends_with_a_status() {
        let frames = [Ok(Frame::data(Bytes::from("one"))), Err("cut"), Ok(Frame::data(Bytes::from("never")))];
        let collected = Whole::new(StreamBody::new(futures::stream::iter(frames)), (), broken).collect().await;
        let collected = collected.expect("no error");
        let status = collected.trailers().and_then(Status::from_header_map).expect("a status");
        assert_eq!((status.code(), status.message()), (tonic::Code::Unavailable, "broke"));
        assert_eq!(collected.to_bytes(), "one");
    }

    #[tokio::test]
    async fn a_whole_body_is_left_as_it_is() {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", "0".parse().expect("a value"));
        let frames = [Ok::<_, &str>(Frame::data(Bytes::from("one"))), Ok(Frame::trailers(trailers.clone()))];
        let collected = Whole::new(StreamBody::new(futures::stream::iter(frames)), (), broken).collect().await;
        let collected = collected.expect("no error");
        assert_eq!(collected.trailers(), Some(&trailers));
        assert_eq!(collected.to_bytes(), "one");
    }
}
