//! Templates, workspaces, their builds and their agents.
//!
//! A *workspace* is made from a *version* of a *template*, which says what it runs and which *parameters* may be chosen
//! for it, one by one or together as a *preset*. A *build* changes it: starts, stops or deletes it. A
//! provisioner carries a build out under a *lease*; what the workspace is doing follows from its
//! latest build and is stored nowhere. A build that starts a workspace has an *agent*, or several,
//! whose token is made when the build is leased; only its digest is kept. With its first token an
//! agent gets the *scripts* of the version, and it reports how far the *lifecycle* of its
//! workspace has come while they run.
//!
//! A build that takes more *credits* than its owner has left fails where it is leased; one that somebody asked to be given
//! up ends when its provisioner says so, or says nothing any more. A workspace that nobody uses until its *deadline* is
//! stopped by a build of its own; no use moves that beyond the time for which its template lets it run.
//!
//! Where nobody makes anything of a workspace but its owner, the owner asks for the token of the agent and starts it. That
//! token stays valid from build to build, until the owner asks for another one.
//!
//! Where a preset asks for it, workspaces are made *in advance*; whoever asks for one of these values gets one that is
//! ready, in the transaction that else would make one.
//!
//! What always holds: a workspace has at most one build that is not done; its builds are numbered
//! without gaps; a build is never leased to two provisioners at once; only the holder of a lease
//! ends its build; an agent counts as long as its build is the workspace's latest; whoever asks
//! for the agent of a workspace gets the same one; a version never changes, nor what a build is of; each report
//! of an agent counts once, and its latest process says how far its workspace has come.

mod api;
mod config;
mod convert;
mod declare;
mod domain;
mod error;
mod hints;
mod metrics;
mod service;
mod state;
mod store;
mod upkeep;

pub use config::{Config, GroupConfig, QuotaConfig, TemplateConfig};
pub use domain::{
    Agent, AgentId, AgentManifest, AgentStatus, AgentToken, Build, BuildId, BuildLine, BuildReason, BuildStatus,
    ErrorCode, Failure, Lifecycle, LifecycleBatch, LifecycleReport, LifecycleState, LogLevel, LogLine, Manifest,
    ManifestFormat, Monotonic, NumberedBuildLine, NumberedLine, NumberedRun, Outcome, PREBUILD_OWNER, Parameter,
    ParameterOption, ParameterType, ParameterValidation, Prebuilds, Preset, Quota, Recipe, Refusal, Report, Script,
    ScriptManifest, ScriptResult, ScriptRun, ScriptStage, Template, TemplateId, TemplateUsage, TemplateVersion,
    TemplateVersionId, Terms, Timeouts, Transition, UnknownWord, Values, VersionInfo, WhichVersion, Workspace,
    WorkspaceDetails, WorkspaceId, WorkspaceStatus, WrittenValue, manifest_schema,
};
pub use domain::{
    EgressManifest, EgressPortManifest, KubernetesManifest, KubernetesResources, NetworkPolicyManifest,
    NetworkProtocol, StorageManifest, TolerationEffect, TolerationManifest, TolerationOperator,
};
pub use error::Error;
pub use metrics::WorkspaceMetrics;
pub use service::{MIGRATIONS, Service};
pub use store::{
    Activate, Activity, AgentDetails, AgentSeed, Claim, Due, ForChat, Inserted, KnownAgent, Lease, Leased, LeasedAgent,
    LifecycleReported, NewBuild, NewVersion, NewWorkspace, PoolVersions, Prebuilt, Pushed, Reported, STATEMENTS,
    SqlWorkspaceStore, Start, StoreError, TemplateChange, TemplateFilter, TemplateListing, WorkspaceStore,
};
