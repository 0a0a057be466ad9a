//! Servers that are programs in the workspace.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use parking_lot::Mutex;
use rmcp::RoleClient;
use rmcp::transport::async_rw::AsyncRwTransport;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tracing::debug;

use crate::process::spawn_child;

/// The longest message of a server; longer ones are dropped.
const MAX_MESSAGE_BYTES: usize = 8 * 1024 * 1024;
/// How much of what a program says on standard error is kept, for when it fails.
const KEPT_BYTES: usize = 2 * 1024;
/// How long a program that closed its output may take to end before it is not waited for.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Where messages go to a program and come from it.
pub(super) type Streams = AsyncRwTransport<RoleClient, ChildStdout, ChildStdin>;

/// A running program in a process group of its own; the group is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Program {
    child: Child,
    group: Pid,
    said: Arc<Mutex<VecDeque<u8>>>,
    /// Ends when nobody holds the program's standard error any more.
    reading: JoinHandle<()>,
    stopped: bool,
}

impl Program {
    /// Starts a program in `directory`.
    ///
    /// # Errors
    /// Says what could not be started and why; not redacted.
    pub(super) async fn start(
        command: &str,
        args: &[String],
        env: BTreeMap<OsString, OsString>,
        directory: &Path,
        tasks: &TaskTracker,
    ) -> Result<(Streams, Self), String> {
        // Of a working directory that is missing the system says the same as of a missing program.
        if !tokio::fs::metadata(directory).await.is_ok_and(|metadata| metadata.is_dir()) {
            return Err(format!("can not be started: there is no directory `{}`", directory.display()));
        }
        let failed = |error: io::Error| format!("`{command}` can not be started: {error}");
        let mut spawning = Command::new(program(command, directory));
        spawning.args(args).current_dir(directory).env_clear().envs(env);
        spawning.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        spawning.process_group(0).kill_on_drop(true);
        let mut child = spawn_child(spawning).await.map_err(failed)?;
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        let group = id.map(Pid::from_raw).ok_or_else(|| format!("`{command}` has no process id"))?;
        let said = Arc::new(Mutex::new(VecDeque::new()));
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else {
            return Err(format!("`{command}` has no pipes"));
        };
        let reading = tasks.spawn(keep_last(stderr, Arc::clone(&said)));
        let program = Self { child, group, said, reading, stopped: false };
        let streams = AsyncRwTransport::new_client(stdout, stdin).with_max_line_length(MAX_MESSAGE_BYTES);
        Ok((streams, program))
    }

    /// Says what became of a program that did not become a server; not redacted.
    pub(super) async fn explain(&mut self, error: &str) -> String {
        let mut text = match timeout(LAST_WORDS, self.child.wait()).await {
            Ok(Ok(status)) => {
                // What it said may still have to be read.
                let _ = timeout(LAST_WORDS, &mut self.reading).await;
                format!("the program ended before it answered ({status})")
            }
            _ => format!("the program did not answer as an MCP server does: {error}"),
        };
        let said = String::from_utf8_lossy(&self.said.lock().iter().copied().collect::<Vec<_>>()).into_owned();
        if !said.trim().is_empty() {
            text.push_str("; its last words: ");
            text.push_str(said.trim());
        }
        text
    }

    /// Ends the program and everything in its group: asks first, and kills what is left after
    /// `patience`.
    pub(super) async fn stop(mut self, patience: Duration) {
        self.signal(Signal::SIGTERM);
        let ended = timeout(patience, self.child.wait()).await;
        // Also where the program has ended: what it started may ignore the first signal.
        self.signal(Signal::SIGKILL);
        if ended.is_err() && timeout(patience, self.child.wait()).await.is_err() {
            debug!("the program of an MCP server does not end");
        }
        self.stopped = true;
    }

    fn signal(&self, signal: Signal) {
        // Fails where nothing of the group is left.
        let _ = killpg(self.group, signal);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if !self.stopped {
            self.signal(Signal::SIGKILL);
        }
    }
}

/// A path is meant from the working directory; a bare name is looked for in PATH.
fn program(command: &str, directory: &Path) -> PathBuf {
    if command.contains('/') { directory.join(command) } else { PathBuf::from(command) }
}

/// Reads on, so that the program never waits, and keeps the end.
async fn keep_last(mut stderr: ChildStderr, said: Arc<Mutex<VecDeque<u8>>>) {
    let mut buffer = vec![0; 4096];
    while let Ok(count @ 1..) = stderr.read(&mut buffer).await {
        let mut said = said.lock();
        said.extend(&buffer[..count]);
        let over = said.len().saturating_sub(KEPT_BYTES);
        said.drain(..over);
    }
}
