//! Sessions of chats with servers: what a server remembers from call to call is a chat's own.

use std::fmt;
use std::future::ready;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use chatmesh_runtime::Tasks;
use moka::future::Cache;
use moka::notification::RemovalCause;
use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::cache::Key;
use super::client::Session;
use super::visit::Unreached;

/// How long a session is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(120);
/// How many sessions are kept; those that were used longest ago go first.
const MAX_SESSIONS: u64 = 1000;
/// How long a signed session is used: the signature says when it was opened, and servers do not take an old one.
const SIGNED_FOR: Duration = Duration::from_secs(240);

/// A session that calls share. Whoever does not want it any longer lets go of it, and the last one closes it: no call is
/// cut off by what becomes of another.
pub(super) struct Shared {
    session: Arc<Session>,
    opened_at: Instant,
    is_signed: bool,
    tasks: Tasks,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Shared {
    /// A session that was opened just now; `tasks` closes it. A signed one does not last.
    pub(super) fn new(session: Session, is_signed: bool, tasks: Tasks) -> Self {
        Self { session: Arc::new(session), opened_at: Instant::now(), is_signed, tasks }
    }

    fn is_usable(&self) -> bool {
        self.session.is_alive() && !(self.is_signed && self.opened_at.elapsed() > SIGNED_FOR)
    }
}

impl Deref for Shared {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Where nothing runs any more, there is no connection either.
        if Handle::try_current().is_ok() {
            let session = Arc::clone(&self.session);
            self.tasks.spawn("tools.mcp.close", async move { session.close().await });
        }
    }
}

/// The place of a session. It is emptied as soon as the session is not kept any longer: what the cache removed, it may
/// hold for a while.
#[derive(Debug, Clone)]
struct Place(Arc<Mutex<Option<Arc<Shared>>>>);

impl Place {
    fn session(&self) -> Option<Arc<Shared>> {
        self.0.lock().clone()
    }

    /// Empties the place, unless it holds a session that is to stay.
    fn clear_unless(&self, stays: impl FnOnce(&Arc<Shared>) -> bool) -> bool {
        let mut held = self.0.lock();
        let is_cleared = !held.as_ref().is_some_and(stays);
        let gone = if is_cleared { held.take() } else { None };
        drop(held);
        // What its end begins is not begun under the lock.
        drop(gone);
        is_cleared
    }
}

/// Whose session it is.
pub(super) type SessionKey = (Key, String);

/// The sessions that are kept.
#[derive(Debug, Clone)]
pub(super) struct Sessions {
    open: Cache<SessionKey, Place>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self::with_room(MAX_SESSIONS)
    }
}

impl Sessions {
    fn with_room(sessions: u64) -> Self {
        let close = |_: Arc<SessionKey>, place: Place, _: RemovalCause| {
            place.clear_unless(|_| false);
        };
        let open = Cache::builder()
            .max_capacity(sessions)
            // A new session is in use, however seldom its chat was seen before.
            .eviction_policy(EvictionPolicy::lru())
            .time_to_idle(IDLE)
            .eviction_listener(close)
            .build();
        Self { open }
    }

    /// The session under `key`: the one that is kept, or one that is opened for all who ask at the same time. `None` where
    /// it was ended before the caller had it.
    ///
    /// # Errors
    /// None is kept, and none could be opened.
    pub(super) async fn get_or_open(
        &self,
        key: &SessionKey,
        opening: impl Future<Output = Result<Shared, Unreached>> + Send,
    ) -> Result<Option<Arc<Shared>>, Unreached> {
        if let Some(place) = self.open.get(key).await {
            if let Some(session) = place.session().filter(|session| session.is_usable()) {
                return Ok(Some(session));
            }
            self.remove(key, |held| held.is_usable()).await;
        }
        let opening = async { Ok(Place(Arc::new(Mutex::new(Some(Arc::new(opening.await?)))))) };
        let opened = self.open.try_get_with_by_ref(key, Box::pin(opening)).await;
        opened.map(|place| place.session()).map_err(|error: Arc<Unreached>| Unreached::clone(&error))
    }

    /// Ends a session that failed; one that came in its place stays.
    pub(super) async fn end(&self, key: &SessionKey, session: &Arc<Shared>) {
        self.remove(key, |held| !Arc::ptr_eq(held, session)).await;
    }

    async fn remove(&self, key: &SessionKey, stays: impl FnOnce(&Arc<Shared>) -> bool + Send) {
        let entry = self.open.entry_by_ref(key);
        let compute = |entry: Option<moka::Entry<SessionKey, Place>>| {
            let is_cleared = entry.is_some_and(|entry| entry.value().clear_unless(stays));
            ready(if is_cleared { Op::Remove } else { Op::Nop })
        };
        entry.and_compute_with(compute).await;
    }

    /// Ends the sessions that nobody used for a while.
    pub(super) async fn sweep(&self) {
        self.open.run_pending_tasks().await;
    }
}

#[cfg(test)]
mod tests;
