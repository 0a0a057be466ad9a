//! What all tests of repositories share.

mod pace;
mod scan;
mod strange;
mod watch;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;

use tempfile::TempDir;

use super::scan::scan;
use super::state::{Outcome, State};

/// A real repository, made with the program `git`.
struct Repository {
    _dir: TempDir,
    root: PathBuf,
}

impl Repository {
    /// A repository on the branch `main` without a commit.
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("dir");
        let root = dir.path().canonicalize().expect("dir").join("repository");
        std::fs::create_dir(&root).expect("dir");
        git(&root, &["init", "--quiet", "--initial-branch=main"]);
        Self { _dir: dir, root }
    }

    /// A repository with these files in its only commit.
    fn with(files: &[(&str, &str)]) -> Self {
        let repository = Self::new();
        for (name, content) in files {
            repository.write(name, content);
        }
        repository.commit();
        repository
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("dir");
        std::fs::write(path, content).expect("file");
    }

    fn git(&self, arguments: &[&str]) -> String {
        git(&self.root, arguments)
    }

    /// Commits everything.
    fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message=m"]);
    }

    fn scan(&self) -> Outcome {
        read(&self.root)
    }

    fn state(&self) -> State {
        state(self.scan())
    }

    fn diff(&self) -> String {
        self.state().diff.text
    }
}

fn read(root: &Path) -> Outcome {
    scan(root, &AtomicBool::new(false))
}

fn state(outcome: Outcome) -> State {
    match outcome {
        Outcome::State(state) => state,
        other => panic!("no state: {other:?}"),
    }
}

/// Runs git without the configuration of whoever runs the tests.
fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = command(directory, arguments).output().expect("git is installed");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

fn command(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.current_dir(directory).args(arguments);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    for (name, value) in [("NAME", "n"), ("EMAIL", "n@example.com"), ("DATE", "2026-01-01T00:00:00Z")] {
        command.env(format!("GIT_AUTHOR_{name}"), value).env(format!("GIT_COMMITTER_{name}"), value);
    }
    command
}
