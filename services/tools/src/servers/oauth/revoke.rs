//! Takes back what users were granted at a server that is gone, or is another one (RFC 7009).
//!
//! Whoever deletes or moves a server does not wait for it: it is done in the background as well as it goes, a few at a
//! time, and given up after a while. What is not taken back is forgotten here all the same, and ends by itself there.

use std::time::Duration;

use chatmesh_seal::Sealer;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, timeout_at};
use tracing::{debug, info};

use super::connect::opened;
use super::endpoint::revoke;
use super::{Grant, row};
use crate::servers::client::HttpConnector;
use crate::servers::state::Servers;
use crate::servers::store::GrantRow;

/// How long all of them may take together.
pub(super) const DEADLINE: Duration = Duration::from_secs(120);
/// How many are taken back at once.
pub(super) const AT_ONCE: usize = 8;

impl Servers {
    /// Takes grants back that nobody has any more.
    pub(in crate::servers) fn take_back(&self, slug: &str, grants: Vec<GrantRow>) {
        if grants.is_empty() {
            return;
        }
        let (http, sealer, slug) = (self.http.clone(), self.sealer.clone(), slug.to_owned());
        self.tasks.spawn("tools.mcp.revoke", async move {
            let users = grants.len();
            let one = |kept| take_back(http.clone(), sealer.clone(), slug.clone(), kept);
            let revoked = counted(grants, one).await;
            info!(server = %slug, users, revoked, "tokens of users were taken back, as far as that is possible");
        });
    }
}

/// Does `work` for each of them, until the deadline. Returns for how many it was done.
pub(super) async fn counted<T, W: Future<Output = bool>>(all: Vec<T>, work: impl Fn(T) -> W) -> usize {
    let deadline = Instant::now() + DEADLINE;
    let (mut waiting, mut working, mut done) = (all.into_iter(), FuturesUnordered::new(), 0);
    loop {
        let room = AT_ONCE - working.len();
        working.extend(waiting.by_ref().take(room).map(&work));
        match timeout_at(deadline, working.next()).await {
            Ok(Some(is_done)) => done += usize::from(is_done),
            Ok(None) | Err(_) => return done,
        }
    }
}

/// Takes one grant back; false where that is not possible.
async fn take_back(http: HttpConnector, sealer: Sealer, slug: String, kept: GrantRow) -> bool {
    let opened = opened::<Grant>(&sealer, row(kept.server_id, kept.user_id), &kept.sealed);
    let Some(grant) = opened.ok().filter(|grant| !grant.authority.revocation_url.is_empty()) else { return false };
    let revoked = revoke(&http, &grant).await;
    if let Err(problem) = &revoked {
        debug!(server = %slug, %problem, "a token was not taken back");
    }
    revoked.is_ok()
}
