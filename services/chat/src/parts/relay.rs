//! Live parts of chats that other replicas run.
//!
//! The chat's lease names the worker, the directory of workers its address. One call per episode
//! brings the parts here, into a *mirror* that all subscribers of this replica read: an episode is
//! read from here or from there, never from both. A call that breaks is made again, after a pause,
//! from the last part that came, for as long as somebody reads the mirror. Nothing of this is on the
//! way of committed messages: they come from the database.

mod follower;

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use chatmesh_rpc::Replicas;
use chatmesh_runtime::Tasks;
use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Episode, EpisodeKey, Kept};
use crate::domain::WorkerId;
use crate::store::WorkerDirectory;
use follower::Follower;

/// The mirrors of this replica; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Relay(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    mirrors: Mirrors,
    replicas: Arc<Replicas>,
    workers: Arc<dyn WorkerDirectory>,
    tasks: Tasks,
}

type Mirrors = Arc<Mutex<HashMap<Source, Weak<Mirror>>>>;

/// Which episode, and who has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Source {
    key: EpisodeKey,
    worker: WorkerId,
}

/// An episode of another replica, kept up to date while somebody holds this.
#[derive(Debug)]
pub(crate) struct Mirror {
    source: Source,
    episode: Arc<Episode>,
    mirrors: Mirrors,
    /// Its end tells the follower that nobody reads any more.
    _read: oneshot::Sender<()>,
}

impl Mirror {
    /// The parts that came so far.
    pub(crate) fn episode(&self) -> &Arc<Episode> {
        &self.episode
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        let mut mirrors = self.mirrors.lock();
        // A new one may have taken the place.
        if mirrors.get(&self.source).is_some_and(|mirror| mirror.strong_count() == 0) {
            mirrors.remove(&self.source);
        }
    }
}

impl Relay {
    pub(crate) fn new(replicas: Replicas, workers: Arc<dyn WorkerDirectory>, tasks: Tasks) -> Self {
        Self(Arc::new(Inner { mirrors: Mirrors::default(), replicas: Arc::new(replicas), workers, tasks }))
    }

    /// The mirror of an episode that `worker` has. Returns at once; the parts come when they come.
    pub(crate) fn mirror(&self, key: EpisodeKey, worker: WorkerId) -> Arc<Mirror> {
        let source = Source { key, worker };
        let mut mirrors = self.0.mirrors.lock();
        if let Some(mirror) = mirrors.get(&source).and_then(Weak::upgrade) {
            return mirror;
        }
        let (read, unread) = oneshot::channel();
        let episode = Arc::new(Episode::new(key, Counter::default()));
        let mirror = Arc::new(Mirror {
            source,
            episode: Arc::clone(&episode),
            mirrors: Arc::clone(&self.0.mirrors),
            _read: read,
        });
        mirrors.insert(source, Arc::downgrade(&mirror));
        drop(mirrors);
        let follower =
            Follower { episode, worker, replicas: Arc::clone(&self.0.replicas), workers: Arc::clone(&self.0.workers) };
        let stop = self.0.tasks.shutdown().soft().clone();
        self.0.tasks.spawn("chat.relay", async move {
            tokio::select! {
                biased;
                _ = unread => {}
                () = stop.cancelled() => {}
                () = follower.run() => {}
            }
        });
        mirror
    }

    /// Drops connections that nobody uses any more.
    pub(super) fn sweep(&self, now: Instant) {
        self.0.replicas.sweep(now);
    }

    /// How much is mirrored now.
    pub(crate) fn kept(&self) -> Kept {
        let mirrors: Vec<Arc<Mirror>> = self.0.mirrors.lock().values().filter_map(Weak::upgrade).collect();
        let mut kept = Kept::default();
        mirrors.iter().for_each(|mirror| kept.add(&mirror.episode));
        kept
    }
}
