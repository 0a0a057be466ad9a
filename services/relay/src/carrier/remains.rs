//! What is left of answers that have ended.
//!
//! To let go of a stream of HTTP/2 wakes the connection that it was on, so that this can forget it. Whoever passes an
//! answer on does so in the moment in which its own connection has the end of the answer to send: two wakes, for which
//! a second thread wakes up, and the caller waits for it. Here it wakes nobody, and the connection looks when it has
//! something to do anyway.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};
use parking_lot::Mutex;

/// The most that is kept. A connection that is busy takes them much sooner.
const MAX_KEPT: usize = 64;

/// Keeps what is left; clones share it.
#[derive(Debug)]
pub(super) struct Remains<B>(Arc<Mutex<Kept<B>>>);

#[derive(Debug)]
struct Kept<B> {
    bodies: Vec<B>,
    /// Nobody looks any more.
    is_closed: bool,
}

impl<B> Clone for Remains<B> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<B> Remains<B> {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Kept { bodies: Vec::new(), is_closed: false })))
    }

    /// An answer of which the rest is kept when it has ended.
    pub(super) fn of(&self, body: B) -> Answer<B>
    where
        B: Body,
    {
        Answer { body: Some(body), remains: self.clone() }
    }

    /// Lets go of what is kept. `empty` is what the next ones are put into, so that nothing is allocated for them.
    pub(super) fn let_go(&self, empty: &mut Vec<B>) {
        std::mem::swap(&mut self.0.lock().bodies, empty);
        // Not under the lock: this takes that of the connection.
        empty.clear();
    }

    /// Lets go of everything, from now on at once.
    pub(super) fn close(&self) {
        let mut kept = self.0.lock();
        kept.is_closed = true;
        let bodies = std::mem::take(&mut kept.bodies);
        drop(kept);
        drop(bodies);
    }

    fn keep(&self, body: B) {
        let mut kept = self.0.lock();
        if kept.is_closed || kept.bodies.len() >= MAX_KEPT {
            drop(kept);
            drop(body);
        } else {
            kept.bodies.push(body);
        }
    }
}

/// The body of an answer.
#[derive(Debug)]
pub(super) struct Answer<B: Body> {
    /// Always there until this is dropped.
    body: Option<B>,
    remains: Remains<B>,
}

impl<B: Body + Unpin> Body for Answer<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.body.as_mut().map_or(Poll::Ready(None), |body| Pin::new(body).poll_frame(cx))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl<B: Body> Drop for Answer<B> {
    fn drop(&mut self) {
        // An answer that nobody wants any more is given up at once: the agent has to hear of it.
        if let Some(body) = self.body.take().filter(Body::is_end_stream) {
            self.remains.keep(body);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::{BodyExt as _, Full};

    use super::*;

    /// Counts how many there are.
    struct Counted {
        body: Full<Bytes>,
        _live: Arc<()>,
    }

    fn counted(text: &'static str, live: &Arc<()>) -> Counted {
        Counted { body: Full::new(Bytes::from(text)), _live: Arc::clone(live) }
    }

    impl Body for Counted {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            Pin::new(&mut self.body).poll_frame(cx)
        }

        fn is_end_stream(&self) -> bool {
            self.body.is_end_stream()
        }
    }

    async fn read(remains: &Remains<Counted>, live: &Arc<()>) {
        let mut answer = remains.of(counted("yes", live));
        while let Some(frame) = answer.frame().await {
            assert_eq!(frame.ok().and_then(|frame| frame.into_data().ok()), Some(Bytes::from("yes")));
        }
    }

    #[tokio::test]
    async fn what_has_ended_is_let_go_of_by_the_connection() {
        let (remains, live) = (Remains::new(), Arc::new(()));
        read(&remains, &live).await;
        read(&remains, &live).await;
        assert_eq!(Arc::strong_count(&live), 3, "two are kept");
        remains.let_go(&mut Vec::new());
        assert_eq!(Arc::strong_count(&live), 1);
    }

    #[tokio::test]
    async fn what_has_not_ended_is_given_up_at_once() {
        let (remains, live) = (Remains::new(), Arc::new(()));
        drop(remains.of(counted("half", &live)));
        assert_eq!(Arc::strong_count(&live), 1);
    }

    #[tokio::test]
    async fn only_so_many_are_kept_and_none_where_nobody_looks_any_more() {
        let (remains, live) = (Remains::new(), Arc::new(()));
        for _ in 0..2 * MAX_KEPT {
            read(&remains, &live).await;
        }
        assert_eq!(Arc::strong_count(&live), 1 + MAX_KEPT);
        remains.close();
        assert_eq!(Arc::strong_count(&live), 1);
        read(&remains, &live).await;
        assert_eq!(Arc::strong_count(&live), 1);
    }
}
