use std::collections::BTreeMap;
use std::fmt::Write as _;

use chatmesh_core::{ExposeSecret as _, Violations};
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::Caller;
use tracing::info;

use crate::Error;
use crate::domain::{AgentId, AgentToken, EXTERNAL, WorkspaceId};
use crate::state::State;
use crate::store::StoreError;

/// The variable with the token.
const TOKEN: &str = "CHATMESH_AGENT_TOKEN";

/// Makes a token for an agent that the owner of its workspace starts. For the owner alone.
pub(super) async fn issue_agent_token(
    state: &State,
    caller: Caller,
    request: pb::IssueAgentTokenRequest,
) -> Result<pb::IssueAgentTokenResponse, Error> {
    let mut violations = Violations::new();
    let workspace_id = violations.check("workspace_id", request.workspace_id.parse::<WorkspaceId>());
    let agent_id = violations.check("agent_id", request.agent_id.parse::<AgentId>());
    let (workspace_id, agent_id) = violations.finish(workspace_id.zip(agent_id))?;
    // A service that acts for nobody would be let in.
    caller.require_user()?;
    let found = state.open_agent(&caller, workspace_id, agent_id).await?;
    if found.provisioner != EXTERNAL {
        return Err(Error::NotExternal { agent: found.agent.name, kind: found.provisioner });
    }

    let token = AgentToken::generate();
    let replaced = state.store.replace_agent_token(agent_id, &token.digest(), state.clock.now()).await;
    let environment = replaced.map_err(|error| match error {
        StoreError::NotFound => Error::OldAgent(agent_id),
        error => Error::on_workspace(workspace_id, error),
    })?;
    let details = state.open(&caller, workspace_id).await?;
    let Some(environment) = environment else { return Err(Error::HowUnknown(details.workspace.name)) };
    info!(workspace = %workspace_id, agent = %agent_id, "a token was issued for an agent that its owner starts");
    state.hints.changed(workspace_id).await;
    let secret = token.secret().expose_secret();
    // Agents that run on one machine must not share what they remember.
    let state_of = (details.agents.len() > 1).then(|| format!("{workspace_id}-{}", found.agent.name));
    let command = command(secret, &environment, state_of.as_deref());
    let environment = environment.into_iter().collect();
    Ok(pb::IssueAgentTokenResponse { token: secret.to_owned(), environment, command })
}

/// The line for a shell.
fn command(token: &str, environment: &BTreeMap<String, String>, state_of: Option<&str>) -> String {
    let mut line = format!("{TOKEN}={token}");
    for (name, value) in environment {
        // Nothing is quoted that has a NUL, and no variable has one.
        let value = shlex::try_quote(value).unwrap_or_default();
        // Writing to a text does not fail.
        let _ = write!(line, " {name}={value}");
    }
    line.push_str(" chatmesh-agent --directory \"$PWD\"");
    if let Some(name) = state_of {
        let _ = write!(line, " --state-dir \"${{XDG_STATE_HOME:-$HOME/.local/state}}/chatmesh-agent/{name}\"");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn each_value_is_one_word_for_a_shell() {
        let nasty = "it's $HOME\n`id`";
        let environment = environment(&[("CHATMESH_AGENT_URL", "https://mesh/a?b=c"), ("P", nasty), ("Q", "")]);
        let line = command("cma_x", &environment, None);
        assert!(
            line.starts_with("CHATMESH_AGENT_TOKEN=cma_x ") && line.ends_with(" chatmesh-agent --directory \"$PWD\"")
        );
        let words = shlex::split(&line).expect("words");
        assert_eq!(words[1..4], ["CHATMESH_AGENT_URL=https://mesh/a?b=c", &format!("P={nasty}"), "Q="]);
    }

    #[test]
    fn several_agents_of_a_machine_remember_what_they_did_in_places_of_their_own() {
        let line = command("cma_x", &BTreeMap::new(), Some("w-main"));
        assert!(line.ends_with("/chatmesh-agent/w-main\""), "{line}");
    }
}
