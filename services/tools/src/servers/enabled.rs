//! Which servers are switched on, also for a while in which the database cannot say it: a turn does not wait for servers
//! outside of the mesh, and goes on without them.

use std::time::Duration;

use chatmesh_db::DbError;
use parking_lot::Mutex;
use tokio::time::{Instant, timeout};
use tracing::warn;

use super::domain::Server;
use super::state::Servers;

/// How long the database has to answer where a turn waits.
pub(super) const READ_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a list is good for that was read before. It is no more than an offer: what is called is looked up again.
const MAX_AGE: Duration = Duration::from_secs(3600);
/// How many servers there may be that are switched on: more would not fit a prompt anyway.
const MAX_ENABLED: u32 = 500;

/// The list that was read last, and when.
#[derive(Debug, Default)]
pub(super) struct LastEnabled(Mutex<Option<(Vec<Server>, Instant)>>);

impl Servers {
    /// The servers that are switched on, oldest first.
    pub(super) async fn enabled(&self) -> Result<Vec<Server>, DbError> {
        self.store.list(true, None, MAX_ENABLED).await
    }

    /// The same within moments: as it was read last where the database does not answer, and `None` where that is too long
    /// ago. True beside a list that was just read; those of another may have been switched off or moved since, so that they
    /// are sent nothing.
    pub(super) async fn enabled_lately(&self) -> Option<(Vec<Server>, bool)> {
        let problem = match timeout(READ_TIMEOUT, self.enabled()).await {
            Ok(Ok(servers)) => {
                *self.last_enabled.0.lock() = Some((servers.clone(), Instant::now()));
                return Some((servers, true));
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} seconds", READ_TIMEOUT.as_secs()),
        };
        let last = self.last_enabled.0.lock().clone();
        let last = last.map(|(servers, read_at)| (servers, read_at.elapsed())).filter(|(_, age)| *age < MAX_AGE);
        let age = last.as_ref().map(|(_, age)| age.as_secs());
        warn!(%problem, age, "the list of MCP servers cannot be read: the one of before is used, if there is one");
        last.map(|(servers, _)| (servers, false))
    }
}
