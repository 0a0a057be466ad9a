//! Builds as they are leased.

use chatmesh_core::{SecretString, typed_id};
use chatmesh_proto::provisioner::v1 as pb;

typed_id!(
    /// A workspace.
    WorkspaceId
);

/// A build to carry out.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) workspace_id: WorkspaceId,
    pub(crate) work: Work,
}

/// What to do.
#[derive(Debug)]
pub(crate) enum Work {
    /// Start the workspace, with this token for its agent.
    Start(SecretString),
    Stop,
    Delete,
}

/// A build that makes no sense to this provisioner.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidJob {
    /// The workspace's name becomes a directory's, so it is not taken on trust.
    #[error("`{0}` is not the identifier of a workspace")]
    WorkspaceId(String),
    #[error("the build starts a workspace but has no token for its agent")]
    NoToken,
    #[error("this provisioner does not know what the build is to do: upgrade it")]
    Transition,
}

impl TryFrom<pb::Job> for Job {
    type Error = InvalidJob;

    fn try_from(job: pb::Job) -> Result<Self, InvalidJob> {
        let transition = job.transition();
        let workspace_id = job.workspace_id.parse().map_err(|_| InvalidJob::WorkspaceId(job.workspace_id))?;
        let work = match transition {
            pb::JobTransition::Start if job.agent_token.is_empty() => return Err(InvalidJob::NoToken),
            pb::JobTransition::Start => Work::Start(SecretString::from(job.agent_token)),
            pb::JobTransition::Stop => Work::Stop,
            pb::JobTransition::Delete => Work::Delete,
            pb::JobTransition::Unspecified => return Err(InvalidJob::Transition),
        };
        Ok(Self { workspace_id, work })
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
        assert_eq!(refused(id, pb::JobTransition::Start), InvalidJob::NoToken);
        assert_eq!(refused(id, pb::JobTransition::Unspecified), InvalidJob::Transition);
    }
}
