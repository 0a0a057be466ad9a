//! Everything that runs on a terminal.
//!
//! A shell puts each of its jobs into a group of its own, so a signal to one group does not end
//! all that a terminal runs. What the groups have in common is their session.

use std::fs;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

/// Sends a signal to every process of the session that `leader` leads. Blocks.
///
/// The system gives the leader's id to no one else while a process of the session lives.
pub(super) fn signal(leader: Pid, signal: Signal) {
    // Who has just ended needs no signal.
    let Some(members) = members(leader) else {
        let _ = killpg(leader, signal);
        return;
    };
    for member in members {
        let _ = kill(member, signal);
    }
}

/// True where a process of the session lives. Blocks.
pub(super) fn are_there(leader: Pid) -> bool {
    members(leader).map_or_else(|| killpg(leader, None).is_ok(), |members| !members.is_empty())
}

/// Nothing where the system does not tell about processes.
fn members(leader: Pid) -> Option<Vec<Pid>> {
    let entries = fs::read_dir("/proc").ok()?;
    let ids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_member = |id: &i32| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat"));
        stat.is_ok_and(|stat| session(&stat) == Some(leader.as_raw()))
    };
    Some(ids.filter(is_member).map(Pid::from_raw).collect())
}

/// The session of a process that lives, from its line in `/proc`.
fn session(stat: &str) -> Option<i32> {
    // The name of the program is in parentheses and may have anything in it.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    let session = fields.nth(2)?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(session)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_is_read_whatever_a_program_is_called() {
        for (stat, expected) in [
            ("12 (sh) S 1 12 34 0", Some(34)),
            ("12 (a) b (c) R 1 12 34 0", Some(34)),
            ("12 (\n) 9 9 9) S 1 12 34 0", Some(34)),
            ("12 (sh) Z 1 12 34 0", None),
            ("12 (sh) S 1", None),
            ("", None),
        ] {
            assert_eq!(session(stat), expected, "{stat:?}");
        }
    }
}
