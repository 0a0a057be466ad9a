//! The kind `external`: nothing is made. Somebody starts the agent by hand, wherever the workspace is to be.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::Config;
use crate::backend::{Backend, Run, no_settings};
use crate::config::Kind;
use crate::failure::Failure;
use crate::job::{Job, JobAgent};

/// The name of this part in the log of a build.
const STAGE: &str = "agent";

/// Workspaces that are made by hand.
///
/// The log of a build is for everybody who may look at the workspace, and the agent's token is for its owner alone. So
/// neither the token nor the line with it is said here: whoever hands out tokens shows them to the owner.
#[derive(Debug)]
pub(crate) struct External {
    agent_url: String,
}

impl External {
    pub(crate) fn new(config: &Config) -> Self {
        Self { agent_url: config.agent_url.clone() }
    }
}

/// What the owner has to do, line by line.
fn instructions(job: &Job, agents: &[JobAgent]) -> Vec<String> {
    let mut lines = vec![
        "this workspace is run by its owner: start the program chatmesh-agent on the machine where it is to be"
            .to_owned(),
        "the line to type there has the agent's token, so it is shown to the owner alone, and is no part of this log; \
         as the owner, ask for it with:"
            .to_owned(),
    ];
    lines.extend(agents.iter().map(|agent| {
        let (JobAgent { name, id, .. }, workspace) = (agent, job.workspace_id);
        format!("  POST /api/v1/workspaces/{workspace}/agents/{id}:issueToken (agent `{name}`)")
    }));
    lines.push(
        "a token that you have of an earlier start stays valid; to ask again takes it away and gives another one"
            .to_owned(),
    );
    lines
}

#[async_trait]
impl Backend for External {
    async fn start(&self, job: &Job, agents: &[JobAgent], run: &Run) -> Result<(), Failure> {
        no_settings(Kind::External, &job.settings)?;
        for line in instructions(job, agents) {
            run.log.info(STAGE, line);
        }
        Ok(())
    }

    fn by_hand(&self, job: &Job) -> BTreeMap<String, String> {
        let own = [
            ("CHATMESH_AGENT_URL".to_owned(), self.agent_url.clone()),
            ("CHATMESH_WORKSPACE_ID".to_owned(), job.workspace_id.to_string()),
        ];
        own.into_iter().chain(job.variables.clone()).collect()
    }

    async fn stop(&self, _job: &Job, run: &Run) -> Result<(), Failure> {
        let line = "the agent on your machine is refused until the workspace is started again: it ends by itself; start it \
                    again after that, its token stays valid";
        run.log.info(STAGE, line);
        Ok(())
    }

    async fn delete(&self, _job: &Job, run: &Run) -> Result<(), Failure> {
        run.log.info(STAGE, "the workspace is forgotten: end the agent on your machine, and delete its files there");
        Ok(())
    }
}
