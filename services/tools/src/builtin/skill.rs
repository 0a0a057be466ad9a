//! Which skill a name means: one of the user's, which comes along with the call, or one of the workspace's.

use std::time::Duration;

use chatmesh_proto::agent::v1::context_service_client::ContextServiceClient;
use chatmesh_proto::agent::v1::{ReadSkillRequest, ReadSkillResponse};
use chatmesh_proto::tools::v1::PersonalSkill;
use chatmesh_rpc::Code;
use tonic::Status;

use super::is_of_agent;
use crate::agent::{Agent, Workspace, explain, within};
use crate::context::{PERSONAL, WORKSPACE};

/// How long it may take to find out that the workspace has no skill of the same name as the user's.
const LOOK_TIMEOUT: Duration = Duration::from_secs(3);

/// The skill that a name means.
#[derive(Debug)]
pub(super) enum Meant<'a> {
    /// The user's. It is not known whether the workspace has one of the same name where that is so.
    Personal { skill: &'a PersonalSkill, is_certain: bool },
    /// The workspace's, of this name.
    Workspace(String),
}

/// Why no skill is meant.
#[derive(Debug)]
pub(super) enum Problem {
    /// The call makes no sense.
    Call(String),
    /// It does, and there is no skill for it.
    Skill(String),
}

/// Finds out which skill is meant. The workspace is asked only where its answer makes a difference.
pub(super) async fn meant<'a>(
    workspace: &Workspace,
    personal: Option<&'a PersonalSkill>,
    name: &str,
) -> Result<Meant<'a>, Problem> {
    if name.trim().is_empty() {
        return Err(Problem::Call("`name` is empty: give the name of a skill that is listed".to_owned()));
    }
    let has_workspace = !workspace.workspace_id.is_empty();
    if let Some(own) = name.strip_prefix(PERSONAL) {
        let skill = personal.filter(|skill| skill.name == own);
        let missing = || Problem::Skill(format!("your user has no skill `{own}`"));
        return skill.map(|skill| Meant::Personal { skill, is_certain: true }).ok_or_else(missing);
    }
    let (bare, is_bare) = match name.strip_prefix(WORKSPACE) {
        Some(bare) => (bare, false),
        None => (name, true),
    };
    match personal.filter(|skill| is_bare && skill.name == bare) {
        None if has_workspace => Ok(Meant::Workspace(bare.to_owned())),
        None => Err(Problem::Skill(format!(
            "there is no skill `{bare}`: this chat has no workspace, and your user has no skill of that name"
        ))),
        Some(skill) if !has_workspace => Ok(Meant::Personal { skill, is_certain: true }),
        Some(skill) => match tokio::time::timeout(LOOK_TIMEOUT, read(workspace, bare)).await {
            Ok(Ok(_)) => Err(Problem::Skill(format!(
                "`{bare}` is the name of two skills: read `{PERSONAL}{bare}`, which is your user's, or \
                 `{WORKSPACE}{bare}`"
            ))),
            // One that cannot be used is not listed either.
            Ok(Err(status)) => {
                let is_certain =
                    is_of_agent(&status) && matches!(status.code(), Code::NotFound | Code::FailedPrecondition);
                Ok(Meant::Personal { skill, is_certain })
            }
            Err(_) => Ok(Meant::Personal { skill, is_certain: false }),
        },
    }
}

/// Reads a skill of the workspace.
pub(super) async fn read(workspace: &Workspace, name: &str) -> Result<ReadSkillResponse, Status> {
    let request = ReadSkillRequest { name: name.to_owned() };
    let call = |agent: Agent| {
        let request = request.clone();
        async move {
            let request = agent.request_within(super::LOOK_TIMEOUT, request);
            within(super::LOOK_TIMEOUT, ContextServiceClient::new(agent.transport()).read_skill(request)).await
        }
    };
    workspace.retry(call).await
}

/// What to tell the model of a skill that the workspace did not give: what its agent said, or that it did not answer.
pub(super) fn problem(status: &Status) -> Problem {
    if is_of_agent(status) { Problem::Skill(status.message().to_owned()) } else { Problem::Call(explain(status)) }
}
