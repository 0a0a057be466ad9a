//! What provisioners are given.

use std::sync::Arc;

use chatmesh_core::Timestamp;

use crate::domain::{AgentId, Build, Quota, Transition, Workspace};

/// Who asks for a build to carry out.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The provisioner.
    pub holder: String,
    /// The kinds that it carries out: words of lower-case letters, digits and `-`.
    pub kinds: Vec<String>,
    /// What it does to workspaces.
    pub transitions: Vec<Transition>,
    /// The time.
    pub now: Timestamp,
    /// Until when the lease is to hold.
    pub expires_at: Timestamp,
    /// For the agents of the build, in their order; as many as a build may have.
    pub agents: Vec<AgentSeed>,
    /// What there is for whom.
    pub quota: Arc<Quota>,
}

/// What an agent gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentSeed {
    /// The identifier, where the build does not have the agent yet.
    pub id: AgentId,
    /// The digest of its new token.
    pub token_digest: Vec<u8>,
}

/// What came of asking for a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lease {
    /// One to carry out.
    Granted(Box<Leased>),
    /// There was one, and it failed instead, for the reason that it says. There may be another.
    Refused(Box<Build>),
}

/// A build under a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leased {
    /// The build.
    pub build: Build,
    /// Its workspace.
    pub workspace: Workspace,
    /// The kind of provisioner that it is for.
    pub kind: String,
    /// The first agent, where the build starts the workspace.
    pub agent_id: Option<AgentId>,
    /// The agents, where the build starts the workspace. Each has the token of the claim's seed in its place.
    pub agents: Vec<LeasedAgent>,
    /// The number of the template's version; 0 where none is known.
    pub version: u32,
    /// What the version says to the provisioner alone, as JSON; empty for nothing.
    pub settings: String,
}

/// An agent of a build under a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasedAgent {
    /// The identifier.
    pub id: AgentId,
    /// Unique within the build.
    pub name: String,
}
