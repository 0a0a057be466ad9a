//! The control plane as a program.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::{PATIENCE, built_program};

/// What it says before its address.
const READY: &str = "chatmesh is ready at ";

/// `chatmesh up`, with its workspaces; ends in order also where a test fails.
#[derive(Debug)]
pub struct Program {
    child: Child,
    url: String,
    admin_token: String,
    output: Output,
    readers: JoinSet<()>,
    data_dir: TempDir,
}

/// All that it has written.
type Output = Arc<Mutex<String>>;

impl Program {
    /// Starts the program on a free port. Nothing of this process's environment reaches it but `settings`.
    ///
    /// # Panics
    /// It is not ready in time.
    pub async fn start(settings: &[(&str, &str)]) -> Self {
        chatmesh_runtime::install_crypto();
        let data_dir = tempfile::tempdir().expect("a temporary directory");
        let mut child = Command::new(built_program("chatmesh"))
            .args(["up", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data_dir.path())
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("chatmesh starts");
        let (output, (address, ready)) = (Output::default(), oneshot::channel());
        let mut readers = JoinSet::new();
        readers.spawn(keep(child.stdout.take().expect("its output"), Arc::clone(&output), Some(address)));
        readers.spawn(keep(child.stderr.take().expect("its errors"), Arc::clone(&output), None));
        let url = match tokio::time::timeout(PATIENCE, ready).await {
            Ok(Ok(url)) => url,
            _ => panic!("chatmesh does not say where it is: {}", text(&output)),
        };
        let token = std::fs::read_to_string(data_dir.path().join("admin.token")).expect("a token");
        Self { child, url, admin_token: token.trim().to_owned(), output, readers, data_dir }
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The token of its administrator.
    pub fn admin_token(&self) -> &str {
        &self.admin_token
    }

    /// Where it keeps everything.
    pub fn data_dir(&self) -> &Path {
        self.data_dir.path()
    }

    /// Ends the program in order, waits until it has, and returns what it wrote and its directory.
    ///
    /// # Panics
    /// It does not end well, or not in time.
    pub async fn stop(mut self) -> (String, TempDir) {
        self.terminate();
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("an end in time");
        while self.readers.join_next().await.is_some() {}
        let output = text(&self.output);
        assert!(status.expect("a status").success(), "chatmesh did not end as it should: {output}");
        let empty = tempfile::tempdir().expect("a temporary directory");
        (output, std::mem::replace(&mut self.data_dir, empty))
    }

    fn terminate(&self) {
        if let Some(pid) = self.child.id().and_then(|id| i32::try_from(id).ok()) {
            // It may have ended by itself.
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.terminate();
    }
}

/// Keeps all lines, and tells the first address.
async fn keep(source: impl AsyncRead + Unpin, output: Output, mut address: Option<oneshot::Sender<String>>) {
    let mut lines = BufReader::new(source).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let url = line.strip_prefix(READY).and_then(|rest| rest.split(' ').next());
        if let Some((url, address)) = url.and_then(|url| Some((url, address.take()?))) {
            // Who waited may have given up.
            let _ = address.send(url.to_owned());
        }
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        output.push_str(&line);
        output.push('\n');
    }
}

fn text(output: &Output) -> String {
    output.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
