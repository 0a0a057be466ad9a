//! How long it takes until what failed in a pool is made again.
//!
//! Nothing of that is written down: each replica counts what it sees, and one that is new begins with the shortest pause.

use std::collections::HashMap;
use std::time::Duration;

use chatmesh_core::Timestamp;

use super::{Pool, cannot_be_ready};
use crate::domain::{
    Agent, AgentStatus, LifecycleState, TemplateVersionId, Transition, WorkspaceDetails, WorkspaceStatus,
};

/// How long what failed stays at first, so that what always fails is not tried all the time.
const FIRST_PAUSE: Duration = Duration::from_secs(5 * 60);
/// How long it stays at most, however often it failed.
const LONGEST_PAUSE: Duration = Duration::from_secs(2 * 3600);

/// How much earlier than it is seen to have failed something may have failed.
const SLACK: Duration = Duration::from_secs(60);

/// How often the workspaces of pools have failed without one that was ready between.
#[derive(Debug, Default)]
pub(crate) struct PoolRetries(HashMap<(TemplateVersionId, String), Tries>);

#[derive(Debug, Clone, Copy)]
struct Tries {
    failures: u32,
    /// When the last of them was seen: what was begun before the pause after it was over counts for it.
    at: Timestamp,
}

impl PoolRetries {
    /// Takes in how the workspaces of `pools` are at `now`. Of all places of a pool what fails
    /// before the pause is over counts once.
    pub(crate) fn observe(&mut self, pools: &[Pool], there: &[WorkspaceDetails], now: Timestamp) {
        let before = std::mem::take(&mut self.0);
        for pool in pools {
            let (key, places) = (key(pool), pool.places());
            let of_pool = || there.iter().filter(|details| places.contains(&details.workspace.name));
            let known = before.get(&key).copied();
            let is_new = |details: &&WorkspaceDetails| {
                known.is_none_or(|tries| details.build.created_at + SLACK >= tries.at + pause_after(tries.failures))
            };
            let tries = if of_pool().any(is_ready) {
                None
            } else if of_pool().filter(is_new).any(|details| has_failed(details, now)) {
                Some(Tries { failures: known.map_or(0, |tries| tries.failures).saturating_add(1), at: now })
            } else {
                known
            };
            self.0.extend(tries.map(|tries| (key, tries)));
        }
    }

    /// How long what failed stays in a pool, or in none.
    pub(super) fn pause(&self, pool: Option<&Pool>) -> Duration {
        let tries = pool.and_then(|pool| self.0.get(&key(pool)));
        pause_after(tries.map_or(0, |tries| tries.failures))
    }
}

#[cfg(test)]
impl PoolRetries {
    /// Whether the last try of a pool failed.
    pub(super) fn has_failures(&self, pool: &Pool) -> bool {
        self.0.contains_key(&key(pool))
    }
}

fn pause_after(failures: u32) -> Duration {
    let pause = 2_u32.checked_pow(failures.saturating_sub(1)).and_then(|times| FIRST_PAUSE.checked_mul(times));
    pause.map_or(LONGEST_PAUSE, |pause| pause.min(LONGEST_PAUSE))
}

fn key(pool: &Pool) -> (TemplateVersionId, String) {
    (pool.version_id, pool.preset.clone())
}

/// True where a start has come to what it was for.
fn is_ready(details: &WorkspaceDetails) -> bool {
    let is_up = details.status() == WorkspaceStatus::Running && !details.agents.is_empty();
    is_up && details.agents.iter().all(|agent| agent.lifecycle.state == LifecycleState::Ready)
}

/// True where a start came to nothing.
fn has_failed(details: &WorkspaceDetails, now: Timestamp) -> bool {
    let is_lost = |agent: &Agent| agent.status(now) == AgentStatus::Timeout || cannot_be_ready(agent.lifecycle.state);
    match details.status() {
        WorkspaceStatus::Failed | WorkspaceStatus::Canceled => details.build.transition == Transition::Start,
        WorkspaceStatus::Running => details.agents.iter().any(is_lost),
        _ => false,
    }
}
