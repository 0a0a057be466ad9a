//! The agents that a build starts.

use std::collections::BTreeSet;

use chatmesh_core::SecretString;
use chatmesh_proto::provisioner::v1 as pb;

use super::{AgentName, InvalidJob};

/// An agent to start.
#[derive(Debug, Clone)]
pub(crate) struct JobAgent {
    pub(crate) name: AgentName,
    /// What it is known by.
    pub(crate) id: String,
    pub(crate) token: SecretString,
}

/// The agents of a build that starts a workspace: one at least, each with a name and a token of its own.
pub(super) fn agents(job: &mut pb::Job) -> Result<Vec<JobAgent>, InvalidJob> {
    let mut found = std::mem::take(&mut job.agents);
    if found.is_empty() {
        // A service of an earlier release names the only one.
        let (id, token) = (std::mem::take(&mut job.agent_id), std::mem::take(&mut job.agent_token));
        found.push(pb::JobAgent { name: AgentName::main().into(), id, token });
    }
    let mut names = BTreeSet::new();
    found.into_iter().map(|agent| read(agent, &mut names)).collect()
}

fn read(agent: pb::JobAgent, names: &mut BTreeSet<AgentName>) -> Result<JobAgent, InvalidJob> {
    let name = AgentName::try_from(agent.name)?;
    if agent.token.is_empty() {
        return Err(InvalidJob::NoToken(name));
    }
    if !names.insert(name.clone()) {
        return Err(InvalidJob::SameName(name));
    }
    Ok(JobAgent { name, id: agent.id, token: SecretString::from(agent.token) })
}

/// All tokens of a build, whether or not it makes sense: what nobody may read of it.
pub(crate) fn tokens(job: &pb::Job) -> Vec<SecretString> {
    let all = job.agents.iter().map(|agent| &agent.token).chain([&job.agent_token]);
    all.filter(|token| !token.is_empty()).map(|token| SecretString::from(token.clone())).collect()
}

#[cfg(test)]
impl JobAgent {
    /// An agent with this name and token.
    pub(crate) fn for_test(name: &str, token: &str) -> Self {
        let (name, id) = (AgentName::try_from(name.to_owned()).expect("a name"), format!("agent-{name}"));
        Self { name, id, token: SecretString::from(token) }
    }
}

#[cfg(test)]
mod tests {
    use chatmesh_core::ExposeSecret as _;

    use super::*;

    fn job(pairs: &[(&str, &str)]) -> pb::Job {
        let agent = |(name, token): &(&str, &str)| pb::JobAgent {
            name: (*name).to_owned(),
            id: format!("id-{name}"),
            token: (*token).to_owned(),
        };
        let first = pairs.first().map(agent).unwrap_or_default();
        pb::Job {
            agent_id: first.id,
            agent_token: first.token,
            agents: pairs.iter().map(agent).collect(),
            ..pb::Job::default()
        }
    }

    #[test]
    fn every_agent_of_a_build_is_started_and_its_token_known() {
        let mut two = job(&[("main", "one"), ("dev-chat", "two")]);
        let known = tokens(&two);
        let found = agents(&mut two).expect("agents");
        let told: Vec<_> =
            found.iter().map(|agent| (agent.name.as_str(), &*agent.id, agent.token.expose_secret())).collect();
        assert_eq!(told, [("main", "id-main", "one"), ("dev-chat", "id-dev-chat", "two")]);
        for agent in &found {
            assert!(known.iter().any(|token| token.expose_secret() == agent.token.expose_secret()));
        }
    }

    #[test]
    fn a_service_that_knows_one_agent_only_has_it_started() {
        let (agent_id, agent_token) = ("id".to_owned(), "token".to_owned());
        let found = agents(&mut pb::Job { agent_id, agent_token, ..pb::Job::default() }).expect("agents");
        assert_eq!((found.len(), found[0].name.as_str(), &*found[0].id), (1, "main", "id"));
    }

    #[test]
    fn agents_without_sense_are_refused_by_name() {
        let refused = |pairs: &[(&str, &str)]| agents(&mut job(pairs)).expect_err("refused").to_string();
        assert!(refused(&[("../x", "t")]).starts_with("`../x` is not the name of an agent"));
        assert_eq!(refused(&[("a", "t"), ("b", "")]), InvalidJob::NoToken(name("b")).to_string());
        assert_eq!(refused(&[("a", "t"), ("a", "u")]), InvalidJob::SameName(name("a")).to_string());
    }

    fn name(name: &str) -> AgentName {
        AgentName::try_from(name.to_owned()).expect("a name")
    }
}
