//! `process_list`: the commands of this chat.

use chatmesh_proto::agent::v1::process_service_client::ProcessServiceClient;
use chatmesh_proto::agent::v1::{ListProcessesRequest, Process};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{LOOK_TIMEOUT, is_of_agent, parse};
use crate::agent::{Workspace, explain};
use crate::outcome::Outcome;

/// How much of a command is shown: whole scripts are written into some.
const MAX_COMMAND: usize = 512;

/// There are none.
#[derive(Debug, Deserialize)]
struct Args {}

/// What the model is told of a command.
#[derive(Debug, PartialEq, Serialize)]
struct Listed {
    id: String,
    command: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    workdir: String,
    background: bool,
    running: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at_unix: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exited_at_unix: Option<i64>,
}

pub(super) async fn run(workspace: &Workspace, args: &str) -> Result<Outcome, String> {
    let Args {} = parse(args)?;
    let listed = workspace
        .retry(|agent| async move {
            let mut processes = ProcessServiceClient::new(agent.transport());
            processes.list_processes(agent.request_within(LOOK_TIMEOUT, ListProcessesRequest {})).await
        })
        .await;
    match listed {
        Ok(listed) => {
            let processes: Vec<Listed> = listed.processes.into_iter().map(Listed::of).collect();
            Ok(Outcome::of(&json!({ "processes": processes })))
        }
        Err(status) if is_of_agent(&status) => Ok(Outcome::of(&json!({ "error": status.message() }))),
        Err(status) => Err(explain(&status)),
    }
}

impl Listed {
    fn of(process: Process) -> Self {
        Self {
            id: process.id,
            command: shortened(process.command),
            workdir: process.workdir,
            background: process.background,
            running: process.running,
            exit_code: process.exit_code.filter(|_| !process.running),
            started_at_unix: process.start_time.map(|time| time.seconds),
            exited_at_unix: process.exit_time.map(|time| time.seconds),
        }
    }
}

fn shortened(mut command: String) -> String {
    if command.len() > MAX_COMMAND {
        command.truncate(command.floor_char_boundary(MAX_COMMAND));
        command.push_str("...");
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_command_is_shown_by_its_beginning() {
        assert_eq!(shortened("make".to_owned()), "make");
        let long = shortened("ä".repeat(MAX_COMMAND));
        assert_eq!((long.len(), long.ends_with("ä...")), (MAX_COMMAND + 3, true));
    }
}
