//! Workspaces that are made before anybody asks for them.
//!
//! Each version that is active has a pool for each preset that asks for one. The places of a pool have names, and a
//! workspace is made for each place without one: whoever looks at the same time makes the same. A workspace that
//! somebody claims gets another name, and its place is free again. What is not of a pool any more is deleted; what
//! failed is deleted, and made again, a while later: the longer, the more often the pool's workspaces have failed.

mod retries;

use std::time::Duration;

use chatmesh_core::{Timestamp, Uuid};
use chatmesh_rpc::UserId;
pub(crate) use retries::PoolRetries;
use sha2::{Digest as _, Sha256};

use super::agent::CONNECTION_TIMEOUT;
use super::{
    Agent, AgentStatus, EXTERNAL, LifecycleState, TemplateId, TemplateVersion, TemplateVersionId, Transition,
    WorkspaceDetails, WorkspaceId, WorkspaceStatus,
};

/// Who owns workspaces that nobody has claimed: no user.
pub const PREBUILD_OWNER: UserId = UserId(Uuid::from_u128(0x6368_6174_6d65_8368_8000_0000_0000_0001));
/// Workspaces to keep ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pool {
    pub(crate) template_id: TemplateId,
    pub(crate) version_id: TemplateVersionId,
    pub(crate) preset: String,
    pub(crate) instances: u32,
}

/// What to do for pools to be full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Make a workspace of this name for the pool.
    Make(Pool, String),
    /// Delete this one.
    Delete(WorkspaceId),
}

/// The pools of a version that is active.
pub(crate) fn pools(version: &TemplateVersion) -> Vec<Pool> {
    // Nobody starts their agents in advance. Versions of before may ask for it.
    if version.manifest.provisioner == EXTERNAL {
        return Vec::new();
    }
    let presets = version.manifest.presets.iter().filter_map(|preset| {
        let instances = preset.prebuilds.filter(|prebuilds| prebuilds.instances > 0)?.instances;
        let (template_id, version_id) = (version.info.template_id, version.info.id);
        Some(Pool { template_id, version_id, preset: preset.name.clone(), instances })
    });
    presets.collect()
}

impl Pool {
    /// The names of its places.
    fn places(&self) -> Vec<String> {
        let mut digest = Sha256::new();
        digest.update(self.version_id.0.as_bytes());
        digest.update(self.preset.as_bytes());
        let digest: [u8; 32] = digest.finalize().into();
        let pool: String = digest[..6].iter().map(|byte| format!("{byte:02x}")).collect();
        (0..self.instances).map(|place| format!("prebuild-{pool}-{place}")).collect()
    }
}

/// What is to be done at `now` for `pools` to be full, where `there` are the workspaces that nobody has claimed. How long
/// what failed stays follows from what failed before.
pub(crate) fn plan(pools: &[Pool], there: &[WorkspaceDetails], retries: &PoolRetries, now: Timestamp) -> Vec<Step> {
    let taken = |name: &String| there.iter().any(|details| details.workspace.name == *name);
    let places: Vec<(&Pool, String)> =
        pools.iter().flat_map(|pool| pool.places().into_iter().map(move |place| (pool, place))).collect();
    let pool_of =
        |details: &WorkspaceDetails| places.iter().find(|(_, place)| *place == details.workspace.name).map(|one| one.0);
    let gone = there.iter().filter(|details| {
        let pool = pool_of(details);
        let surplus = pool.is_none() && is_steady(details.status());
        surplus || is_broken(details, retries.pause(pool), now)
    });
    let steps = gone.map(|details| Step::Delete(details.workspace.id));
    let made = places.iter().filter(|(_, place)| !taken(place));
    steps.chain(made.map(|(pool, place)| Step::Make((*pool).clone(), place.clone()))).collect()
}

/// True where a workspace is as it is until somebody changes it, and did not fail.
fn is_steady(status: WorkspaceStatus) -> bool {
    matches!(status, WorkspaceStatus::Running | WorkspaceStatus::Stopped)
}

/// True where nobody can claim the workspace, and that has been so for `pause`.
fn is_broken(details: &WorkspaceDetails, pause: Duration, now: Timestamp) -> bool {
    let is_old = |since: Option<Timestamp>| since.is_some_and(|since| since + pause <= now);
    let ended = details.build.completed_at;
    match details.status() {
        WorkspaceStatus::Failed | WorkspaceStatus::Canceled | WorkspaceStatus::Stopped => is_old(ended),
        WorkspaceStatus::Running => {
            let broken = |agent: &Agent| match agent.status(now) {
                AgentStatus::Timeout => is_old(ended),
                AgentStatus::Disconnected => is_old(agent.disconnect_time(now)),
                // One that is never late is late here: nobody waits for it who would look.
                AgentStatus::Connecting => agent.is_never_late() && is_old(ended.map(|at| at + CONNECTION_TIMEOUT)),
                AgentStatus::Connected => cannot_be_ready(agent.lifecycle.state) && is_old(agent.lifecycle.changed_at),
            };
            details.build.transition == Transition::Start && details.agents.iter().any(broken)
        }
        _ => false,
    }
}

fn cannot_be_ready(state: LifecycleState) -> bool {
    !matches!(state, LifecycleState::Created | LifecycleState::Starting | LifecycleState::Ready)
}

#[cfg(test)]
mod tests;
