//! The tools of the mesh itself.

mod attach_file;
mod cancel;
mod edit_files;
mod execute;
mod lifecycle;
mod process;
mod process_list;
mod process_output;
mod process_signal;
mod read_file;
mod read_skill;
mod read_skill_file;
mod skill;
mod write_file;
mod writes;

use std::time::Duration;

use chatmesh_proto::tools::v1::PersonalSkill;
use chatmesh_rpc::Code;
use serde::de::DeserializeOwned;
use tonic::Status;
use tonic_types::StatusExt as _;

use crate::agent::Workspace;
use crate::notices::Notices;
use crate::outcome::Outcome;
pub(crate) use cancel::{cancel, execute_while_wanted};
pub(crate) use writes::Writes;

/// How long the agent has to answer a call that only looks.
const LOOK_TIMEOUT: Duration = Duration::from_secs(30);
/// How long it has for one that changes something: it waits for others that change the same, for half a minute each.
const EFFECT_TIMEOUT: Duration = Duration::from_secs(150);

/// A built-in tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    /// Gives a file to the chat.
    AttachFile,
    /// Makes a workspace for the chat.
    CreateWorkspace,
    /// Replaces texts in files.
    EditFiles,
    /// Runs a command.
    Execute,
    /// Lists what workspaces can be made from.
    ListTemplates,
    /// Lists commands.
    ProcessList,
    /// Waits for a command.
    ProcessOutput,
    /// Ends a command.
    ProcessSignal,
    /// Reads a file by lines.
    ReadFile,
    /// Reads a skill.
    ReadSkill,
    /// Reads a file of a skill.
    ReadSkillFile,
    /// Says what can be chosen for a workspace of a template.
    ReadTemplate,
    /// Starts the chat's workspace.
    StartWorkspace,
    /// Stops the chat's workspace.
    StopWorkspace,
    /// Writes a file.
    WriteFile,
}

impl Tool {
    /// All of them, by name.
    pub(crate) const ALL: [Self; 15] = [
        Self::AttachFile,
        Self::CreateWorkspace,
        Self::EditFiles,
        Self::Execute,
        Self::ListTemplates,
        Self::ProcessList,
        Self::ProcessOutput,
        Self::ProcessSignal,
        Self::ReadFile,
        Self::ReadSkill,
        Self::ReadSkillFile,
        Self::ReadTemplate,
        Self::StartWorkspace,
        Self::StopWorkspace,
        Self::WriteFile,
    ];

    /// What the model calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AttachFile => "attach_file",
            Self::CreateWorkspace => "create_workspace",
            Self::EditFiles => "edit_files",
            Self::Execute => "execute",
            Self::ListTemplates => "list_templates",
            Self::ProcessList => "process_list",
            Self::ProcessOutput => "process_output",
            Self::ProcessSignal => "process_signal",
            Self::ReadFile => "read_file",
            Self::ReadSkill => "read_skill",
            Self::ReadSkillFile => "read_skill_file",
            Self::ReadTemplate => "read_template",
            Self::StartWorkspace => "start_workspace",
            Self::StopWorkspace => "stop_workspace",
            Self::WriteFile => "write_file",
        }
    }

    /// The tool of this name.
    pub(crate) fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.name() == name)
    }

    /// Runs the tool.
    pub(crate) async fn run(self, call: &Call<'_>) -> Outcome {
        let Call { workspace, writes, args, key, .. } = *call;
        let outcome = match self {
            Self::AttachFile => attach_file::run(workspace, args).await,
            Self::CreateWorkspace
            | Self::StartWorkspace
            | Self::StopWorkspace
            | Self::ListTemplates
            | Self::ReadTemplate => Ok(Box::pin(lifecycle::run(self, call)).await),
            Self::EditFiles => edit_files::run(workspace, writes, args, key).await,
            Self::Execute => execute::run(workspace, args, key, execute::Late::KeepsRunning).await,
            Self::ProcessList => process_list::run(workspace, args).await,
            Self::ProcessOutput => process_output::run(workspace, args).await,
            Self::ProcessSignal => process_signal::run(workspace, args).await,
            Self::ReadFile => read_file::run(workspace, args).await,
            Self::ReadSkill => read_skill::run(call).await,
            Self::ReadSkillFile => read_skill_file::run(call).await,
            Self::WriteFile => write_file::run(workspace, writes, args, key).await,
        };
        outcome.unwrap_or_else(Outcome::Failure)
    }
}

/// A call of a tool.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    /// The chat's workspace. Its identifier is empty where the chat has none.
    pub(crate) workspace: &'a Workspace,
    /// Which files it may change.
    pub(crate) writes: Writes<'a>,
    /// The arguments, as the model wrote them.
    pub(crate) args: &'a str,
    /// Names the effect: a repeat returns the first outcome.
    pub(crate) key: &'a str,
    /// How long a workspace that it makes runs without being used, in seconds; its template says where it is absent.
    pub(crate) workspace_ttl_seconds: Option<u32>,
    /// The skill of the user that the arguments name.
    pub(crate) personal_skill: Option<&'a PersonalSkill>,
    /// Whom to tell what happens before the end.
    pub(crate) notices: &'a Notices,
}

/// Reads the arguments of a call: what a model writes is not trusted to fit the schema. One that has nothing to say
/// may write nothing.
fn parse<T: DeserializeOwned>(args: &str) -> Result<T, String> {
    let args = if args.trim().is_empty() { "{}" } else { args };
    let value: serde_json::Value = serde_json::from_str(args)
        .map_err(|error| format!("the arguments are not JSON ({error}): send one JSON object that fits the schema"))?;
    if !value.is_object() {
        return Err("the arguments are not a JSON object: send one that fits the schema".to_owned());
    }
    serde_json::from_value(value).map_err(|error| format!("the arguments do not fit the schema: {error}"))
}

/// Checks an absolute path.
fn absolute(path: &str) -> Result<(), String> {
    if path.starts_with('/') { Ok(()) } else { Err(format!("path `{path}` is not absolute: begin it with `/`")) }
}

/// True where the agent did look, and says what is in the way.
fn is_of_agent(status: &Status) -> bool {
    let is_of_agent = status.get_details_error_info().is_some_and(|info| info.domain == "chatmesh.agent.v1");
    is_of_agent && status.code() != Code::Unavailable
}
