//! Between a task that has events and a reader who takes them, or does not.
//!
//! The task never waits for long: a reader who takes nothing for [`PATIENCE`] is cut off, with a
//! word about how to come back. Whoever reads as they come is not slowed by one who does not,
//! since each has a task of their own.

use std::future::Future;
use std::time::Duration;

use async_stream::stream;
use chatmesh_rpc::{Code, status_with_reason};
use chatmesh_runtime::Tasks;
use futures::Stream;
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::sync::{mpsc, oneshot};
use tonic::Status;

/// How long a reader may take no event.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// How many events wait for a reader.
const CAPACITY: usize = 64;

/// Takes events for one reader.
#[derive(Debug)]
pub(crate) struct Outbox<T> {
    events: mpsc::Sender<T>,
}

/// Why a stream ends.
#[derive(Debug)]
pub(crate) enum End {
    /// Everything was sent.
    Done,
    /// The reader went away.
    Left,
    /// The reader took nothing for too long.
    Slow,
    /// The reader is told this.
    Failed(Status),
}

impl<T> Outbox<T> {
    /// Hands an event over.
    ///
    /// # Errors
    /// The reader is gone, or does not read.
    pub(crate) async fn send(&self, event: T) -> Result<(), End> {
        self.events.send_timeout(event, PATIENCE).await.map_err(|error| match error {
            SendTimeoutError::Timeout(_) => End::Slow,
            SendTimeoutError::Closed(_) => End::Left,
        })
    }

    /// Waits until the reader is gone.
    pub(crate) async fn left(&self) {
        self.events.closed().await;
    }
}

/// Runs `work` in a task named `name` and returns what it sends, and after that why it ended: the future owns
/// the outbox, and when it is done no more events come. A reader who is cut off is told `advice`.
pub(crate) fn deliver<T, F, W>(
    tasks: &Tasks,
    name: &'static str,
    advice: &'static str,
    work: W,
) -> impl Stream<Item = Result<T, Status>> + Send + use<T, F, W>
where
    T: Send + 'static,
    F: Future<Output = End> + Send + 'static,
    W: FnOnce(Outbox<T>) -> F,
{
    let (events, mut inbox) = mpsc::channel(CAPACITY);
    let (end, ended) = oneshot::channel();
    let work = work(Outbox { events });
    tasks.spawn(name, async move {
        // A reader who is gone does not care why.
        let _ = end.send(work.await);
    });
    stream! {
        while let Some(event) = inbox.recv().await {
            yield Ok(event);
        }
        match ended.await {
            Ok(End::Done | End::Left) => {}
            Ok(End::Slow) => yield Err(status_with_reason(Code::Aborted, "SLOW_READER", "chatmesh.chat.v1", advice)),
            Ok(End::Failed(status)) => yield Err(status),
            // The task was dropped: the process does not wait for it any more.
            Err(_) => yield Err(Status::unavailable("this process ends: connect again")),
        }
    }
}
