//! The directory of a test, and the promise that no process of it outlives the test.
//!
//! Agents and the commands that they run are no children of ours, and are made to survive what
//! kills their parents. They are known by their directory: they run in it, or are told of it.

use std::fs;
use std::path::{Path, PathBuf};

use chatmesh_testkit::Watchdog;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// A temporary directory; what runs in it is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Sandbox {
    _watchdog: Watchdog,
    directory: TempDir,
}

/// A process of a sandbox.
#[derive(Debug)]
pub(crate) struct Found {
    pid: i32,
    /// What it was started as.
    command: String,
}

impl Found {
    /// True for the agent of a workspace.
    pub(crate) fn is_agent(&self) -> bool {
        self.command.contains("--state-dir")
    }

    pub(crate) fn kill(&self) {
        // It may have ended meanwhile.
        let _ = kill(Pid::from_raw(self.pid), Signal::SIGKILL);
    }
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("chatmesh-e2e-").tempdir().expect("a directory");
        let watchdog = Watchdog::over(directory.path());
        Self { _watchdog: watchdog, directory }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The processes that run in the directory, or were told of it.
    pub(crate) fn processes(&self) -> Vec<Found> {
        let entries = fs::read_dir("/proc").expect("this is Linux");
        entries.filter_map(|entry| self.belongs(&entry.ok()?.path())).collect()
    }

    fn belongs(&self, process: &Path) -> Option<Found> {
        let pid = process.file_name()?.to_str()?.parse().ok()?;
        // Whatever ended meanwhile has neither.
        let command = fs::read(process.join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        let directory: PathBuf = fs::read_link(process.join("cwd")).unwrap_or_default();
        let ours = directory.starts_with(self.path()) || command.contains(self.path().to_str()?);
        ours.then_some(Found { pid, command })
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // Again and again, because one may start another meanwhile.
        loop {
            let found = self.processes();
            if found.is_empty() {
                break;
            }
            found.iter().for_each(Found::kill);
        }
    }
}
