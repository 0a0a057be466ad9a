//! The programs to measure.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

/// Where commands in workspaces find their programs.
const SEARCH_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Which programs are measured
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Programs {
    /// The directory of `chatmesh` and `chatmesh-agent`; where it is not given, that of this program
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
    /// The one core that they run on.
    #[arg(skip)]
    core: Option<usize>,
}

impl Programs {
    /// The path of a program.
    pub(crate) fn path(&self, name: &str) -> anyhow::Result<PathBuf> {
        let own = std::env::current_exe().context("this program has no path")?;
        let beside = own.parent().context("this program is in no directory")?;
        let directory = std::path::absolute(self.programs.as_deref().unwrap_or(beside))?;
        let path: PathBuf = Path::new(&directory).join(name);
        ensure!(path.is_file(), "{} is missing: build the workspace in the same mode first", path.display());
        Ok(path)
    }

    /// The same, on one core.
    pub(crate) fn pinned(&self, core: usize) -> Self {
        Self { core: Some(core), ..self.clone() }
    }

    /// `chatmesh`, with nothing of our environment: a provider's key in it would change what it does.
    pub(crate) fn chatmesh(&self) -> anyhow::Result<Command> {
        let program = self.path("chatmesh")?;
        let mut command = match self.core {
            Some(core) => {
                let mut command = Command::new("taskset");
                command.args(["-c", &core.to_string()]).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.env_clear().env("PATH", SEARCH_PATH).env("CHATMESH_LOG", "warn");
        Ok(command)
    }
}
