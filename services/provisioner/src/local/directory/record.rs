//! What we need to know of a workspace after a restart.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::job::{AgentName, is_parameter};

/// What is to become of a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::local) enum State {
    /// It is to run.
    Running,
    /// It is to stay stopped.
    Stopped,
    /// The relay refused all of its agents for good; only a build with a new token starts it.
    Refused,
}

/// A workspace as it was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::local) struct Record {
    /// What is to become of it.
    pub(in crate::local) state: State,
    /// Where its agents find the relay.
    pub(in crate::local) url: String,
    /// The values of the template's parameters, as variables.
    #[serde(default)]
    pub(in crate::local) variables: BTreeMap<String, String>,
    /// The agents that are to run.
    #[serde(default = "only_main")]
    pub(in crate::local) agents: Vec<AgentName>,
}

/// Earlier releases ran one agent, whatever its name was.
fn only_main() -> Vec<AgentName> {
    vec![AgentName::main()]
}

impl Record {
    /// Whether this agent is to run.
    pub(in crate::local) fn is_to_run(&self, agent: &AgentName) -> bool {
        self.state == State::Running && self.agents.contains(agent)
    }

    /// Reads a record. What is none counts as missing: its writer does not leave halves behind, so it is not ours.
    pub(super) fn parse(content: &[u8]) -> Option<Self> {
        let mut record: Self = serde_json::from_slice(content).ok()?;
        // Agents are started with these by a program that is not isolated yet, which others could tell to load their code.
        record.variables.retain(|name, value| is_parameter(name) && !value.contains('\0'));
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_are_no_parameters_are_not_believed() {
        let text = r#"{"state": "running", "url": "u", "variables": {"LD_PRELOAD": "/x", "CHATMESH_AGENT_URL": "y",
            "CHATMESH_PARAMETER_A": "1", "CHATMESH_PARAMETER_B": "a\u0000b", "XCHATMESH_PARAMETER_C": "2",
            "CHATMESH_PARAMETER_D=E": "3"}}"#;
        let record = Record::parse(text.as_bytes()).expect("a record");
        assert_eq!(record.variables, [("CHATMESH_PARAMETER_A".to_owned(), "1".to_owned())].into());
        assert_eq!(record.agents, [AgentName::main()]);
        let foreign = r#"{"state": "running", "url": "u", "agents": ["../x"]}"#;
        assert_eq!(Record::parse(foreign.as_bytes()), None);
        assert_eq!(Record::parse(b"{\"state\": \"run"), None);
    }
}
