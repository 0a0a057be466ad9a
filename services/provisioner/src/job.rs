//! Builds as they are leased.

mod agent;
mod agent_name;
mod parameters;

use std::collections::BTreeMap;

use chatmesh_core::typed_id;
use chatmesh_proto::provisioner::v1 as pb;

pub(crate) use agent::{JobAgent, tokens};
pub(crate) use agent_name::{AgentName, InvalidName};
pub(crate) use parameters::is_parameter;

typed_id!(
    /// A workspace.
    WorkspaceId
);

/// A build to carry out.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) build_id: String,
    pub(crate) workspace_id: WorkspaceId,
    pub(crate) workspace_name: String,
    pub(crate) owner_id: String,
    pub(crate) work: Work,
    pub(crate) template: String,
    pub(crate) template_version: u32,
    /// The values of the template's parameters as variables of the workspace.
    pub(crate) variables: BTreeMap<String, String>,
    /// What the template says for this kind of provisioner, as JSON. Not checked yet.
    pub(crate) settings: String,
}

/// What to do.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    /// Start the workspace, with all of these agents: one at least, whose names differ.
    Start(Vec<JobAgent>),
    Stop,
    Delete,
}

/// A build that makes no sense to this provisioner.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidJob {
    /// The workspace's name becomes a directory's, so it is not taken on trust.
    #[error("`{0}` is not the identifier of a workspace")]
    WorkspaceId(String),
    #[error("the build starts a workspace but has no token for its agent `{0}`")]
    NoToken(AgentName),
    #[error(transparent)]
    AgentName(#[from] InvalidName),
    #[error("the build has two agents called `{0}`")]
    SameName(AgentName),
    #[error("this provisioner does not know what the build is to do: upgrade it")]
    Transition,
    #[error("the value of the parameter `{0}` has a NUL character, which no variable may have: choose another value")]
    Parameter(String),
}

impl TryFrom<pb::Job> for Job {
    type Error = InvalidJob;

    fn try_from(mut job: pb::Job) -> Result<Self, InvalidJob> {
        let transition = job.transition();
        let workspace_id = job.workspace_id.parse().map_err(|_| InvalidJob::WorkspaceId(job.workspace_id.clone()))?;
        let work = match transition {
            pb::JobTransition::Start => Work::Start(agent::agents(&mut job)?),
            pb::JobTransition::Stop => Work::Stop,
            pb::JobTransition::Delete => Work::Delete,
            pb::JobTransition::Unspecified => return Err(InvalidJob::Transition),
        };
        Ok(Self {
            build_id: job.build_id,
            workspace_id,
            workspace_name: job.workspace_name,
            owner_id: job.owner_id,
            work,
            template: job.template,
            template_version: job.template_version,
            variables: parameters::variables(job.parameters)?,
            settings: job.settings,
        })
    }
}

#[cfg(test)]
impl Job {
    /// A build that starts a workspace whose only agent has this token.
    pub(crate) fn start_for_test(workspace_id: WorkspaceId, token: &str) -> Self {
        Self::for_test(workspace_id, Work::Start(vec![JobAgent::for_test("main", token)]))
    }

    /// A build that does `work` and knows nothing else.
    pub(crate) fn for_test(workspace_id: WorkspaceId, work: Work) -> Self {
        Self {
            build_id: "build".to_owned(),
            workspace_id,
            workspace_name: "name".to_owned(),
            owner_id: "owner".to_owned(),
            work,
            template: "template".to_owned(),
            template_version: 1,
            variables: BTreeMap::new(),
            settings: String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(workspace_id: &str, transition: pb::JobTransition, token: &str) -> pb::Job {
        let (workspace_id, agent_token) = (workspace_id.to_owned(), token.to_owned());
        pb::Job { workspace_id, agent_token, transition: transition.into(), ..pb::Job::default() }
    }

    #[test]
    fn only_a_uuid_becomes_a_directory_and_a_token_is_not_shown() {
        let id = "01890a5d-ac96-774b-bcce-b302099a8057";
        let start = Job::try_from(job(id, pb::JobTransition::Start, "secret")).expect("a job");
        assert!(!format!("{start:?}").contains("secret"));

        let refused = |workspace_id, transition| Job::try_from(job(workspace_id, transition, "")).expect_err("refused");
        assert_eq!(refused("../x", pb::JobTransition::Stop), InvalidJob::WorkspaceId("../x".to_owned()));
        assert_eq!(refused(id, pb::JobTransition::Start), InvalidJob::NoToken(AgentName::main()));
        assert_eq!(refused(id, pb::JobTransition::Unspecified), InvalidJob::Transition);
    }
}
