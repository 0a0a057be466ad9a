//! The scanners of all repositories that somebody watches.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use tokio_util::task::TaskTracker;

use super::pace::Pace;
use super::scan::scan;
use super::scanner::{self, Scanner};
use super::state::Outcome;

/// How many scans run at once; each reads the disk and computes on a thread of its own.
const MAX_SCANS: usize = 4;

/// Bounds of time.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    /// The least time from the beginning of one scan of a repository to that of the next.
    pub(super) cooldown: Duration,
    /// How long nothing wakes a scanner before it scans nevertheless.
    pub(super) poll: Duration,
    /// How long a scan may take.
    pub(super) deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { cooldown: Duration::from_secs(1), poll: Duration::from_secs(30), deadline: Duration::from_secs(20) }
    }
}

/// Reads a repository; blocks.
type Read = dyn Fn(&Path, &AtomicBool) -> Outcome + Send + Sync;

/// One scanner for each repository that is watched; clones share them.
#[derive(Clone)]
pub(super) struct Registry {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) limits: Limits,
    pub(super) read: Box<Read>,
    pub(super) permits: Arc<Semaphore>,
    /// Tells that some scanner has published something.
    pub(super) published: watch::Sender<()>,
    scanners: Mutex<HashMap<PathBuf, Known>>,
    tasks: TaskTracker,
}

/// A scanner as long as it has viewers, and when it may scan: one that begins right after another
/// one has ended keeps its pace.
#[derive(Debug)]
struct Known {
    scanner: Weak<Scanner>,
    pace: Pace,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("scanners", &self.inner.scanners.lock().len()).finish_non_exhaustive()
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new(Limits::default(), scan)
    }
}

impl Registry {
    /// A registry without scanners, which will use `read`.
    pub(super) fn new(limits: Limits, read: impl Fn(&Path, &AtomicBool) -> Outcome + Send + Sync + 'static) -> Self {
        let inner = Inner {
            limits,
            read: Box::new(read),
            permits: Arc::new(Semaphore::new(MAX_SCANS)),
            published: watch::Sender::new(()),
            scanners: Mutex::default(),
            tasks: TaskTracker::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Follows the scanners: it changes whenever one of them has published something.
    pub(super) fn subscribe(&self) -> watch::Receiver<()> {
        self.inner.published.subscribe()
    }

    /// Joins the scanner of a repository and wakes it, or starts one. It works until the last of
    /// those who hold it lets go.
    pub(super) fn scanner(&self, root: &Path) -> Arc<Scanner> {
        let mut scanners = self.inner.scanners.lock();
        let known = scanners.get(root).and_then(|known| known.scanner.upgrade());
        if let Some(scanner) = known.filter(|scanner| !scanner.is_over()) {
            scanner.wake();
            return scanner;
        }
        scanners.retain(|_, known| known.scanner.strong_count() > 0 || !known.pace.is_over());
        let pace = scanners.get(root).map(|known| known.pace.clone()).unwrap_or_default();
        let (scanner, work) = scanner::start(root.to_owned(), pace.clone(), Arc::clone(&self.inner));
        self.inner.tasks.spawn(work);
        let scanner = Arc::new(scanner);
        scanners.insert(root.to_owned(), Known { scanner: Arc::downgrade(&scanner), pace });
        scanner
    }
}
