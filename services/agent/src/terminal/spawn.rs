//! Starts a program on a terminal of its own.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use nix::unistd::{Pid, User, getuid};
use pty_process::{Command, OwnedReadPty, OwnedWritePty};
use tokio::process::Child;

use super::input::Size;

/// A program that runs on a terminal.
#[derive(Debug)]
pub(super) struct Spawned {
    pub(super) child: Child,
    pub(super) reader: OwnedReadPty,
    pub(super) writer: OwnedWritePty,
    /// The session, which the program leads.
    pub(super) leader: Pid,
}

/// What runs on a terminal.
#[derive(Debug)]
pub(super) enum Program {
    /// Run by `sh -c`.
    Command(String),
    /// A shell, as if somebody had logged in.
    Login(PathBuf),
}

impl Program {
    /// What runs for this command. Blocks, where the user's shell has to be found.
    pub(super) fn find(command: String, env: &BTreeMap<OsString, OsString>) -> Self {
        if !command.is_empty() {
            return Self::Command(command);
        }
        let variable = env.get(OsStr::new("SHELL")).map(PathBuf::from);
        let of_user = || User::from_uid(getuid()).ok().flatten().map(|user| user.shell);
        let usable = |shell: &PathBuf| shell.is_absolute() && shell.is_file();
        let shell = variable.filter(usable).or_else(|| of_user().filter(usable));
        Self::Login(shell.unwrap_or_else(|| PathBuf::from("/bin/sh")))
    }

    fn into_command(self) -> Command {
        match self {
            Self::Command(command) => Command::new("/bin/sh").arg("-c").arg(command),
            Self::Login(shell) => {
                // The dash is how a shell knows that it is a login shell.
                let mut name = OsString::from("-");
                name.push(shell.file_name().unwrap_or_default());
                Command::new(shell).arg0(name)
            }
        }
    }
}

/// Starts `program` as the leader of a session with a terminal of `size`.
///
/// # Errors
/// There is no terminal left, or the program can not be run.
pub(super) fn spawn(
    program: Program,
    workdir: &Path,
    env: BTreeMap<OsString, OsString>,
    size: Size,
) -> Result<Spawned, pty_process::Error> {
    let (pty, pts) = pty_process::open()?;
    pty.resize(size.into())?;
    let command = program.into_command().current_dir(workdir).env_clear().envs(env).kill_on_drop(true);
    let child = command.spawn(pts)?;
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    let leader = id.map(Pid::from_raw).ok_or_else(|| std::io::Error::other("the process has no id"))?;
    let (reader, writer) = pty.into_split();
    Ok(Spawned { child, reader, writer, leader })
}

impl From<Size> for pty_process::Size {
    fn from(size: Size) -> Self {
        Self::new(size.rows, size.cols)
    }
}
