//! What a stream has shown of a repository.

use std::path::Path;
use std::sync::Arc;

use chatmesh_proto::agent::v1 as pb;

use crate::git::scanner::Scanner;
use crate::git::state::{Outcome, Scan, problem, removed, repository};

/// A repository of a stream.
#[derive(Debug)]
pub(super) struct Seen {
    scanner: Arc<Scanner>,
    /// The state that was shown last.
    state: Option<Arc<Scan>>,
    /// The outcome that was looked at last.
    last: Option<Arc<Scan>>,
}

impl Seen {
    pub(super) fn new(scanner: Arc<Scanner>) -> Self {
        Self { scanner, state: None, last: None }
    }

    pub(super) fn wake(&self) {
        self.scanner.wake();
    }

    /// True where the repository is gone and that was told.
    pub(super) fn is_over(&self) -> bool {
        self.last.as_ref().is_some_and(|scan| scan.outcome == Outcome::Removed)
    }

    /// True where something was found that was not looked at.
    pub(super) fn is_behind(&self) -> bool {
        let is_last = |scan: &Arc<Scan>| self.last.as_ref().is_some_and(|last| Arc::ptr_eq(last, scan));
        self.scanner.latest().is_some_and(|scan| !is_last(&scan))
    }

    /// What this stream has to be told now.
    pub(super) fn news(&mut self, root: &Path) -> Option<pb::WatchChangesResponse> {
        let scan = self.scanner.latest()?;
        if self.last.as_ref().is_some_and(|last| Arc::ptr_eq(last, &scan)) {
            return None;
        }
        self.last = Some(Arc::clone(&scan));
        match &scan.outcome {
            // Back to what it was, for example after a problem or while the reader was slow.
            Outcome::State(_) if self.state.as_ref().is_some_and(|shown| shown.outcome == scan.outcome) => None,
            Outcome::State(state) => {
                let answer = repository(root, state, scan.time);
                self.state = Some(scan);
                Some(answer)
            }
            Outcome::Failed(message) => Some(problem(Some(root), message)),
            // What was never shown needs no end.
            Outcome::Removed => self.state.take().map(|_| removed(root, scan.time)),
        }
    }
}
