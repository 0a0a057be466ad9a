//! A git repository that is served on this machine, as a forge at the edge of the world.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::free_port;

/// How long the daemon may take until it answers.
const START: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);
/// The name of the checkout beside it.
const SOURCE: &str = "source";

/// A repository behind `git daemon`; both end when it is dropped.
#[derive(Debug)]
pub struct Repository {
    port: u16,
    daemon: Option<Child>,
    directory: TempDir,
}

/// A command that knows nothing of a repository that the tests themselves may run for, as in a hook.
fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
    command
}

fn git(directory: &Path, args: &[&str]) {
    let done = command("git")
        .current_dir(directory)
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"])
        .args(args)
        .output()
        .expect("git runs");
    assert!(done.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// The program itself: `git daemon` would start it as a child, which outlives it.
fn daemon() -> PathBuf {
    let found = Command::new("git").arg("--exec-path").output().expect("git runs");
    PathBuf::from(String::from_utf8_lossy(&found.stdout).trim()).join("git-daemon")
}

fn spawn(port: u16, directory: &Path) -> Child {
    let daemon = command(daemon())
        .args(["--listen=127.0.0.1", "--export-all", "--reuseaddr"])
        .arg(format!("--port={port}"))
        .arg(format!("--base-path={}", directory.display()))
        .arg(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    daemon.expect("git daemon starts")
}

impl Repository {
    /// Serves a bare repository `project` with these files.
    ///
    /// # Panics
    /// There is no `git`, or it does not do so.
    pub async fn serve(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let source = directory.path().join(SOURCE);
        std::fs::create_dir(&source).expect("a directory");
        git(&source, &["init", "-q", "-b", "main"]);
        for (name, content) in files {
            std::fs::write(source.join(name), content).expect("written");
        }
        git(&source, &["add", "."]);
        git(&source, &["commit", "-q", "-m", "first"]);
        git(directory.path(), &["clone", "-q", "--bare", SOURCE, "project"]);

        let mut repository = Self { port: 0, daemon: None, directory };
        timeout(START, repository.start()).await.expect("git daemon answers");
        repository
    }

    /// Starts the daemon, again where somebody else took its port.
    async fn start(&mut self) {
        loop {
            self.port = free_port();
            let daemon = self.daemon.insert(spawn(self.port, self.directory.path()));
            while daemon.try_wait().expect("a status").is_none() {
                if TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                    return;
                }
                sleep(PAUSE).await;
            }
        }
    }

    /// Where to clone it from.
    pub fn url(&self) -> String {
        format!("git://127.0.0.1:{}/project", self.port)
    }

    /// The checkout that it was made from, of the branch `main`.
    pub fn source(&self) -> PathBuf {
        self.directory.path().join(SOURCE)
    }

    /// The path below which it lies.
    pub fn root(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        // It serves nobody else, and a process that is gone needs no end.
        if let Some(daemon) = &mut self.daemon {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}
