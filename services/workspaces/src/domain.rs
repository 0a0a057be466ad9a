//! Workspaces and what may be done to them. Nothing here does IO.

mod agent;
mod build;
mod instance;
mod lifecycle;
mod log;
mod script;
mod selection;
mod workspace;

pub(crate) use agent::MAIN_AGENT;
pub use agent::{Agent, AgentStatus, AgentToken, Report};
pub use build::{Build, BuildStatus, Outcome, Transition, UnknownWord};
pub(crate) use build::{Ended, LEASE, LeaseLost};
use chatmesh_core::typed_id;
pub(crate) use instance::{Instance, MAX_INSTANCES, heard, is_latest};
pub use instance::{LifecycleBatch, LifecycleReport};
pub use lifecycle::{Lifecycle, LifecycleState};
pub use log::{LogLevel, LogLine, NumberedLine, NumberedRun, ScriptResult, ScriptRun, ScriptStage};
pub(crate) use log::{MAX_LINE, MAX_LOG_BYTES, MAX_RUNS};
pub use script::Script;
pub(crate) use selection::{NotSelected, select, sort};
pub use workspace::{Refusal, Template, Workspace, WorkspaceDetails, WorkspaceStatus};

typed_id!(
    /// A template.
    TemplateId,
    /// A workspace.
    WorkspaceId,
    /// A build.
    BuildId,
    /// An agent.
    AgentId,
);

/// The template that is always there, and the kind of provisioner that carries it out.
pub(crate) const LOCAL: &str = "local";
/// The longest name of a workspace, and of a kind of provisioner.
const MAX_NAME: usize = 32;

/// True for a name of a workspace, and for a kind of provisioner.
pub(crate) fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=MAX_NAME).contains(&text.len()) && text.chars().all(allowed)
}
