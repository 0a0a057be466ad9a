//! A deadline that begins anew with every piece of a request: who sends slowly is not late.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use parking_lot::Mutex;
use tokio::time::{Instant, timeout_at};

/// When a request last went on; clones share it.
#[derive(Debug, Clone)]
pub(super) struct Progress(Arc<Mutex<Instant>>);

impl Default for Progress {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }
}

impl Progress {
    fn go_on(&self) {
        *self.0.lock() = Instant::now();
    }

    /// Waits for `answer`, until nothing has gone on for so long.
    pub(super) async fn in_time<T>(&self, limit: Duration, answer: impl Future<Output = T>) -> Option<T> {
        let mut answer = std::pin::pin!(answer);
        loop {
            let deadline = *self.0.lock() + limit;
            if let Ok(answer) = timeout_at(deadline, &mut answer).await {
                return Some(answer);
            }
            if *self.0.lock() + limit <= Instant::now() {
                return None;
            }
        }
    }
}

/// The body of a request that is watched.
#[derive(Debug)]
pub(super) struct Watched {
    body: Body,
    progress: Progress,
}

impl Watched {
    pub(super) fn new(body: Body, progress: Progress) -> Self {
        Self { body, progress }
    }
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.progress.go_on();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_late_only_after_the_request_has_stopped() {
        let progress = Progress::default();
        let began = Instant::now();
        let slow = async {
            for _ in 0..5 {
                tokio::time::sleep(LIMIT - Duration::from_secs(1)).await;
                progress.go_on();
            }
            std::future::pending::<()>().await;
        };
        assert_eq!(progress.in_time(LIMIT, slow).await, None);
        assert_eq!(began.elapsed(), 5 * (LIMIT - Duration::from_secs(1)) + LIMIT);
        progress.go_on();
        assert_eq!(progress.in_time(LIMIT, async { 7 }).await, Some(7));
    }
}
