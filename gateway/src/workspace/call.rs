//! Calls with messages in both directions that can be broken off.
//!
//! The end of the caller's messages means something: that nothing follows. Where a client goes away
//! in the middle, its messages must not seem to have come to their end; the call is reset instead.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use chatmesh_rpc::client::Peer;
use futures::Stream;
use http_body::Frame;
use tokio::sync::mpsc;
use tokio_util::sync::PollSender;
use tonic::Status;
use tonic::body::Body;
use tower::{BoxError, Service};

/// How many messages wait to be taken: the peer's window is what holds a fast sender back.
const QUEUE: usize = 2;

/// The messages of one call; dropped before [`Self::finish`], they break it off.
#[derive(Debug)]
pub(super) struct Requests<M> {
    sender: Option<PollSender<M>>,
    broken: Arc<AtomicBool>,
}

/// Nobody takes messages any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Closed;

/// Returns the messages of a call to come: to be sent, to be given to the call, and the transport
/// that the call has to go over.
pub(super) fn requests<M: Send + 'static>(
    peer: Peer,
) -> (Requests<M>, impl Stream<Item = M> + Send + 'static, Breakable) {
    let (sender, mut receiver) = mpsc::channel(QUEUE);
    let broken = Arc::new(AtomicBool::new(false));
    let requests = Requests { sender: Some(PollSender::new(sender)), broken: Arc::clone(&broken) };
    (requests, futures::stream::poll_fn(move |cx| receiver.poll_recv(cx)), Breakable { peer, broken })
}

impl<M: Send + 'static> Requests<M> {
    /// Waits for room for a message.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        match &mut self.sender {
            Some(sender) => sender.poll_reserve(cx).map_err(|_| Closed),
            None => Poll::Ready(Err(Closed)),
        }
    }

    /// Sends a message for which there is room.
    pub(super) fn start_send(&mut self, message: M) -> Result<(), Closed> {
        self.sender.as_mut().ok_or(Closed)?.send_item(message).map_err(|_| Closed)
    }

    /// Sends a message as soon as there is room.
    pub(super) async fn send(&mut self, message: M) -> Result<(), Closed> {
        std::future::poll_fn(|cx| self.poll_ready(cx)).await?;
        self.start_send(message)
    }

    /// Says that nothing follows.
    pub(super) fn finish(&mut self) {
        self.sender = None;
    }

    /// True once it was said that nothing follows.
    pub(super) fn is_finished(&self) -> bool {
        self.sender.is_none()
    }
}

impl<M> Drop for Requests<M> {
    fn drop(&mut self) {
        if self.sender.is_some() {
            // Seen by whoever sees the sender go.
            self.broken.store(true, Ordering::Release);
        }
    }
}

/// A neighbour, called with messages that may break off.
#[derive(Debug, Clone)]
pub(super) struct Breakable {
    peer: Peer,
    broken: Arc<AtomicBool>,
}

impl Service<http::Request<Body>> for Breakable {
    type Response = http::Response<Body>;
    type Error = BoxError;
    type Future = <Peer as Service<http::Request<Body>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.peer.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let broken = Arc::clone(&self.broken);
        self.peer.call(request.map(|inner| Body::new(Whole { inner, broken })))
    }
}

/// A body that does not end where it was broken off.
struct Whole {
    inner: Body,
    broken: Arc<AtomicBool>,
}

impl http_body::Body for Whole {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if frame.is_none() && self.broken.load(Ordering::Acquire) {
            return Poll::Ready(Some(Err(Status::cancelled("the client went away"))));
        }
        Poll::Ready(frame)
    }
}

#[cfg(test)]
mod tests {
    use chatmesh_rpc::local;
    use futures::StreamExt as _;
    use http_body_util::{BodyExt as _, Full, StreamBody};
    use tower::ServiceExt as _;

    use super::*;

    /// What a neighbour makes of a call's messages, of which `end` decides how they end.
    async fn received(end: impl FnOnce(Requests<Bytes>)) -> Result<Bytes, Status> {
        let neighbour = tower::service_fn(async |request: http::Request<Body>| {
            let seen = request.into_body().collect().await.map(http_body_util::Collected::to_bytes);
            let body = Body::new(Full::new(seen.unwrap_or_else(|_| Bytes::from_static(b"broken"))));
            Ok::<_, std::convert::Infallible>(http::Response::new(body))
        });
        let signer = chatmesh_rpc::assertion::ServiceSigner::new(
            "gateway",
            &"a secret of at least thirty-two characters".into(),
            Arc::new(chatmesh_core::SystemClock),
        );
        let (mut requests, stream, transport) = requests::<Bytes>(Peer::new(local(neighbour), signer));
        requests.send(Bytes::from_static(b"whole")).await.expect("room");
        end(requests);
        let body = StreamBody::new(stream.map(|bytes| Ok::<_, Status>(Frame::data(bytes))));
        let response = transport.oneshot(http::Request::new(Body::new(body))).await.expect("an answer");
        Ok(response.into_body().collect().await?.to_bytes())
    }

    #[tokio::test]
    async fn messages_that_were_broken_off_never_seem_complete() {
        assert_eq!(received(|mut requests| requests.finish()).await.expect("read"), "whole");
        assert_eq!(received(drop).await.expect("read"), "broken");
    }

    #[tokio::test]
    async fn nothing_can_be_sent_after_the_end() {
        let peer = Peer::for_callers(local(tower::service_fn(async |_: http::Request<Body>| {
            Ok::<_, std::convert::Infallible>(http::Response::new(Body::default()))
        })));
        let (mut requests, stream, _) = requests::<u8>(peer);
        requests.send(1).await.expect("room");
        requests.finish();
        assert!(requests.is_finished());
        assert_eq!(requests.send(2).await, Err(Closed));
        assert_eq!(stream.collect::<Vec<_>>().await, [1]);
    }
}
