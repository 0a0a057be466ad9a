//! `execute`: runs a command and waits for it, or leaves it running.

use std::collections::HashMap;
use std::time::Duration;

use chatmesh_proto::agent::v1::process_service_client::ProcessServiceClient;
use chatmesh_proto::agent::v1::{Process, ProcessOutput, StartProcessRequest, WaitProcessRequest, WaitProcessResponse};
use chatmesh_rpc::Code;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tonic::Status;

use super::parse;
use crate::agent::{Workspace, explain};
use crate::outcome::Outcome;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_TIMEOUT: Duration = Duration::from_secs(4 * 3600);
/// The longest that one call waits; the agent allows no more.
const MAX_WAIT: Duration = Duration::from_secs(300);
/// How long the last look at a process may take that could not be waited for.
const SNAPSHOT_BUDGET: Duration = Duration::from_secs(30);
/// How long to wait before waiting is tried again after the way to the agent broke.
const WAIT_PAUSE: Duration = Duration::from_millis(200);

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

#[derive(Debug, Deserialize)]
struct Args {
    command: String,
    timeout: Option<String>,
    workdir: Option<String>,
    #[serde(default)]
    run_in_background: bool,
}

/// What the model is given.
#[derive(Debug, Default, PartialEq, Serialize)]
struct Report {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wall_duration_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncated: Option<Truncated>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    background_process_id: Option<String>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Truncated {
    original_bytes: u64,
    retained_bytes: u64,
    omitted_bytes: u64,
    strategy: &'static str,
}

pub(super) async fn run(workspace: &Workspace, args: &str, key: &str) -> Result<Outcome, String> {
    let args: Args = parse(args)?;
    let (command, background) = background(&args.command, args.run_in_background);
    // A background command is not waited for, whatever its timeout says.
    let timeout = if background { DEFAULT_TIMEOUT } else { timeout(args.timeout.as_deref())? };
    if command.trim().is_empty() {
        return Err("`command` is empty: give a command to run".to_owned());
    }
    let request = StartProcessRequest {
        command: command.to_owned(),
        workdir: args.workdir.unwrap_or_default(),
        env: ENVIRONMENT
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect::<HashMap<_, _>>(),
        background,
        idempotency_key: key.to_owned(),
        ..StartProcessRequest::default()
    };
    let process = start(workspace, request).await?;
    if background {
        let report = Report { success: true, background_process_id: Some(process.id), ..Report::default() };
        return Ok(Outcome::of(&report));
    }
    let report = match wait(workspace, &process.id, timeout).await {
        Ok(WaitProcessResponse { process: Some(process), output }) => {
            report(&process, output.unwrap_or_default(), timeout)
        }
        Ok(_) => {
            Report { error: Some("the agent did not say what became of the command".to_owned()), ..Report::default() }
        }
        Err(status) => unknown(&process, &status),
    };
    Ok(Outcome::of(&Report { note: note(command), ..report }))
}

async fn start(workspace: &Workspace, request: StartProcessRequest) -> Result<Process, String> {
    let response = workspace
        .retry(|agent| {
            let request = request.clone();
            async move {
                let mut processes = ProcessServiceClient::new(agent.transport());
                processes.start_process(agent.request(request)).await
            }
        })
        .await
        .map_err(|status| explain(&status))?;
    response.process.ok_or_else(|| "the agent did not say which process it started".to_owned())
}

/// Waits for a process, in as many calls as it takes. Where waiting fails, one last look decides:
/// a process that has ended meanwhile has a real result.
async fn wait(workspace: &Workspace, id: &str, timeout: Duration) -> Result<WaitProcessResponse, Status> {
    let deadline = Instant::now() + timeout;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let pause = left.min(MAX_WAIT);
        match look(workspace, id, pause).await {
            Ok(found) => {
                let running = found.process.as_ref().is_some_and(|process| process.running);
                if !running || left <= pause {
                    return Ok(found);
                }
            }
            Err(status) if matches!(status.code(), Code::NotFound | Code::DataLoss) => return Err(status),
            Err(_) => {
                let found = snapshot(workspace, id).await?;
                let running = found.process.as_ref().is_some_and(|process| process.running);
                if !running || Instant::now() >= deadline {
                    return Ok(found);
                }
                tokio::time::sleep(WAIT_PAUSE).await;
            }
        }
    }
}

async fn snapshot(workspace: &Workspace, id: &str) -> Result<WaitProcessResponse, Status> {
    let snapshot = tokio::time::timeout(SNAPSHOT_BUDGET, look(workspace, id, Duration::ZERO)).await;
    snapshot.unwrap_or_else(|_| Err(Status::deadline_exceeded("the agent did not answer in 30 seconds")))
}

async fn look(workspace: &Workspace, id: &str, pause: Duration) -> Result<WaitProcessResponse, Status> {
    let timeout_ms = u32::try_from(pause.as_millis()).unwrap_or(u32::MAX);
    let request = WaitProcessRequest { process_id: id.to_owned(), timeout_ms };
    workspace
        .retry(|agent| {
            let request = request.clone();
            async move {
                let mut request = agent.request(request);
                request.set_timeout(pause + SNAPSHOT_BUDGET);
                ProcessServiceClient::new(agent.transport()).wait_process(request).await
            }
        })
        .await
}

fn report(process: &Process, output: ProcessOutput, timeout: Duration) -> Report {
    let truncated = (output.omitted_bytes > 0).then_some(Truncated {
        original_bytes: output.original_bytes,
        retained_bytes: output.retained_bytes,
        omitted_bytes: output.omitted_bytes,
        strategy: "head_tail",
    });
    let report = Report {
        output: Some(output.text).filter(|text| !text.is_empty()),
        truncated,
        wall_duration_ms: wall_duration(process),
        ..Report::default()
    };
    if process.running {
        return Report {
            exit_code: Some(-1),
            wall_duration_ms: Some(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX)),
            error: Some(format!(
                "the command was not done after {} and keeps running",
                humantime::format_duration(timeout)
            )),
            background_process_id: Some(process.id.clone()),
            ..report
        };
    }
    match process.exit_code {
        Some(code) => Report { success: code == 0, exit_code: Some(code), ..report },
        None => Report {
            exit_code: Some(-1),
            error: Some("how the command ended is not known: run it again only if that is safe".to_owned()),
            ..report
        },
    }
}

/// The command was started, and nobody can say what became of it.
fn unknown(process: &Process, status: &Status) -> Report {
    Report {
        exit_code: Some(-1),
        error: Some(format!(
            "the command was started, but its result could not be read: {}. Look what it did before you run it again",
            explain(status)
        )),
        background_process_id: Some(process.id.clone()),
        ..Report::default()
    }
}

fn wall_duration(process: &Process) -> Option<u64> {
    let (start, exit) = (process.start_time.as_ref()?, process.exit_time.as_ref()?);
    let millis = (exit.seconds - start.seconds) * 1000 + i64::from(exit.nanos - start.nanos) / 1_000_000;
    u64::try_from(millis).ok()
}

fn timeout(text: Option<&str>) -> Result<Duration, String> {
    let Some(text) = text else { return Ok(DEFAULT_TIMEOUT) };
    let timeout = humantime::parse_duration(text)
        .map_err(|error| format!("`timeout` is not a duration like `30s` or `5m`: {error}"))?;
    if timeout.is_zero() {
        return Err("`timeout` must be more than 0; use `run_in_background` not to wait".to_owned());
    }
    Ok(timeout.min(MAX_TIMEOUT))
}

/// A single `&` at the end means the background, as in a shell.
fn background(command: &str, asked: bool) -> (&str, bool) {
    let trimmed = command.trim_end();
    match trimmed.strip_suffix('&') {
        Some(rest) if !rest.ends_with(['&', '|', '>', '\\']) => (rest.trim_end(), true),
        _ => (command, asked),
    }
}

fn note(command: &str) -> Option<&'static str> {
    let command = command.trim_start();
    let dumps_a_file = command.starts_with("cat ") && !command.contains(['|', '>', '<', ';', '&']);
    dumps_a_file.then_some("prefer `read_file` for looking at files: it numbers the lines and reads parts")
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

    #[test]
    fn timeouts_are_durations_within_bounds() {
        assert_eq!(timeout(None), Ok(DEFAULT_TIMEOUT));
        assert_eq!(timeout(Some("1m 30s")), Ok(Duration::from_secs(90)));
        assert_eq!(timeout(Some("1m30s")), Ok(Duration::from_secs(90)));
        assert_eq!(timeout(Some("9h")), Ok(MAX_TIMEOUT));
        assert!(timeout(Some("0s")).is_err());
        assert!(timeout(Some("soon")).is_err());
        assert!(timeout(Some("-5s")).is_err());
    }

    #[test]
    fn a_report_says_how_the_command_ended() {
        let output =
            ProcessOutput { text: "hello\n".to_owned(), original_bytes: 6, retained_bytes: 6, omitted_bytes: 0 };
        let ended = Process { exit_code: Some(3), ..Process::default() };
        let report_of = |process: &Process| report(process, output.clone(), DEFAULT_TIMEOUT);
        assert_eq!(report_of(&ended).exit_code, Some(3));
        assert!(!report_of(&ended).success);

        let running = Process { running: true, id: "p".to_owned(), ..Process::default() };
        let late = report_of(&running);
        assert_eq!((late.exit_code, late.background_process_id.as_deref()), (Some(-1), Some("p")));
        assert!(late.error.expect("an error").contains("10s"));

        let lost = Process::default();
        assert!(report_of(&lost).error.expect("an error").contains("not known"));
    }
}
