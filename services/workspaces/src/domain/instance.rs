//! The processes of an agent, and which of them speaks for it.
//!
//! An agent's program may be started several times for one build. Each process names itself, and
//! numbers its reports. What always holds:
//!
//! - *Each report counts once.* A process's reports up to its `last_sequence` are recorded; they
//!   may come again, in any batch, and change nothing.
//! - *The latest process speaks for the agent.* It is the one with the highest session, and among
//!   processes of equal sessions the one that was first heard of last. What an older one still
//!   has to say of its state changes nothing of the agent, whenever it comes: a shutdown of the
//!   process before does not turn off the one that runs. Its lines and runs count all the same,
//!   for they happened.
//! - *A process never goes back.* The agent does where another process takes over, for that one
//!   begins anew.

use chatmesh_core::Uuid;

use super::{Lifecycle, LogLine, ScriptRun};

/// How many processes of an agent are remembered.
pub(crate) const MAX_INSTANCES: u32 = 16;

/// A process of an agent, as far as it was heard of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Instance {
    /// What it calls itself.
    pub(crate) id: Uuid,
    /// 1, 2, 3, ... in the order in which processes of the agent were first heard of.
    pub(crate) number: u32,
    /// The highest of its sessions; 0 where it is not known.
    pub(crate) epoch: u32,
    /// Its reports up to this one are recorded.
    pub(crate) last_sequence: i64,
    /// What it says of itself.
    pub(crate) lifecycle: Lifecycle,
}

/// What an agent's process says, in one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifecycleBatch {
    /// The process.
    pub instance_id: Uuid,
    /// The session through which it came; 0 where it is not known.
    pub epoch: u32,
    /// The reports with their numbers.
    pub reports: Vec<(i64, LifecycleReport)>,
}

/// One thing that an agent's process says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LifecycleReport {
    /// How far the workspace has come.
    State(Lifecycle),
    /// What scripts printed, after so many lines were lost.
    Lines {
        /// How many lines were lost before these.
        dropped: u32,
        /// The lines.
        lines: Vec<LogLine>,
    },
    /// A script that ran.
    Run(ScriptRun),
    /// What only later versions understand.
    Unknown,
}

/// What a batch brought that was not known before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct News {
    /// Lines, each with how many were lost before it.
    pub(crate) lines: Vec<(u32, LogLine)>,
    /// How many lines were lost after all of these.
    pub(crate) dropped_after: u32,
    /// Scripts that ran.
    pub(crate) runs: Vec<ScriptRun>,
}

/// Finds the process that a batch is of among those that are known, or makes a new one.
pub(crate) fn heard(known: &[Instance], batch: &LifecycleBatch) -> Instance {
    let mut instance = known.iter().find(|one| one.id == batch.instance_id).cloned().unwrap_or_else(|| Instance {
        id: batch.instance_id,
        number: known.iter().map(|one| one.number).max().unwrap_or_default() + 1,
        epoch: 0,
        last_sequence: 0,
        lifecycle: Lifecycle::default(),
    });
    instance.epoch = instance.epoch.max(batch.epoch);
    instance
}

/// True where no other process speaks for the agent.
pub(crate) fn is_latest(instance: &Instance, known: &[Instance]) -> bool {
    let rank = |one: &Instance| (one.epoch, one.number);
    known.iter().filter(|other| other.id != instance.id).all(|other| rank(other) < rank(instance))
}

impl Instance {
    /// Takes in the reports that are new.
    pub(crate) fn take(&mut self, mut reports: Vec<(i64, LifecycleReport)>) -> News {
        // A report that stands behind a later one must not be taken for known.
        reports.sort_by_key(|(sequence, _)| *sequence);
        let mut news = News::default();
        for (sequence, report) in reports {
            if sequence <= self.last_sequence {
                continue;
            }
            self.last_sequence = sequence;
            match report {
                LifecycleReport::State(next) => {
                    let is_first = self.lifecycle.changed_at.is_none();
                    if is_first || next.state.is_ahead_of(self.lifecycle.state) {
                        self.lifecycle = next;
                    }
                }
                LifecycleReport::Lines { dropped, lines } => {
                    news.dropped_after = news.dropped_after.saturating_add(dropped);
                    for line in lines {
                        news.lines.push((std::mem::take(&mut news.dropped_after), line));
                    }
                }
                LifecycleReport::Run(run) => news.runs.push(run),
                LifecycleReport::Unknown => {}
            }
        }
        news
    }
}

#[cfg(test)]
mod tests;
