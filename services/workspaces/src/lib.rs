//! Templates, workspaces, their builds and their agents.
//!
//! A *workspace* is made from a *template*. A *build* changes it: starts, stops or deletes it. A
//! provisioner carries a build out under a *lease*; what the workspace is doing follows from its
//! latest build and is stored nowhere. A build that starts a workspace has an *agent*, or several,
//! whose token is made when the build is leased; only its digest is kept. With its first token an
//! agent gets the *scripts* of the template, and it reports how far the *lifecycle* of its
//! workspace has come while they run.
//!
//! What always holds: a workspace has at most one build that is not done; its builds are numbered
//! without gaps; a build is never leased to two provisioners at once; only the holder of a lease
//! ends its build; an agent counts as long as its build is the workspace's latest; whoever asks
//! for the agent of a workspace gets the same one; what a build runs never changes; each report
//! of an agent counts once, and its latest process says how far its workspace has come.

mod api;
mod config;
mod convert;
mod domain;
mod error;
mod hints;
mod service;
mod state;
mod store;

pub use config::{Config, ScriptConfig, TemplateConfig};
pub use domain::{
    Agent, AgentId, AgentStatus, AgentToken, Build, BuildId, BuildStatus, Lifecycle, LifecycleBatch, LifecycleReport,
    LifecycleState, LogLevel, LogLine, NumberedLine, NumberedRun, Outcome, Refusal, Report, Script, ScriptResult,
    ScriptRun, ScriptStage, Template, TemplateId, Transition, UnknownWord, Workspace, WorkspaceDetails, WorkspaceId,
    WorkspaceStatus,
};
pub use error::Error;
pub use service::{MIGRATIONS, Service};
pub use store::{
    AgentDetails, Claim, Inserted, KnownAgent, Leased, LifecycleReported, NewBuild, NewWorkspace, Reported, STATEMENTS,
    SqlWorkspaceStore, StoreError, WorkspaceStore,
};
