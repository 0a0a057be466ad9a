//! Workspaces and what may be done to them. Nothing here does IO.

mod agent;
mod build;
mod build_log;
mod instance;
mod lifecycle;
mod log;
mod manifest;
mod parameters;
mod prebuild;
mod quota;
mod script;
mod selection;
mod template;
mod terms;
mod workspace;

pub use agent::{Agent, AgentStatus, AgentToken, Report};
pub(crate) use agent::{INACTIVE_TIMEOUT, MAIN_AGENT};
pub use build::{Build, BuildReason, BuildStatus, ErrorCode, Failure, Outcome, Transition, UnknownWord};
pub(crate) use build::{Former, HasEnded, LEASE, LeaseLost, RunsUntil};
pub(crate) use build_log::{BuildLedger, PlacedLine};
pub use build_log::{BuildLine, NumberedBuildLine};
use chatmesh_core::typed_id;
pub(crate) use instance::{Instance, MAX_INSTANCES, heard, is_latest};
pub use instance::{LifecycleBatch, LifecycleReport};
pub use lifecycle::{Lifecycle, LifecycleState};
pub use log::{LogLevel, LogLine, NumberedLine, NumberedRun, ScriptResult, ScriptRun, ScriptStage};
pub(crate) use log::{MAX_LINE, MAX_LOG_BYTES, MAX_RUNS};
pub use manifest::{
    AgentManifest, Manifest, ManifestFormat, Monotonic, Parameter, ParameterOption, ParameterType, ParameterValidation,
    Prebuilds, Preset, ScriptManifest, Timeouts, WrittenValue, manifest_schema,
};
pub use manifest::{
    EgressManifest, EgressPortManifest, KubernetesManifest, KubernetesResources, NetworkPolicyManifest,
    NetworkProtocol, StorageManifest, TolerationEffect, TolerationManifest, TolerationOperator,
};
pub(crate) use manifest::{MAX_AGENTS, MAX_PARAMETERS, MAX_TTL, check_prose};
pub use parameters::Values;
pub(crate) use parameters::{Choice, ParameterValue, resolve};
pub use prebuild::PREBUILD_OWNER;
pub(crate) use prebuild::{Pool, PoolRetries, Step, plan as plan_prebuilds, pools};
pub use quota::Quota;
pub(crate) use quota::check_budget;
pub use script::Script;
pub(crate) use selection::{NotSelected, select, sort};
pub use template::{Recipe, Template, TemplateUsage, TemplateVersion, VersionInfo, WhichVersion};
pub use terms::Terms;
pub use workspace::{Refusal, Workspace, WorkspaceDetails, WorkspaceStatus};

typed_id!(
    /// A template.
    TemplateId,
    /// A version of a template.
    TemplateVersionId,
    /// A workspace.
    WorkspaceId,
    /// A build.
    BuildId,
    /// An agent.
    AgentId,
);

/// The template that is always there, and the kind of provisioner that carries it out.
pub(crate) const LOCAL: &str = "local";
/// The kind of provisioner of workspaces whose agents their owners start.
pub(crate) const EXTERNAL: &str = "external";
/// The longest name of a workspace, and of a kind of provisioner.
const MAX_NAME: usize = 32;

/// True for a name of a workspace, and for a kind of provisioner.
pub(crate) fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=MAX_NAME).contains(&text.len()) && text.chars().all(allowed)
}
