//! Streams over gRPC end with the process, and say so.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http_body_util::BodyExt as _;
use rest_over_grpc::serving::BoxError;
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// A body that ends with UNAVAILABLE when the process does.
pub(crate) struct Ending {
    inner: axum::body::Body,
    ends: BoxFuture<'static, ()>,
    ended: bool,
}

impl Ending {
    pub(crate) fn new<B>(inner: B, shutdown: CancellationToken) -> Self
    where
        B: axum::body::HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let ends = async move { shutdown.cancelled().await }.boxed();
        Self { inner: axum::body::Body::new(inner.map_err(Into::into)), ends, ended: false }
    }
}

impl axum::body::HttpBody for Ending {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, axum::Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        // What is there already is delivered first.
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        if self.ends.poll_unpin(cx).is_pending() {
            return Poll::Pending;
        }
        self.ended = true;
        let mut trailers = http::HeaderMap::new();
        let status = Status::unavailable("this process ends: connect again");
        // The status is made of ASCII.
        let _ = status.add_header(&mut trailers);
        Poll::Ready(Some(Ok(http_body::Frame::trailers(trailers))))
    }
}
