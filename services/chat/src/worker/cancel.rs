//! Why a turn is stopped before its end.

use std::sync::Arc;

use tokio::sync::{Notify, watch};

/// Why a turn is stopped. The causes are kept apart, because what follows from them differs: who
/// keeps the partial answer, who gives the lease back, and who may write at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Its user asked for it: what was said is kept.
    Interrupted,
    /// The process ends: the lease is given back, and another worker goes on.
    Shutdown,
    /// The lease is somebody else's, or about to be: nothing may be written any more.
    OwnershipLost,
    /// It took too long: it ends with an error.
    Deadline,
}

/// Stops a turn from outside of it; the first cause counts.
#[derive(Debug, Clone)]
pub(crate) struct Cancel(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    cause: watch::Sender<Option<Cause>>,
    nudge: Notify,
}

impl Cancel {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner { cause: watch::Sender::new(None), nudge: Notify::new() }))
    }

    pub(crate) fn cancel(&self, cause: Cause) {
        self.0.cause.send_if_modified(|current| {
            let first = current.is_none();
            current.get_or_insert(cause);
            first
        });
    }

    /// Asks the runner to look at its chat.
    pub(crate) fn nudge(&self) {
        self.0.nudge.notify_one();
    }

    /// Waits until somebody asks it to. Safe to use in `select!`.
    pub(crate) async fn nudged(&self) {
        self.0.nudge.notified().await;
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.0.cause.borrow().is_some()
    }

    pub(crate) async fn cancelled(&self) -> Cause {
        let mut cause = self.0.cause.subscribe();
        match cause.wait_for(Option::is_some).await {
            Ok(cause) => cause.unwrap_or(Cause::OwnershipLost),
            Err(_) => Cause::OwnershipLost,
        }
    }
}
