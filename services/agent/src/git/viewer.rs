//! One stream of changes.

mod seen;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chatmesh_proto::agent::v1 as pb;
use futures::{Stream, StreamExt as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tonic::Status;

use super::lookup::Lookup;
use super::registry::Registry;
use super::state::problem;
use crate::touched::Subscription;
use seen::Seen;

/// The least time between two searches for repositories.
const COOLDOWN: Duration = Duration::from_secs(1);
/// How often repositories are searched for where nothing gives a reason to.
const POLL: Duration = Duration::from_secs(30);
/// How many paths a caller may name.
const MAX_PATHS: usize = 256;
/// How many repositories one stream shows.
const MAX_REPOSITORIES: usize = 64;

/// A message to the caller, or the end.
pub(super) type Answer = Result<pb::WatchChangesResponse, Status>;

/// The caller takes no more messages.
#[derive(Debug)]
pub(super) struct Gone;

/// Follows the repositories of one stream.
#[derive(Debug)]
pub(super) struct Viewer {
    touches: Subscription,
    registry: Registry,
    lookup: Lookup,
    answers: mpsc::Sender<Answer>,
    /// The paths that the caller named.
    named: Vec<PathBuf>,
    repositories: BTreeMap<PathBuf, Seen>,
    is_full: bool,
}

impl Viewer {
    pub(super) fn new(
        touches: Subscription,
        registry: Registry,
        lookup: Lookup,
        answers: mpsc::Sender<Answer>,
    ) -> Self {
        Self { touches, registry, lookup, answers, named: Vec::new(), repositories: BTreeMap::new(), is_full: false }
    }

    /// Passes news on until the caller is gone.
    pub(super) async fn run(
        mut self,
        mut requests: impl Stream<Item = Result<pb::WatchChangesRequest, Status>> + Unpin,
    ) -> Result<(), Gone> {
        let mut published = self.registry.subscribe();
        let mut search_at = Instant::now();
        let mut searched = Instant::now();
        let mut is_open = true;
        loop {
            // Marked before it is looked at, so that what comes in between is looked at again.
            published.mark_unchanged();
            if self.pass_on().await? {
                search_at = search_at.min(searched + COOLDOWN);
            }
            tokio::select! {
                () = self.answers.closed() => return Err(Gone),
                _ = published.changed() => {}
                request = requests.next(), if is_open => match request {
                    Some(Ok(request)) => {
                        self.take(request).await?;
                        search_at = search_at.min(searched + COOLDOWN);
                    }
                    Some(Err(_)) => return Err(Gone),
                    None => is_open = false,
                },
                () = self.touches.changed() => {
                    self.wake();
                    search_at = search_at.min(searched + COOLDOWN);
                }
                () = sleep_until(search_at) => {
                    self.search().await?;
                    searched = Instant::now();
                    search_at = searched + POLL;
                }
            }
        }
    }

    /// Sends what is new. Returns true where a repository is gone: its paths may now be in another.
    async fn pass_on(&mut self) -> Result<bool, Gone> {
        for (root, seen) in self.repositories.iter_mut().filter(|(_, seen)| seen.is_behind()) {
            // Each is made when there is room for it: one takes megabytes, and is out of date soon.
            let room = self.answers.reserve().await.map_err(|_| Gone)?;
            if let Some(answer) = seen.news(root) {
                room.send(Ok(answer));
            }
        }
        let count = self.repositories.len();
        self.repositories.retain(|_, seen| !seen.is_over());
        Ok(self.repositories.len() < count)
    }

    async fn take(&mut self, request: pb::WatchChangesRequest) -> Result<(), Gone> {
        if request.refresh {
            self.wake();
        }
        for path in request.paths {
            if !Path::new(&path).is_absolute() || path.contains('\0') {
                self.send(problem(None, format!("{path:?} is not an absolute path; it is not watched"))).await?;
            } else if self.named.iter().any(|named| named.as_os_str() == path.as_str()) {
                // Named before.
            } else if self.named.len() == MAX_PATHS {
                self.send(problem(None, format!("{path:?} is not watched: {MAX_PATHS} paths are already"))).await?;
            } else {
                self.named.push(PathBuf::from(path));
            }
        }
        Ok(())
    }

    fn wake(&self) {
        for seen in self.repositories.values() {
            seen.wake();
        }
    }

    /// Looks which repositories there are to follow.
    async fn search(&mut self) -> Result<(), Gone> {
        let mut paths = self.touches.paths();
        paths.extend(self.named.iter().cloned());
        let roots = match self.lookup.roots(paths).await {
            Ok(roots) => roots,
            Err(error) => return self.send(problem(None, error.to_string())).await,
        };
        for root in roots {
            if self.repositories.contains_key(&root) {
                continue;
            }
            if self.repositories.len() < MAX_REPOSITORIES {
                let scanner = self.registry.scanner(&root);
                self.repositories.insert(root, Seen::new(scanner));
            } else if !self.is_full {
                self.is_full = true;
                let message = format!("not watched: {MAX_REPOSITORIES} repositories are already, which is the most");
                self.send(problem(Some(&root), message)).await?;
            }
        }
        Ok(())
    }

    async fn send(&self, answer: pb::WatchChangesResponse) -> Result<(), Gone> {
        self.answers.send(Ok(answer)).await.map_err(|_| Gone)
    }
}
