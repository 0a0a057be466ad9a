//! Where and how scripts run.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Child;

use super::log_file::LogFile;
use super::manifest::Script;
use crate::process::{Environment, Launcher, ResourceLimits, resolve_workdir, spawn_child};

/// How long what should end is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// After a script was interrupted, until it is killed.
    pub(crate) interrupt: Duration,
    /// After a script has ended, until its output is closed.
    pub(crate) output: Duration,
    /// For the relay, to hear the last state.
    pub(crate) last_report: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            interrupt: Duration::from_secs(10),
            output: Duration::from_secs(10),
            last_report: Duration::from_secs(2),
        }
    }
}

/// Starts scripts.
#[derive(Debug)]
pub(crate) struct Runner {
    directory: PathBuf,
    state_dir: PathBuf,
    environment: Environment,
    launcher: Launcher,
    pub(super) patience: Patience,
}

/// A script that was started.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) child: Child,
    pub(super) log: LogFile,
}

impl Runner {
    /// Runs scripts in `directory`, with places of their own in `state_dir`.
    pub(crate) fn new(
        directory: PathBuf,
        state_dir: PathBuf,
        environment: Environment,
        launcher: Launcher,
        patience: Patience,
    ) -> Self {
        Self { directory, state_dir, environment, launcher, patience }
    }

    /// Where scripts put programs for others.
    pub(crate) fn programs(state_dir: &Path) -> PathBuf {
        state_dir.join("script-bin")
    }

    /// Starts a script in a process group of its own, or says what is in the way. Takes as long as
    /// the disk; where nobody waits for it any more, nothing is left of it.
    pub(super) async fn start(&self, script: &Script) -> Result<Started, String> {
        let data = self.state_dir.join("script-data").join(&script.id);
        let programs = Self::programs(&self.state_dir);
        let home = self.environment.home();
        let own_log = || self.state_dir.join("script-logs").join(format!("{}.log", script.id));
        let log_path = script.log_path(home.as_deref()).unwrap_or_else(own_log);
        let env = self.environment.of_script(&data, &programs);
        let places = tokio::task::spawn_blocking(move || {
            make_private(&data)?;
            make_private(&programs)?;
            let problem = |error| format!("its log `{}` can not be opened: {error}", log_path.display());
            LogFile::open(&log_path).map_err(problem)
        });
        let log = places.await.map_err(|error| error.to_string())??;
        let workdir = resolve_workdir("", &self.directory, home).await.map_err(|error| error.to_string())?;

        let (program, args) = script.command();
        let mut command = self.launcher.command(&program, args, &ResourceLimits::default());
        command.current_dir(workdir).env_clear().envs(env).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = spawn_child(command).await.map_err(|error| format!("`{program}` can not be run: {error}"))?;
        Ok(Started { child, log })
    }
}

/// Makes a directory for this user alone. Blocks.
fn make_private(directory: &Path) -> Result<(), String> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.map_err(|error: io::Error| format!("its directory `{}` can not be made: {error}", directory.display()))
}
