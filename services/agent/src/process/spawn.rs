//! Starts the shell.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;

use nix::sys::signal::{Signal, killpg};
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
pub(super) async fn spawn(
    mut shell: Command,
    workdir: &Path,
    env: BTreeMap<OsString, OsString>,
) -> io::Result<Spawned> {
    let (reader, writer) = io::pipe()?;
    shell.current_dir(workdir).env_clear().envs(env);
    shell.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer).process_group(0);
    let output = pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?;
    let child = spawn_child(shell).await?;
    let group = group_of(&child)?;
    Ok(Spawned { child, output, group })
}

/// Starts a program that leads a process group, where nobody is held up: until it runs, its parent
/// stands still, and to enter a directory or to load a program takes as long as the disk takes.
/// Where nobody waits for it any more, what was started is killed.
///
/// # Errors
/// The program can not be run.
pub(crate) async fn spawn_child(mut command: Command) -> io::Result<Child> {
    let spawning = tokio::task::spawn_blocking(move || {
        let child = command.spawn();
        // Held by the child alone: whoever reads what it writes sees its end.
        drop(command);
        child.map(|child| Newborn(Some(child)))
    });
    let newborn = spawning.await.unwrap_or_else(|error| Err(error.into()))?;
    newborn.keep().ok_or_else(|| io::Error::other("the process is gone"))
}

/// A child that nobody has taken charge of yet.
struct Newborn(Option<Child>);

impl Newborn {
    fn keep(mut self) -> Option<Child> {
        self.0.take()
    }
}

impl Drop for Newborn {
    fn drop(&mut self) {
        if let Some(group) = self.0.as_ref().and_then(|child| group_of(child).ok()) {
            // Fails where it has ended by itself.
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}

/// The process group of a child that leads one.
pub(crate) fn group_of(child: &Child) -> io::Result<Pid> {
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    id.map(Pid::from_raw).ok_or_else(|| io::Error::other("the process has no id"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::AsyncReadExt as _;

    use super::*;

    /// Longer than anything here takes.
    const LONG: Duration = Duration::from_secs(20);

    fn sleeper() -> (Command, tokio::net::unix::pipe::Receiver) {
        let (reader, writer) = io::pipe().expect("a pipe");
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "sleep 1000"]).stdout(writer).process_group(0);
        (command, pipe::Receiver::from_owned_fd(OwnedFd::from(reader)).expect("a pipe"))
    }

    /// What a hanging disk does: the only thread for what blocks is busy until the sender is dropped.
    fn on_a_busy_disk<T>(test: impl AsyncFnOnce(std::sync::mpsc::Sender<()>) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build();
        runtime.expect("a runtime").block_on(async {
            let (hold, held) = std::sync::mpsc::channel();
            tokio::task::spawn_blocking(move || held.recv());
            test(hold).await
        })
    }

    #[test]
    fn a_start_that_hangs_holds_up_nobody_and_what_starts_after_all_is_killed() {
        on_a_busy_disk(async |hold| {
            let (command, mut output) = sleeper();
            let given_up = tokio::time::timeout(Duration::from_millis(20), spawn_child(command)).await;
            assert!(given_up.is_err(), "{given_up:?}");
            drop(hold);
            let end = tokio::time::timeout(LONG, output.read(&mut [0])).await;
            assert_eq!(end.expect("it ends").expect("read"), 0);
        });
    }

    #[tokio::test]
    async fn what_somebody_waited_for_lives() {
        let (command, output) = sleeper();
        let mut child = spawn_child(command).await.expect("started");
        assert!(matches!(child.try_wait(), Ok(None)));
        killpg(group_of(&child).expect("a group"), Signal::SIGKILL).expect("killed");
        child.wait().await.expect("ended");
        drop(output);
    }
}
