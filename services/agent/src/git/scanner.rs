//! Scans one repository whenever that is due.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chatmesh_core::{Clock as _, SystemClock};
use futures::FutureExt as _;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::debug;

use super::pace::Pace;
use super::registry::Inner;
use super::state::{Outcome, Scan};

/// The scanner of a repository, as its viewers see it.
#[derive(Debug)]
pub(super) struct Scanner {
    shared: Arc<Shared>,
    /// Ends the work with the last viewer.
    _stop: DropGuard,
}

#[derive(Debug, Default)]
struct Shared {
    latest: Mutex<Option<Arc<Scan>>>,
    /// Holds one wake-up at most, so that many become one scan.
    wake: Notify,
}

impl Scanner {
    /// What the last scan found that found something new. `None` before the first.
    pub(super) fn latest(&self) -> Option<Arc<Scan>> {
        self.shared.latest.lock().clone()
    }

    /// Asks for a scan as soon as one is allowed.
    pub(super) fn wake(&self) {
        self.shared.wake.notify_one();
    }

    /// True where the repository is gone and nothing will be published any more.
    pub(super) fn is_over(&self) -> bool {
        self.latest().is_some_and(|scan| scan.outcome == Outcome::Removed)
    }
}

/// Makes a scanner and the work that has to be run for it. It scans once at its beginning.
pub(super) fn start(
    root: PathBuf,
    pace: Pace,
    registry: Arc<Inner>,
) -> (Scanner, impl Future<Output = ()> + Send + 'static) {
    let (stop, shared) = (CancellationToken::new(), Arc::new(Shared::default()));
    let work = Work { root, pace, registry, shared: Arc::clone(&shared), unfinished: None };
    let running = stop.clone();
    let run = async move {
        tokio::select! {
            // First, so that work that is due at the moment it is stopped does not begin.
            biased;
            () = running.cancelled() => {}
            () = work.run() => {}
        }
    };
    (Scanner { shared, _stop: stop.drop_guard() }, run)
}

struct Work {
    root: PathBuf,
    pace: Pace,
    registry: Arc<Inner>,
    shared: Arc<Shared>,
    /// A scan that did not end in time.
    unfinished: Option<JoinHandle<Outcome>>,
}

impl Work {
    async fn run(mut self) {
        let (cooldown, poll) = (self.registry.limits.cooldown, self.registry.limits.poll);
        loop {
            self.pace.keep().await;
            // Whoever woke it until here is served by this scan.
            let _ = self.shared.wake.notified().now_or_never();
            let began = Instant::now();
            self.pace.set(began + cooldown);
            let outcome = self.scan().await;
            let is_removed = outcome == Outcome::Removed;
            self.publish(outcome);
            if is_removed {
                return;
            }
            // A scan that takes long is followed by as long a rest.
            self.pace.set((began + cooldown).max(Instant::now() + began.elapsed()));
            // That nobody has woken it is no less a reason to scan.
            let _ = timeout(poll.saturating_sub(began.elapsed()), self.shared.wake.notified()).await;
        }
    }

    /// Makes what was found known where it is new.
    fn publish(&self, outcome: Outcome) {
        let mut latest = self.shared.latest.lock();
        if latest.as_ref().is_some_and(|latest| latest.outcome == outcome) {
            return;
        }
        if let Outcome::Failed(problem) = &outcome {
            debug!(repository = %self.root.display(), problem, "repository not read");
        }
        *latest = Some(Arc::new(Scan { time: SystemClock.now(), outcome }));
        drop(latest);
        self.registry.published.send_replace(());
    }

    async fn scan(&mut self) -> Outcome {
        let deadline = self.registry.limits.deadline;
        // A thread that hangs on its disk is waited for; a second one would hang as well.
        if let Some(unfinished) = &mut self.unfinished
            && timeout(deadline, unfinished).await.is_err()
        {
            return too_slow(deadline);
        }
        self.unfinished = None;
        let ends = Instant::now() + deadline;
        let Ok(Ok(permit)) = timeout(deadline, Arc::clone(&self.registry.permits).acquire_owned()).await else {
            return too_slow(deadline);
        };
        let cancel = Cancel::default();
        let (registry, root, flag) = (Arc::clone(&self.registry), self.root.clone(), Arc::clone(&cancel.0));
        let mut scan = tokio::task::spawn_blocking(move || {
            let outcome = (registry.read)(&root, &flag);
            drop(permit);
            outcome
        });
        match timeout_at(ends, &mut scan).await {
            Ok(outcome) => outcome.unwrap_or_else(|_| Outcome::Failed("reading the repository broke off".to_owned())),
            Err(_) => {
                self.unfinished = Some(scan);
                too_slow(deadline)
            }
        }
    }
}

fn too_slow(deadline: Duration) -> Outcome {
    Outcome::Failed(format!("the repository could not be read within {} seconds", deadline.as_secs()))
}

/// Tells a scan that nobody waits for it any more.
#[derive(Default)]
struct Cancel(Arc<AtomicBool>);

impl Drop for Cancel {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
