//! All parts of a connection on one task.
//!
//! HTTP/2 consists of several futures: one moves bytes, and each call has one or two. On tasks of their
//! own they run on several threads, wake each other across them, and wait for each other's lock; what one
//! call sends then goes out in several small pieces. On one task, everything that a call sends goes out
//! at once, and to drop the connection is to drop all of it.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use hyper::rt::Executor;
use tokio::sync::mpsc;

type Part = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Hands parts over to [`Parts`].
#[derive(Debug, Clone)]
pub(super) struct Together(mpsc::UnboundedSender<Part>);

/// Runs the parts; to be polled together with the connection that they are of.
#[derive(Debug)]
pub(super) struct Parts {
    // As many as there are calls, which are bounded.
    new: mpsc::UnboundedReceiver<Part>,
    running: FuturesUnordered<Part>,
}

/// An executor, and what runs its futures. What is executed after the end of that does not run.
pub(super) fn together() -> (Together, Parts) {
    let (sender, new) = mpsc::unbounded_channel();
    (Together(sender), Parts { new, running: FuturesUnordered::new() })
}

impl<F> Executor<F> for Together
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, part: F) {
        // The connection has ended where nobody takes it.
        let _ = self.0.send(Box::pin(part));
    }
}

impl Future for Parts {
    type Output = Infallible;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Infallible> {
        loop {
            while let Poll::Ready(Some(part)) = self.new.poll_recv(cx) {
                self.running.push(part);
            }
            match self.running.poll_next_unpin(cx) {
                // Its end may have begun another one.
                Poll::Ready(Some(())) => {}
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn a_part_may_begin_another_one_and_both_end_with_what_runs_them() {
        let (executor, parts) = together();
        let (begun, held) = (Arc::new(Notify::new()), Arc::new(()));
        let inner = (executor.clone(), Arc::clone(&begun), Arc::clone(&held));
        executor.execute(async move {
            let (executor, begun, held) = inner;
            executor.execute(async move {
                begun.notify_one();
                std::future::pending::<()>().await;
                drop(held);
            });
        });
        tokio::select! {
            () = begun.notified() => {}
            never = parts => match never {},
        }
        assert_eq!(Arc::strong_count(&held), 1, "nothing is left");
        executor.execute(std::future::pending());
    }
}
