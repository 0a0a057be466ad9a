//! `read_skill`: reads the instructions of a skill.

use chatmesh_proto::agent::v1::ReadSkillRequest;
use chatmesh_proto::agent::v1::context_service_client::ContextServiceClient;
use serde::{Deserialize, Serialize};

use super::{is_of_agent, parse};
use crate::agent::{Agent, Workspace, explain};
use crate::context::clean;
use crate::outcome::Outcome;

#[derive(Debug, Deserialize)]
struct Args {
    name: String,
}

/// What the model is given.
#[derive(Debug, Default, Serialize)]
struct Report {
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    /// Where it is: what it says of its own files is relative to here.
    #[serde(skip_serializing_if = "String::is_empty")]
    dir: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(super) async fn run(workspace: &Workspace, args: &str) -> Result<Outcome, String> {
    let args: Args = parse(args)?;
    if args.name.trim().is_empty() {
        return Err("`name` is empty: give the name of a skill that is listed".to_owned());
    }
    let request = ReadSkillRequest { name: args.name };
    let call = |agent: Agent| {
        let request = request.clone();
        async move { ContextServiceClient::new(agent.transport()).read_skill(agent.request(request)).await }
    };
    match workspace.retry(call).await {
        Ok(read) => {
            let skill = read.skill.unwrap_or_default();
            let note = match (read.truncated, read.files_truncated) {
                (true, _) => Some("the skill is longer than this: read the rest of its file with `read_file`"),
                (false, true) => Some("the skill has more files than are listed"),
                (false, false) => None,
            };
            Ok(Outcome::of(&Report {
                name: skill.name,
                dir: skill.dir,
                body: Some(clean(&read.body)),
                files: Some(read.files),
                note,
                error: None,
            }))
        }
        Err(status) if is_of_agent(&status) => {
            Ok(Outcome::of(&Report { error: Some(status.message().to_owned()), ..Report::default() }))
        }
        Err(status) => Err(explain(&status)),
    }
}
