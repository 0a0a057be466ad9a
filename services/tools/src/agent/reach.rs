//! Calls of an agent that is there now: nobody waits long, and nothing is remembered.

use std::time::Duration;

use chatmesh_rpc::Code;
use chatmesh_rpc::client::is_unsent;
use tonic::{Response, Status};
use tonic_types::StatusExt as _;

use super::directory::{Directory as _, elapsed};
use super::{Agent, Workspace};

/// How long after its agent has come a workspace has everything that its start brings along.
const SETTLED_AFTER: Duration = Duration::from_secs(5 * 60);

/// The agent that a workspace has now, as the workspaces say. Whether it answers is another matter.
#[derive(Debug, Clone)]
pub(crate) struct Reached {
    id: String,
    agent: Agent,
    is_settled: bool,
}

impl Reached {
    /// Its identifier.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// True where it has been there for long: what its workspace does not have by now does not come by itself.
    pub(crate) fn is_settled(&self) -> bool {
        self.is_settled
    }
}

impl Workspace {
    /// Asks which agent the workspace has now: one question, and no wait for the agent.
    ///
    /// # Errors
    /// The workspace does not run, is none of the caller's, or nobody can say.
    pub(crate) async fn find(&self) -> Result<Reached, Status> {
        let found = self.mesh().agent().await?;
        let is_settled = elapsed(found.first_connect_time).is_some_and(|here_for| here_for >= SETTLED_AFTER);
        let agent = self.agent(&found.id)?;
        Ok(Reached { id: found.id, agent, is_settled })
    }

    /// The agent that was reached last, where that is remembered.
    pub(crate) fn bound(&self) -> Option<String> {
        self.bindings.get(&self.caller, &self.place())
    }

    /// Makes a call that changes nothing. An agent that is not connected is waited for, `wait` at most, and
    /// only then: the common case costs no question beside the call.
    ///
    /// # Errors
    /// What the agent says, or that it is not connected.
    pub(crate) async fn ask<T, F>(
        &self,
        reached: &Reached,
        wait: Duration,
        call: impl Fn(Agent) -> F,
    ) -> Result<T, Status>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        match call(reached.agent.clone()).await {
            Err(status) if status.code() == Code::Unavailable => {}
            other => return other.map(Response::into_inner),
        }
        self.mesh().dial(&reached.id, wait).await?;
        call(reached.agent.clone()).await.map(Response::into_inner)
    }
}

/// True where a failed call cannot have reached the agent.
pub(super) fn has_not_arrived(status: &Status) -> bool {
    if status.code() != Code::Unavailable {
        return false;
    }
    let info = status.get_details_error_info();
    let is_not_connected =
        info.is_some_and(|info| info.domain == "chatmesh.relay.v1" && info.reason == "AGENT_NOT_CONNECTED");
    is_not_connected || is_unsent(status)
}

#[cfg(test)]
mod tests {
    use chatmesh_rpc::status_with_reason;

    use super::*;

    /// The agent keeps no receipts of calls of MCP tools: one that may have arrived is not made again.
    #[test]
    fn only_a_call_that_cannot_have_arrived_may_be_made_again() {
        let of = |reason: &str, domain: &str| {
            has_not_arrived(&status_with_reason(Code::Unavailable, reason, domain, "away"))
        };
        assert!(of("AGENT_NOT_CONNECTED", "chatmesh.relay.v1"));
        assert!(!of("AGENT_CONNECTION_LOST", "chatmesh.relay.v1"));
        assert!(!of("AGENT_NOT_CONNECTED", "an.mcp.server"));
        assert!(!of("AGENT_SHUTTING_DOWN", "chatmesh.agent.v1"));
        assert!(!has_not_arrived(&Status::unavailable("the connection was lost")));
    }
}
