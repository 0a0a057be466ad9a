//! The tools of the mesh itself.

mod execute;
mod read_file;
mod read_skill;
mod read_skill_file;
mod write_file;

use chatmesh_rpc::Code;
use serde::de::DeserializeOwned;
use tonic::Status;
use tonic_types::StatusExt as _;

use crate::agent::Workspace;
use crate::outcome::Outcome;

/// A built-in tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    /// Runs a command.
    Execute,
    /// Reads a file by lines.
    ReadFile,
    /// Reads a skill.
    ReadSkill,
    /// Reads a file of a skill.
    ReadSkillFile,
    /// Writes a file.
    WriteFile,
}

impl Tool {
    /// All of them, by name.
    pub(crate) const ALL: [Self; 5] =
        [Self::Execute, Self::ReadFile, Self::ReadSkill, Self::ReadSkillFile, Self::WriteFile];

    /// What the model calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Execute => "execute",
            Self::ReadFile => "read_file",
            Self::ReadSkill => "read_skill",
            Self::ReadSkillFile => "read_skill_file",
            Self::WriteFile => "write_file",
        }
    }

    /// True where it is of use only in a workspace that has skills.
    pub(crate) fn needs_skills(self) -> bool {
        matches!(self, Self::ReadSkill | Self::ReadSkillFile)
    }

    pub(crate) fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.name() == name)
    }

    /// Runs the tool. `key` names the effect: a repeat returns the first outcome.
    pub(crate) async fn run(self, workspace: &Workspace, args: &str, key: &str) -> Outcome {
        let outcome = match self {
            Self::Execute => execute::run(workspace, args, key).await,
            Self::ReadFile => read_file::run(workspace, args).await,
            Self::ReadSkill => read_skill::run(workspace, args).await,
            Self::ReadSkillFile => read_skill_file::run(workspace, args).await,
            Self::WriteFile => write_file::run(workspace, args, key).await,
        };
        outcome.unwrap_or_else(Outcome::Failure)
    }
}

/// Reads the arguments of a call: what a model writes is not trusted to fit the schema.
fn parse<T: DeserializeOwned>(args: &str) -> Result<T, String> {
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
