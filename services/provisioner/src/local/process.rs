//! Processes: our children, and those that an earlier run of ours has left.

use std::io;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use tokio::process::Child;
use tokio::time::{sleep, timeout};
use tracing::warn;

/// How often to look whether a process that is not our child still lives: it cannot be waited for.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// How long a killed process may take to be gone.
const KILL_WAIT: Duration = Duration::from_secs(5);

/// A process would not go.
#[derive(Debug, thiserror::Error)]
#[error("the agent's process {0} can not be ended: end it by hand, then try again")]
pub(crate) struct StillAlive(i32);

/// What a process is recognised by: numbers are used again, but not with the same start time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    /// Its number.
    pub(super) pid: i32,
    /// When it started, in the kernel's ticks since boot.
    start_time: u64,
    /// Which boot.
    boot_id: String,
}

impl Identity {
    /// The process that has this number now.
    pub(super) fn of(pid: i32) -> io::Result<Self> {
        let stat = Stat::read(pid)?;
        Ok(Self { pid, start_time: stat.start_time, boot_id: boot_id()? })
    }

    /// True while the process runs; one that has ended and was not waited for does not.
    pub(super) fn is_alive(&self) -> bool {
        let same = |stat: Stat| stat.start_time == self.start_time && !stat.ended;
        Stat::read(self.pid).is_ok_and(same) && boot_id().is_ok_and(|boot| boot == self.boot_id)
    }
}

/// What the kernel says of a process (proc(5)).
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    ended: bool,
    start_time: u64,
}

impl Stat {
    fn read(pid: i32) -> io::Result<Self> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        Self::parse(&text).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "process status not understood"))
    }

    /// The name of the program is in parentheses and may hold any of them.
    fn parse(text: &str) -> Option<Self> {
        let (_, after_name) = text.rsplit_once(')')?;
        let mut fields = after_name.split_whitespace();
        let ended = matches!(fields.next()?, "Z" | "X" | "x");
        let start_time = fields.nth(18)?.parse().ok()?;
        Some(Self { ended, start_time })
    }
}

fn boot_id() -> io::Result<String> {
    Ok(std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// A process to look after.
#[derive(Debug)]
pub(super) struct Process {
    identity: Identity,
    /// Absent where it is not our child.
    child: Option<Child>,
}

impl Process {
    /// A child of ours that leads a process group.
    pub(super) fn child(child: Child) -> io::Result<Self> {
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
        let pid = pid.ok_or_else(|| io::Error::other("the process has ended already"))?;
        Ok(Self { identity: Identity::of(pid)?, child: Some(child) })
    }

    /// A process that an earlier run has left.
    pub(super) fn adopt(identity: Identity) -> Self {
        Self { identity, child: None }
    }

    pub(super) fn pid(&self) -> i32 {
        self.identity.pid
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Waits for the end and returns the exit code, where it is known. Safe to drop and to call again.
    pub(super) async fn ended(&mut self) -> Option<i32> {
        if let Some(child) = &mut self.child {
            match child.wait().await {
                Ok(status) => return status.code(),
                Err(error) => warn!(pid = self.identity.pid, %error, "process can not be waited for"),
            }
        }
        while self.identity.is_alive() {
            sleep(POLL_INTERVAL).await;
        }
        None
    }

    /// Asks the process to end, and kills it with its group where it has not after `grace`.
    pub(super) async fn terminate(&mut self, grace: Duration) -> Result<(), StillAlive> {
        self.signal(Signal::SIGTERM);
        if timeout(grace, self.ended()).await.is_ok() {
            return Ok(());
        }
        warn!(pid = self.identity.pid, "agent did not end in time, killing it");
        self.kill();
        timeout(KILL_WAIT, self.ended()).await.map(drop).map_err(|_| StillAlive(self.identity.pid))
    }

    /// Kills the process with its group and does not wait.
    pub(super) fn kill(&self) {
        self.signal(Signal::SIGKILL);
    }

    fn signal(&self, signal: Signal) {
        // Our child keeps its number until it is waited for; another process might have a new owner.
        if !self.identity.is_alive() {
            return;
        }
        let pid = Pid::from_raw(self.identity.pid);
        let sent = if signal == Signal::SIGKILL { killpg(pid, signal) } else { kill(pid, signal) };
        match sent {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(error) => warn!(pid = self.identity.pid, %error, "signal not sent"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_line_is_read_whatever_the_program_is_called() {
        let tail = "1 5 5 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 100 1 0";
        let parse = |name: &str, state: &str| Stat::parse(&format!("5 ({name}) {state} {tail}"));
        assert_eq!(parse("sh", "S"), Some(Stat { ended: false, start_time: 4711 }));
        assert_eq!(parse("a) Z (b", "R"), Some(Stat { ended: false, start_time: 4711 }));
        assert_eq!(parse("sh", "Z"), Some(Stat { ended: true, start_time: 4711 }));
        assert_eq!(Stat::parse("5 (sh) S 1"), None);
    }

    #[test]
    fn a_number_alone_does_not_make_a_process() {
        let me = Identity::of(std::process::id().cast_signed()).expect("this process");
        assert!(me.is_alive());
        assert!(!Identity { start_time: me.start_time + 1, ..me.clone() }.is_alive());
        assert!(!Identity { boot_id: "another".to_owned(), ..me }.is_alive());
    }
}
