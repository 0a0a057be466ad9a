//! One process under test.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::deadline::eventually;
use super::variable;

/// How much of its log is shown when a test fails.
const SHOWN_LINES: usize = 40;
/// How long a look at a process may take.
const GLANCE: Duration = Duration::from_millis(300);
/// Names a directory for the whole logs.
const LOGS_VARIABLE: &str = "CHATMESH_E2E_LOGS";

/// A child that is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a process in `directory`, where its output goes to `NAME.log`.
    pub(crate) fn start(name: &str, mut command: Command, directory: &Path) -> Self {
        let log = directory.join(format!("{name}.log"));
        let output = OpenOptions::new().create(true).append(true).open(&log).expect("a log");
        let child = command
            .current_dir(directory)
            .env("TMPDIR", directory)
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a second handle"))
            .stderr(output)
            .spawn()
            .expect("the process starts");
        Self { name: name.to_owned(), child, log }
    }

    /// Kills it as a crash would: without a chance to do anything.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("waited for");
    }

    /// Sends it a signal.
    pub(crate) fn signal(&mut self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).expect("signalled");
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn terminate(&mut self, limit: Duration) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.ended(limit).await
    }

    /// True where it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_some()
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ended(&mut self, limit: Duration) -> ExitStatus {
        eventually(&format!("the end of {}", self.name), limit, async || {
            self.child.try_wait().expect("a child").ok_or("it runs")
        })
        .await
    }

    /// Waits until `url` answers with success.
    pub(crate) async fn ready(&mut self, url: &str, limit: Duration) {
        let http = super::api::http_client();
        eventually(&format!("{} is ready", self.name), limit, async || {
            let ended = self.child.try_wait().expect("a child");
            assert_eq!(ended, None, "{} has ended: {}", self.name, self.output());
            let answer = http.get(url).send().await.map_err(|error| error.to_string())?;
            if answer.status().is_success() { Ok(()) } else { Err(answer.status().to_string()) }
        })
        .await;
    }

    /// True where `url` answers with success at this moment.
    pub(crate) async fn is_ready(&self, url: &str) -> bool {
        let answer = super::api::http_client().get(url).timeout(GLANCE).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// All that it has written.
    pub(crate) fn output(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    #[expect(clippy::print_stderr, reason = "a failing test shows what its processes wrote")]
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let output = self.output();
            let lines: Vec<&str> = output.lines().collect();
            let last = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n");
            eprintln!("--- the last lines of {}\n{last}", self.name);
        }
        if let Some(directory) = variable(LOGS_VARIABLE) {
            // No test depends on it.
            let _ = std::fs::copy(&self.log, Path::new(&directory).join(format!("{}.log", self.name)));
        }
    }
}
