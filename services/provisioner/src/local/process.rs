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
    /// It runs the agent in a sandbox, and is not the agent itself.
    #[serde(default)]
    is_sandbox: bool,
}

impl Identity {
    /// The process that has this number now.
    pub(super) fn of(pid: i32) -> io::Result<Self> {
        let stat = Stat::read(pid)?;
        Ok(Self { pid, start_time: stat.start_time, boot_id: boot_id()?, is_sandbox: false })
    }

    /// The agent itself. The process that runs the sandbox waits for the first one in it, and that one for the agent;
    /// what the agent's processes leave behind becomes the first one's, too, but is younger.
    fn agent(&self) -> Option<i32> {
        if self.is_sandbox { oldest_child(oldest_child(self.pid)?) } else { Some(self.pid) }
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

fn oldest_child(pid: i32) -> Option<i32> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    let children = children.split_whitespace().filter_map(|pid| pid.parse::<i32>().ok());
    let with_age = children.filter_map(|pid| Some((Stat::read(pid).ok()?.start_time, pid)));
    with_age.min().map(|(_, pid)| pid)
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
    pub(super) fn child(child: Child, is_sandbox: bool) -> io::Result<Self> {
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
        let pid = pid.ok_or_else(|| io::Error::other("the process has ended already"))?;
        let identity = Identity { is_sandbox, ..Identity::of(pid)? };
        Ok(Self { identity, child: Some(child) })
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
            self.clear();
            return Ok(());
        }
        warn!(pid = self.identity.pid, "agent did not end in time, killing it");
        self.kill();
        timeout(KILL_WAIT, self.ended()).await.map_err(|_| StillAlive(self.identity.pid))?;
        self.clear();
        Ok(())
    }

    /// Ends what a sandbox has left: it stays as long as anything runs in it, whatever became of the agent. To be called
    /// when the sandbox's own process has ended.
    pub(super) fn clear(&self) {
        if self.identity.is_sandbox {
            // Nothing is left, most of the time.
            let _ = killpg(Pid::from_raw(self.identity.pid), Signal::SIGKILL);
        }
    }

    /// Kills the process with its group and does not wait.
    pub(super) fn kill(&self) {
        self.signal(Signal::SIGKILL);
    }

    /// A sandbox makes its group a little after its start.
    fn kill_group(&self) -> nix::Result<()> {
        let pid = Pid::from_raw(self.identity.pid);
        match killpg(pid, Signal::SIGKILL) {
            Err(Errno::ESRCH) => kill(pid, Signal::SIGKILL),
            sent => sent,
        }
    }

    fn signal(&self, signal: Signal) {
        // Our child keeps its number until it is waited for; another process might have a new owner.
        if !self.identity.is_alive() {
            return;
        }
        let sent = match self.identity.agent() {
            Some(agent) if signal != Signal::SIGKILL => kill(Pid::from_raw(agent), signal),
            // A sandbox that has no agent yet has nothing to lose either.
            _ => self.kill_group(),
        };
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
