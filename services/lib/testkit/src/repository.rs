//! A git repository that is served on this machine, as a forge at the edge of the world.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::{sleep, timeout};

/// How long the daemon may take until it answers.
const START: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);
/// The name of the checkout beside it.
const SOURCE: &str = "source";

/// A repository behind `git daemon`; both end when it is dropped.
#[derive(Debug)]
pub struct Repository {
    port: u16,
    daemon: Child,
    directory: TempDir,
}

fn git(directory: &Path, args: &[&str]) {
    let done = Command::new("git")
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

        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.expect("a port").port();
        let daemon = Command::new(daemon())
            .args(["--listen=127.0.0.1", "--export-all", "--reuseaddr"])
            .arg(format!("--port={port}"))
            .arg(format!("--base-path={}", directory.path().display()))
            .arg(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("git daemon starts");
        let repository = Self { port, daemon, directory };
        let answers = async {
            while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                sleep(PAUSE).await;
            }
        };
        timeout(START, answers).await.expect("git daemon answers");
        repository
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
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}
