//! `execute`: runs a command and waits for it, or leaves it running.

use std::collections::HashMap;
use std::time::Duration;

use chatmesh_core::{Clock as _, SystemClock, Timestamp};
use chatmesh_proto::agent::v1::process_service_client::ProcessServiceClient;
use chatmesh_proto::agent::v1::{Process, ProcessOutput, Signal, StartProcessRequest, StartProcessResponse};
use chatmesh_rpc::Code;
use serde::Deserialize;
use tonic::Status;
use tracing::debug;

use super::process::report::Report;
use super::process::wait::{Seen, Unseen, wait};
use super::process::{duration, notes};
use super::{EFFECT_TIMEOUT, is_of_agent, parse, process_signal};
use crate::agent::{Workspace, explain};
use crate::outcome::Outcome;

/// Variables that keep programs from asking questions nobody would answer.
const ENVIRONMENT: [(&str, &str); 9] = [
    ("GIT_EDITOR", "true"),
    ("GIT_SEQUENCE_EDITOR", "true"),
    ("EDITOR", "true"),
    ("VISUAL", "true"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("NO_COLOR", "1"),
    ("TERM", "dumb"),
    ("PAGER", "cat"),
    ("GIT_PAGER", "cat"),
];

/// The exit code of what was ended because it took too long, as of `timeout`.
const TIMED_OUT: i32 = 124;
/// How long a command has to end once it was asked to.
const GRACE: Duration = Duration::from_secs(5);

/// What it is for, `model_intent`, is for people to read and changes nothing.
#[derive(Debug, Deserialize)]
struct Args {
    command: String,
    timeout: Option<String>,
    workdir: Option<String>,
    run_in_background: Option<bool>,
}

/// What becomes of a command that is not done in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Late {
    /// It can be asked about later.
    KeepsRunning,
    /// It ends, with the exit code that `timeout` has for that.
    Ends,
}

pub(super) async fn run(workspace: &Workspace, args: &str, key: &str, late: Late) -> Result<Outcome, String> {
    let args: Args = parse(args)?;
    let (command, background) = background(&args.command, args.run_in_background.unwrap_or_default());
    // A background command is not waited for, whatever its timeout says.
    let timeout = if background { duration::DEFAULT } else { timeout(args.timeout.as_deref())? };
    if command.trim().is_empty() {
        return Err("`command` is empty: give a command to run".to_owned());
    }
    let workdir = args.workdir.unwrap_or_default();
    if !workdir.is_empty() && !workdir.starts_with('/') {
        return Err(format!("`workdir` `{workdir}` is not absolute: begin it with `/`"));
    }
    let request = StartProcessRequest {
        command: command.to_owned(),
        workdir,
        env: ENVIRONMENT
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect::<HashMap<_, _>>(),
        background,
        idempotency_key: key.to_owned(),
        ..StartProcessRequest::default()
    };
    let StartProcessResponse { process, attached } = match start(workspace, request).await {
        Ok(started) => started,
        Err(status) if is_of_agent(&status) => return Ok(Outcome::of(&Report::failed(status.message()))),
        Err(status) => return Err(explain(&status)),
    };
    let process = process.ok_or_else(|| "the agent did not say which process it started".to_owned())?;
    if background {
        return Ok(Outcome::of(&left_running(process)));
    }
    let left = if attached { remaining(timeout, &process, SystemClock.now()) } else { timeout };
    let report = match wait(workspace, &process.id, left).await {
        Ok(seen) if seen.process.running && late == Late::Ends => ended(workspace, command, seen, timeout).await,
        Ok(seen) => waited_for(command, seen, timeout),
        Err(unseen) => unknown(&process, &unseen),
    };
    Ok(Outcome::of(&report))
}

async fn start(workspace: &Workspace, request: StartProcessRequest) -> Result<StartProcessResponse, Status> {
    workspace
        .effect(|agent| {
            let request = request.clone();
            async move {
                let mut processes = ProcessServiceClient::new(agent.transport());
                processes.start_process(agent.request_within(EFFECT_TIMEOUT, request)).await
            }
        })
        .await
}

/// What is left of the time of a command that an earlier call has started.
fn remaining(timeout: Duration, process: &Process, now: Timestamp) -> Duration {
    let started = process.start_time.as_ref().and_then(|time| Timestamp::try_from(*time).ok());
    let elapsed = started.and_then(|started| (now - started).to_std().ok());
    timeout.saturating_sub(elapsed.unwrap_or_default())
}

/// A command that is not waited for.
fn left_running(process: Process) -> Report {
    Report {
        success: true,
        note: Some(notes::ON_BACKGROUND.to_owned()),
        background_process_id: Some(process.id),
        ..Report::default()
    }
}

/// A command that was waited for, and ended or did not.
fn waited_for(command: &str, seen: Seen, timeout: Duration) -> Report {
    let Seen { process, output } = seen;
    let report = Report::of(&process, output);
    let note = notes::on_command(command, process.running, report.is_cut());
    if !process.running {
        return Report { note, ..report };
    }
    Report {
        exit_code: Some(-1),
        wall_duration_ms: Some(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX)),
        error: Some(format!(
            "the command was not done after {} and keeps running",
            humantime::format_duration(timeout)
        )),
        note,
        background_process_id: Some(process.id),
        ..report
    }
}

/// A command that is not done and is not to go on. One that does not end keeps running, which is said.
async fn ended(workspace: &Workspace, command: &str, seen: Seen, timeout: Duration) -> Report {
    for signal in [Signal::Terminate, Signal::Kill] {
        let sent = process_signal::send(workspace, &seen.process.id, signal).await;
        match (wait(workspace, &seen.process.id, GRACE).await, sent) {
            // It ended by itself in the last moment.
            (Ok(ended), Err(_)) if !ended.process.running => return waited_for(command, ended, timeout),
            (Ok(Seen { process, output }), Ok(())) if !process.running => {
                let timeout = humantime::format_duration(timeout);
                let error = Some(format!("the command was not done after {timeout} and was ended"));
                let report = Report::of(&process, output);
                return Report { success: false, exit_code: Some(TIMED_OUT), error, ..report };
            }
            (_, Ok(())) => {}
            (_, Err(status)) => {
                debug!(%status, "a command that is late could not be ended");
                break;
            }
        }
    }
    waited_for(command, seen, timeout)
}

/// A command that was started and could not be looked at.
fn unknown(process: &Process, unseen: &Unseen) -> Report {
    if process.exit_code.is_some() {
        // An earlier call started it, and how it ended is kept longer than what it wrote.
        let note = Some("the command ran before, and its output is not kept any longer".to_owned());
        return Report { note, ..Report::of(process, ProcessOutput::default()) };
    }
    let error = match unseen.look.code() {
        Code::DataLoss => unseen.explain(),
        _ => format!(
            "the command was started, but its result could not be read: {}. Look what it did before you run it again",
            unseen.explain()
        ),
    };
    Report { exit_code: Some(-1), background_process_id: Some(process.id.clone()), ..Report::failed(error) }
}

fn timeout(text: Option<&str>) -> Result<Duration, String> {
    let timeout = duration::parse("timeout", text)?;
    if timeout.is_zero() {
        return Err("`timeout` must be more than 0; use `run_in_background` not to wait".to_owned());
    }
    Ok(timeout)
}

/// A single `&` at the end means the background, as in a shell.
fn background(command: &str, asked: bool) -> (&str, bool) {
    let trimmed = command.trim_end();
    match trimmed.strip_suffix('&') {
        Some(rest) if !rest.ends_with(['&', '|', '>', '\\']) => (rest.trim_end(), true),
        _ => (command, asked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_ampersand_at_the_end_means_the_background() {
        let table = [
            ("sleep 5 &", ("sleep 5", true)),
            ("sleep 5&  ", ("sleep 5", true)),
            ("true && true", ("true && true", false)),
            ("true &&", ("true &&", false)),
            ("a |&", ("a |&", false)),
            ("echo \\&", ("echo \\&", false)),
        ];
        for (command, expected) in table {
            assert_eq!(background(command, false), expected, "{command}");
        }
        assert_eq!(background("true", true), ("true", true));
    }

    /// The time that passed before a worker took the call over counts.
    #[test]
    fn a_command_that_was_started_before_has_the_rest_of_its_time() {
        let at = |seconds: i64| Timestamp::from_timestamp(seconds, 0).expect("a time");
        let process = Process { start_time: Some(at(100).into()), ..Process::default() };
        let left = |now| remaining(Duration::from_secs(10), &process, at(now)).as_secs();
        assert_eq!([left(90), left(100), left(104), left(110), left(500)], [10, 10, 6, 0, 0]);
        assert_eq!(remaining(Duration::from_secs(10), &Process::default(), at(0)).as_secs(), 10);
    }

    #[test]
    fn a_command_that_is_not_done_names_its_process() {
        let process = Process { running: true, id: "p".to_owned(), ..Process::default() };
        let late = waited_for("make", Seen { process, output: ProcessOutput::default() }, duration::DEFAULT);
        assert_eq!((late.exit_code, late.wall_duration_ms), (Some(-1), Some(10_000)));
        assert_eq!(late.background_process_id.as_deref(), Some("p"));
        assert!(late.error.is_some_and(|error| error.contains("10s")));
        assert!(late.note.is_some_and(|note| note.contains("process_output")));
    }
}
