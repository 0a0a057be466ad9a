//! One run of a script, from its start to its report.

mod output;

use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::{Clock as _, SystemClock};
use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::ScriptResult;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::Child;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info};

use self::output::Output;
use super::manifest::Script;
use super::reports::Reports;
use super::runner::{Runner, Started};
use crate::process::group_of;

/// How long what a script that was ended has printed is waited for.
const LAST_OUTPUT: Duration = Duration::from_secs(1);
/// How long the system may take to end what was killed.
const KILL: Duration = Duration::from_secs(5);

/// Runs a script and reports what comes of it.
#[derive(Debug)]
pub(super) struct Run<'a> {
    pub(super) runner: &'a Runner,
    pub(super) reports: &'a Reports,
    pub(super) script: &'a Arc<Script>,
    pub(super) stage: pb::ScriptStage,
    /// How long the script may run.
    pub(super) limit: Duration,
    /// Interrupts the script.
    pub(super) stop: &'a CancellationToken,
    /// Knows what goes on after the run.
    pub(super) tasks: &'a TaskTracker,
}

/// How a script ended.
#[derive(Debug)]
struct End {
    result: ScriptResult,
    exit_code: Option<i32>,
    message: String,
}

/// Why a script is not waited for any longer.
enum Event {
    Exited(io::Result<ExitStatus>),
    TimedOut,
    Stopped,
}

impl Run<'_> {
    /// Runs the script; returns its result and, where it failed, a sentence about it.
    pub(super) async fn run(&self) -> (ScriptResult, String) {
        let start_time = SystemClock.now();
        let deadline = Instant::now() + self.limit;
        // To start it takes a disk, which may hang.
        let end = tokio::select! {
            biased;
            () = self.stop.cancelled() => self.not_begun(ScriptResult::Interrupted),
            started = self.runner.start(self.script) => match started {
                Ok(started) => self.accompany(started, deadline).await,
                Err(problem) => {
                    let message = format!("`{}` could not be started: {problem}", self.script.name);
                    End { result: ScriptResult::NotStarted, exit_code: None, message }
                }
            },
            () = sleep_until(deadline) => self.not_begun(ScriptResult::TimedOut),
        };
        if !end.message.is_empty() {
            self.reports.add_line(&self.script.id, pb::LogLevel::Error, end.message.clone());
        }
        info!(script = self.script.id, result = end.result.as_str_name(), exit_code = end.exit_code, "script ended");
        self.reports.add_run(pb::ScriptRun {
            script_id: self.script.id.clone(),
            display_name: self.script.name.clone(),
            stage: self.stage.into(),
            result: end.result.into(),
            exit_code: end.exit_code,
            start_time: Some(start_time.into()),
            end_time: Some(SystemClock.now().into()),
            message: end.message.clone(),
        });
        (end.result, end.message)
    }

    /// The end of a script that was still being started.
    fn not_begun(&self, result: ScriptResult) -> End {
        let message = match result {
            ScriptResult::TimedOut => {
                format!("`{}` could not be started within {} s", self.script.name, self.limit.as_secs_f32())
            }
            result => self.message(result, -1),
        };
        End { result, exit_code: None, message }
    }

    async fn accompany(&self, started: Started, deadline: Instant) -> End {
        let Started { mut child, log } = started;
        let group = group_of(&child).ok();
        let mut output = Output::new(&mut child, log, self.reports.clone(), self.script.id.clone());
        let event = {
            let waiting = async {
                tokio::select! {
                    status = child.wait() => Event::Exited(status),
                    () = sleep_until(deadline) => Event::TimedOut,
                    () = self.stop.cancelled() => Event::Stopped,
                }
            };
            output.forward_during(waiting).await
        };
        let (result, status) = match event {
            Event::Exited(status) => (None, status.ok()),
            Event::TimedOut => (Some(ScriptResult::TimedOut), self.end(&mut child, group, &mut output).await),
            Event::Stopped => (Some(ScriptResult::Interrupted), self.end(&mut child, group, &mut output).await),
        };
        let patience = if result.is_some() { LAST_OUTPUT } else { self.runner.patience.output };
        let is_closed = timeout(patience, output.forward_rest()).await.is_ok();
        output.finish().await;
        if !is_closed {
            debug!(script = self.script.id, "processes of the script hold its output open");
            let closed = self.stop.clone().run_until_cancelled_owned(output.discard());
            self.tasks.spawn(closed);
        }
        let exit_code = status.and_then(|status| status.code()).unwrap_or(-1);
        let result = match (result, is_closed, exit_code) {
            (Some(result), ..) => result,
            (None, false, _) => ScriptResult::OutputLeftOpen,
            (None, true, 0) => ScriptResult::Ok,
            (None, true, _) => ScriptResult::Failed,
        };
        End { result, exit_code: Some(exit_code), message: self.message(result, exit_code) }
    }

    /// Interrupts the script's group, and kills it where that does not help.
    async fn end(&self, child: &mut Child, group: Option<Pid>, output: &mut Output) -> Option<ExitStatus> {
        let signal = |signal| {
            // Nothing is left to signal where it fails.
            let _ = group.map(|group| killpg(group, signal));
        };
        signal(Signal::SIGINT);
        let interrupted = timeout(self.runner.patience.interrupt, child.wait());
        if let Ok(status) = output.forward_during(interrupted).await {
            return status.ok();
        }
        signal(Signal::SIGKILL);
        output.forward_during(timeout(KILL, child.wait())).await.ok()?.ok()
    }

    fn message(&self, result: ScriptResult, exit_code: i32) -> String {
        let name = &self.script.name;
        match result {
            ScriptResult::Failed if exit_code == -1 => format!("`{name}` was ended by a signal"),
            ScriptResult::Failed => format!("`{name}` failed with exit code {exit_code}"),
            ScriptResult::TimedOut => {
                format!("`{name}` took longer than {} s and was ended", self.limit.as_secs_f32())
            }
            ScriptResult::OutputLeftOpen => format!(
                "`{name}` ended with exit code {exit_code}, but a process that it started still holds its output open; \
                 give such a process an output of its own: `command >/dev/null 2>&1 &`"
            ),
            ScriptResult::Interrupted => format!("`{name}` was interrupted because the workspace stops"),
            ScriptResult::Ok | ScriptResult::NotStarted | ScriptResult::Unspecified => String::new(),
        }
    }
}
