//! Tasks with names and an end: "what is still running?" always has an answer.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::{Instrument as _, error, info_span};

/// When a process ends: first softly, then hard.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    soft: CancellationToken,
    hard: CancellationToken,
    open: TaskTracker,
}

/// Keeps the ports of a process open while it lives.
#[derive(Debug)]
pub struct KeepOpen {
    _token: TaskTrackerToken,
}

impl Shutdown {
    /// Cancelled when no new work is to be taken up.
    #[must_use]
    pub fn soft(&self) -> &CancellationToken {
        &self.soft
    }

    /// Cancelled when work is to be dropped.
    #[must_use]
    pub fn hard(&self) -> &CancellationToken {
        &self.hard
    }

    /// Keeps ports open beyond the beginning of the shutdown, until the guard is dropped or the
    /// shutdown is forced: for a service that hands over what others still look for here.
    #[must_use]
    pub fn keep_open(&self) -> KeepOpen {
        KeepOpen { _token: self.open.token() }
    }

    /// Waits until ports are to be closed: from the beginning of the shutdown on, when nobody keeps them open.
    pub async fn closing(&self) {
        self.soft.cancelled().await;
        self.open.close();
        tokio::select! {
            () = self.open.wait() => {}
            () = self.hard.cancelled() => {}
        }
    }

    /// Asks for an end.
    pub fn begin(&self) {
        self.soft.cancel();
    }

    /// Ends everything at once.
    pub fn force(&self) {
        self.soft.cancel();
        self.hard.cancel();
    }
}

/// The tasks of a process; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    shutdown: Shutdown,
    running: Arc<Mutex<BTreeMap<&'static str, usize>>>,
    crashed: Arc<Mutex<Option<&'static str>>>,
}

impl Tasks {
    /// No tasks yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// When the process ends.
    #[must_use]
    pub fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Runs a piece of work that ends by itself; what still runs when the shutdown is forced is dropped.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that spawns, so that every task is accounted for"
    )]
    pub fn spawn(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let guard = Running::enter(name, &self.running);
        let hard = self.shutdown.hard().clone();
        let work = async move {
            let _guard = guard;
            tokio::select! {
                // The order: what was dropped does not get to take one more step.
                biased;
                () = hard.cancelled() => {}
                () = work => {}
            }
        };
        drop(tokio::spawn(self.tracker.track_future(work.instrument(info_span!(parent: None, "task", name)))));
    }

    /// Runs a loop that must not end before the process does: where it does, it takes the
    /// process down, because a part of it would be missing from then on.
    pub fn spawn_loop(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let crashed = Arc::clone(&self.crashed);
        let shutdown = self.shutdown.clone();
        self.spawn(name, async move {
            let watch = Watch { name, crashed, shutdown };
            work.await;
            drop(watch);
        });
    }

    /// The names of running tasks with their numbers.
    #[must_use]
    pub fn running(&self) -> Vec<(&'static str, usize)> {
        self.running.lock().iter().map(|(name, count)| (*name, *count)).collect()
    }

    /// The loop that ended before its time, where one did.
    #[must_use]
    pub fn crashed(&self) -> Option<&'static str> {
        *self.crashed.lock()
    }

    /// Waits until all tasks have ended, for at most `limit`. Returns whether they have.
    pub async fn wait(&self, limit: Duration) -> bool {
        self.tracker.close();
        tokio::time::timeout(limit, self.tracker.wait()).await.is_ok()
    }
}

struct Running {
    name: &'static str,
    running: Arc<Mutex<BTreeMap<&'static str, usize>>>,
}

impl Running {
    fn enter(name: &'static str, running: &Arc<Mutex<BTreeMap<&'static str, usize>>>) -> Self {
        *running.lock().entry(name).or_default() += 1;
        Self { name, running: Arc::clone(running) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut running = self.running.lock();
        if let Some(count) = running.get_mut(self.name) {
            *count -= 1;
            if *count == 0 {
                running.remove(self.name);
            }
        }
    }
}

/// Notices the end of a loop, by return or by panic.
struct Watch {
    name: &'static str,
    crashed: Arc<Mutex<Option<&'static str>>>,
    shutdown: Shutdown,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.shutdown.soft().is_cancelled() {
            error!(task = self.name, "a task ended before its time, shutting down");
            self.crashed.lock().get_or_insert(self.name);
            self.shutdown.begin();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_loop_that_ends_early_begins_the_shutdown_and_is_named() {
        let tasks = Tasks::new();
        tasks.spawn_loop("fragile", async {});
        tasks.shutdown().soft().cancelled().await;
        assert_eq!(tasks.crashed(), Some("fragile"));
        assert!(tasks.wait(Duration::from_secs(5)).await);
        assert_eq!(tasks.running(), []);
    }

    #[tokio::test]
    async fn nothing_takes_another_step_after_the_end_was_forced() {
        let tasks = Tasks::new();
        let steps = Arc::new(Mutex::new(0));
        for _ in 0..32 {
            let (soft, steps) = (tasks.shutdown().soft().clone(), Arc::clone(&steps));
            tasks.spawn("patient", async move {
                soft.cancelled().await;
                *steps.lock() += 1;
            });
        }
        tokio::task::yield_now().await;
        tasks.shutdown().force();
        assert!(tasks.wait(Duration::from_secs(5)).await);
        assert_eq!(*steps.lock(), 0);
    }

    #[tokio::test]
    async fn ports_close_with_the_shutdown_when_nobody_keeps_them_open() {
        let shutdown = Shutdown::default();
        let (first, second) = (shutdown.keep_open(), shutdown.keep_open());
        let mut closing = Box::pin(shutdown.closing());
        drop(first);
        assert!(tokio::time::timeout(Duration::ZERO, &mut closing).await.is_err());
        shutdown.begin();
        assert!(tokio::time::timeout(Duration::ZERO, &mut closing).await.is_err());
        drop(second);
        tokio::time::timeout(Duration::from_secs(5), closing).await.expect("nobody keeps them open");

        let shutdown = Shutdown::default();
        let _kept = shutdown.keep_open();
        shutdown.force();
        tokio::time::timeout(Duration::from_secs(5), shutdown.closing()).await.expect("it is forced");
    }

    #[tokio::test]
    async fn a_loop_that_ends_with_the_process_is_fine() {
        let tasks = Tasks::new();
        let stop = tasks.shutdown().soft().clone();
        tasks.spawn_loop("patient", async move { stop.cancelled().await });
        assert_eq!(tasks.running(), [("patient", 1)]);
        tasks.shutdown().begin();
        assert!(tasks.wait(Duration::from_secs(5)).await);
        assert_eq!(tasks.crashed(), None);
    }
}
