//! Starts the shell.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;

use nix::unistd::Pid;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};

/// A shell that runs, and what it and its children write.
#[derive(Debug)]
pub(super) struct Spawned {
    pub(super) child: Child,
    /// Standard output and standard error. They share one pipe: two could not be put back into
    /// the order in which they were written.
    pub(super) output: pipe::Receiver,
    /// The process group, which the shell leads.
    pub(super) group: Pid,
}

/// Starts `shell` in a process group of its own, with nothing to read.
///
/// # Errors
/// The shell can not be run, for example because the command is too long for the system.
pub(super) fn spawn(mut shell: Command, workdir: &Path, env: BTreeMap<OsString, OsString>) -> io::Result<Spawned> {
    let (reader, writer) = io::pipe()?;
    shell.current_dir(workdir).env_clear().envs(env);
    shell.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer).process_group(0);
    let output = pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?;
    let child = shell.spawn()?;
    let group = group_of(&child)?;
    Ok(Spawned { child, output, group })
}

/// The process group of a child that leads one.
pub(crate) fn group_of(child: &Child) -> io::Result<Pid> {
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    id.map(Pid::from_raw).ok_or_else(|| io::Error::other("the process has no id"))
}
