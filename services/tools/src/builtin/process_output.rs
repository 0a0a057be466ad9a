//! `process_output`: waits for a command that was left running, and says what it wrote.

use serde::Deserialize;

use super::process::report::Report;
use super::process::wait::{Seen, wait};
use super::process::{self, duration, notes};
use super::{is_of_agent, parse};
use crate::agent::Workspace;
use crate::outcome::Outcome;

#[derive(Debug, Deserialize)]
struct Args {
    process_id: String,
    wait_timeout: Option<String>,
}

pub(super) async fn run(workspace: &Workspace, args: &str) -> Result<Outcome, String> {
    let args: Args = parse(args)?;
    let id = process::id(&args.process_id)?;
    let timeout = duration::parse("wait_timeout", args.wait_timeout.as_deref())?;
    match wait(workspace, &id, timeout).await {
        Ok(seen) => Ok(Outcome::of(&seen_as(seen))),
        Err(unseen) if is_of_agent(&unseen.look) => {
            Ok(Outcome::of(&Report::failed(format!("{}{}", unseen.explain(), process::advice(&unseen.look)))))
        }
        Err(unseen) => Err(unseen.explain()),
    }
}

/// A command that runs is fine so far, and has no exit code.
fn seen_as(seen: Seen) -> Report {
    let Seen { process, output } = seen;
    let report = Report::of(&process, output);
    let note = notes::on_look(process.running, report.is_cut());
    if process.running {
        return Report { success: true, running: Some(true), note, ..report };
    }
    Report { note, ..report }
}

#[cfg(test)]
mod tests {
    use chatmesh_proto::agent::v1::{Process, ProcessOutput};
    use serde_json::json;

    use super::*;

    /// F.6 item 10: an exit code is told when there is one.
    #[test]
    fn a_command_that_runs_has_no_exit_code() {
        let output = ProcessOutput { text: "listening\n".to_owned(), ..ProcessOutput::default() };
        let report = |process| json!(seen_as(Seen { process, output: output.clone() }));
        let running = report(Process { running: true, ..Process::default() });
        let note = "the command is still running, and this is what it wrote so far";
        let expected = json!({"success": true, "running": true, "output": "listening\n", "note": note});
        assert_eq!(running, expected);
        let ended = report(Process { exit_code: Some(-1), ..Process::default() });
        assert_eq!(ended, json!({"success": false, "exit_code": -1, "output": "listening\n"}));
    }
}
