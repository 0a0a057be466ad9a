//! What is remembered of servers for a while: their tools, and why they have none.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_rpc::UserId;
use moka::sync::Cache;
use tokio::time::Instant;

use super::client::RemoteTool;
use super::domain::{Server, ServerId};
use super::oauth::Token;
use super::offer::{Asked, Outcome};

/// How long tools are good for, and how long a failure is not looked into.
const FRESH: Duration = Duration::from_secs(60);
/// For how long a server that failed is looked at again beside the turns, which do not wait for it once more.
const FAILED: Duration = Duration::from_secs(600);
/// How many bytes of tools are remembered.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// How many failures are remembered.
const MAX_FAILURES: u64 = 10_000;

/// Which server was asked, and as whom: what it says to one is not said to another, and what was opened for one is of no
/// use to another. The version of a grant is in it, so that in every process whoever connects, disconnects, or has a new
/// token begins anew.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    server: ServerId,
    version: u32,
    user: UserId,
    grant: u32,
    /// Where the server is told of it.
    workspace: String,
}

impl Key {
    pub(super) fn new(server: &Server, asked: &Asked, token: &Token) -> Self {
        let workspace = if server.settings.forward_identity_headers { asked.workspace_id.as_str() } else { "" };
        Self {
            server: server.id,
            version: server.version,
            user: asked.user,
            grant: token.version,
            workspace: workspace.to_owned(),
        }
    }
}

/// What a server said lately.
#[derive(Debug, Clone)]
pub(super) struct Listings {
    found: Cache<Key, Arc<Vec<RemoteTool>>>,
    failed: Cache<Key, (Outcome, Instant)>,
}

/// What is known of a server.
#[derive(Debug)]
pub(super) enum Known {
    /// This, as of now.
    Fresh(Outcome),
    /// That it failed a while ago; whoever is told so looks again, and nobody else does.
    Stale(Outcome),
    /// Nothing.
    Nothing,
}

impl Default for Listings {
    fn default() -> Self {
        let size = |tool: &RemoteTool| tool.name.len() + tool.description.len() + tool.schema.len();
        let weigh = move |_: &Key, tools: &Arc<Vec<RemoteTool>>| {
            u32::try_from(tools.iter().map(size).sum::<usize>() + 100).unwrap_or(u32::MAX)
        };
        Self {
            found: Cache::builder().max_capacity(MAX_BYTES).weigher(weigh).time_to_live(FRESH).build(),
            failed: Cache::builder().max_capacity(MAX_FAILURES).time_to_live(FAILED).build(),
        }
    }
}

impl Listings {
    /// What is known of a server.
    pub(super) fn get(&self, key: &Key) -> Known {
        if let Some(tools) = self.found.get(key) {
            return Known::Fresh(Outcome::Listed(tools));
        }
        match self.failed.get(key) {
            Some((outcome, at)) if at.elapsed() < FRESH => Known::Fresh(outcome),
            Some((outcome, _)) => {
                self.failed.insert(key.clone(), (outcome.clone(), Instant::now()));
                Known::Stale(outcome)
            }
            None => Known::Nothing,
        }
    }

    /// Remembers what came of a look.
    pub(super) fn put(&self, key: Key, outcome: &Outcome) {
        match outcome {
            Outcome::Listed(tools) => {
                self.failed.invalidate(&key);
                self.found.insert(key, Arc::clone(tools));
            }
            failed => self.failed.insert(key, (failed.clone(), Instant::now())),
        }
    }
}
