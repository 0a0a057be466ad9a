//! The control plane as a program.

use std::process::Stdio;

use chatmesh_mesh_tests::{PATIENCE, built_program};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// `chatmesh up`, with its workspaces; ends in order also where a test fails.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    url: String,
    admin_token: String,
    _data_dir: TempDir,
}

impl Program {
    /// Starts the program on a free port. Nothing of this process's environment reaches it.
    pub(crate) async fn start(otlp_endpoint: &str) -> Self {
        chatmesh_runtime::install_crypto();
        let data_dir = tempfile::tempdir().expect("a temporary directory");
        let mut child = Command::new(built_program("chatmesh"))
            .args(["up", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data_dir.path())
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("CHATMESH_TELEMETRY__OTLP_ENDPOINT", otlp_endpoint)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("chatmesh starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let ready = async {
            loop {
                let line = lines.next_line().await.expect("a text").expect("chatmesh says where it is");
                if let Some(rest) = line.strip_prefix("chatmesh is ready at ") {
                    return rest.split(' ').next().expect("a URL").to_owned();
                }
            }
        };
        let url = tokio::time::timeout(PATIENCE, ready).await.expect("ready in time");
        let token = std::fs::read_to_string(data_dir.path().join("admin.token")).expect("a token");
        Self { child, url, admin_token: token.trim().to_owned(), _data_dir: data_dir }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn admin_token(&self) -> &str {
        &self.admin_token
    }

    /// Ends the program in order and waits until it has.
    pub(crate) async fn stop(mut self) {
        self.terminate();
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("an end in time");
        assert!(status.expect("a status").success(), "chatmesh did not end as it should");
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
