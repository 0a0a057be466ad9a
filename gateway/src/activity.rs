//! Which workspaces people use: what they have open, and whether anything goes on there.
//!
//! A [`Session`] is open as long as it lives: a terminal, a connection to a port, a watch of repositories. It keeps its
//! workspace from being stopped only while it is *used*, which is when something goes through it in either direction:
//! what is left open overnight keeps nothing up. Every half a minute [`report`] tells `workspaces` of those that were used
//! meanwhile. Sessions wait for nobody: to be used is a flag, and all that a session has is gone with it, but that flag
//! until it is told.

pub(crate) mod report;

use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use chatmesh_core::Uuid;
use chatmesh_proto::workspaces::v1::ActivityReason;
use parking_lot::Mutex;

/// How many workspaces are kept in mind at most of which nothing is open any more, while nobody can be told of them.
const MAX_UNTOLD: usize = 10_000;

/// What somebody has open. Of all that is used in a workspace, the first of these is what it is told to be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A terminal.
    Terminal,
    /// A connection to a port.
    PortForward,
    /// A watch of repositories.
    Repository,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Terminal, Self::PortForward, Self::Repository];

    fn bit(self) -> u8 {
        1 << self as u8
    }

    fn reason(self) -> ActivityReason {
        match self {
            Self::Terminal => ActivityReason::Terminal,
            Self::PortForward => ActivityReason::PortForward,
            Self::Repository => ActivityReason::Repository,
        }
    }
}

/// What people have open, by workspace; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Activity {
    workspaces: Arc<Mutex<HashMap<Uuid, Entry>>>,
}

/// A workspace of which something is open, or was used and is not told yet.
#[derive(Debug, Default)]
struct Entry {
    open: usize,
    /// The kinds that were used since it was told, as bits; its sessions share it.
    used: Arc<AtomicU8>,
}

/// Something of a workspace that somebody has open, as long as this lives.
#[derive(Debug)]
pub(crate) struct Session {
    activity: Activity,
    workspace: Uuid,
    kind: Kind,
    used: Arc<AtomicU8>,
}

/// A workspace that was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Used {
    workspace: Uuid,
    kinds: u8,
}

impl Activity {
    /// Begins a session.
    pub(crate) fn open(&self, workspace: Uuid, kind: Kind) -> Session {
        let mut workspaces = self.workspaces.lock();
        let entry = workspaces.entry(workspace).or_default();
        entry.open += 1;
        Session { activity: self.clone(), workspace, kind, used: Arc::clone(&entry.used) }
    }

    /// The workspaces that were used since the last time, those of sessions that have ended included.
    fn take(&self) -> Vec<Used> {
        let mut taken = Vec::new();
        self.workspaces.lock().retain(|workspace, entry| {
            let kinds = entry.used.swap(0, Ordering::Relaxed);
            if kinds != 0 {
                taken.push(Used { workspace: *workspace, kinds });
            }
            entry.open > 0
        });
        taken
    }

    /// Keeps what could not be told for the next time.
    fn put_back(&self, untold: &[Used]) {
        let mut workspaces = self.workspaces.lock();
        for Used { workspace, kinds } in untold {
            let has_room = workspaces.len() < MAX_UNTOLD;
            let entry = match workspaces.entry(*workspace) {
                Place::Occupied(entry) => entry.into_mut(),
                Place::Vacant(place) if has_room => place.insert(Entry::default()),
                Place::Vacant(_) => continue,
            };
            entry.used.fetch_or(*kinds, Ordering::Relaxed);
        }
    }
}

impl Session {
    /// Something goes through it.
    pub(crate) fn used(&self) {
        // Mostly it is known, and then nothing is written that others would have to fetch again.
        if self.used.load(Ordering::Relaxed) & self.kind.bit() == 0 {
            self.used.fetch_or(self.kind.bit(), Ordering::Relaxed);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let mut workspaces = self.activity.workspaces.lock();
        if let Place::Occupied(mut entry) = workspaces.entry(self.workspace) {
            entry.get_mut().open -= 1;
            if entry.get().open == 0 && entry.get().used.load(Ordering::Relaxed) == 0 {
                entry.remove();
            }
        }
    }
}

impl Used {
    fn reason(self) -> ActivityReason {
        let kind = Kind::ALL.into_iter().find(|kind| self.kinds & kind.bit() != 0);
        kind.map_or(ActivityReason::Interactive, Kind::reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    /// What was used, in order.
    fn taken(activity: &Activity) -> Vec<(u128, ActivityReason)> {
        let mut taken: Vec<_> =
            activity.take().into_iter().map(|used| (used.workspace.as_u128(), used.reason())).collect();
        taken.sort_unstable();
        taken
    }

    fn remembered(activity: &Activity) -> usize {
        activity.workspaces.lock().len()
    }

    #[test]
    fn a_session_counts_while_it_is_used_and_not_because_it_is_open() {
        let activity = Activity::default();
        let session = activity.open(id(1), Kind::Terminal);
        assert_eq!(taken(&activity), [], "it is only open");
        session.used();
        session.used();
        assert_eq!(taken(&activity), [(1, ActivityReason::Terminal)]);
        assert_eq!(taken(&activity), [], "nothing has happened since");
        session.used();
        assert_eq!(taken(&activity), [(1, ActivityReason::Terminal)]);
    }

    #[test]
    fn what_has_ended_counts_once_more_where_it_was_used_and_leaves_nothing() {
        let activity = Activity::default();
        drop(activity.open(id(1), Kind::Terminal));
        assert_eq!(remembered(&activity), 0, "nobody used it");
        let (short, long) = (activity.open(id(2), Kind::PortForward), activity.open(id(2), Kind::PortForward));
        short.used();
        drop(short);
        assert_eq!(taken(&activity), [(2, ActivityReason::PortForward)]);
        assert_eq!(remembered(&activity), 1, "another one is open");
        long.used();
        drop(long);
        assert_eq!(remembered(&activity), 1, "it is not told yet");
        assert_eq!(taken(&activity), [(2, ActivityReason::PortForward)]);
        assert_eq!((taken(&activity), remembered(&activity)), (vec![], 0));
    }

    #[test]
    fn a_workspace_is_named_once_for_what_says_most() {
        let activity = Activity::default();
        let sessions = [
            activity.open(id(1), Kind::Repository),
            activity.open(id(1), Kind::PortForward),
            activity.open(id(1), Kind::Terminal),
            activity.open(id(2), Kind::Repository),
            activity.open(id(2), Kind::PortForward),
            activity.open(id(3), Kind::Repository),
        ];
        sessions.iter().for_each(Session::used);
        let expected =
            [(1, ActivityReason::Terminal), (2, ActivityReason::PortForward), (3, ActivityReason::Repository)];
        assert_eq!(taken(&activity), expected);
    }

    #[test]
    fn what_could_not_be_told_is_there_the_next_time_and_memory_is_bounded() {
        let activity = Activity::default();
        let open = activity.open(id(1), Kind::Repository);
        open.used();
        activity.open(id(2), Kind::Terminal).used();
        let untold = activity.take();
        assert_eq!(remembered(&activity), 1);
        activity.open(id(1), Kind::Terminal).used();
        activity.put_back(&untold);
        assert_eq!(taken(&activity), [(1, ActivityReason::Terminal), (2, ActivityReason::Terminal)]);

        let many: Vec<Used> = (2..2 * MAX_UNTOLD as u128).map(|n| Used { workspace: id(n), kinds: 1 }).collect();
        activity.put_back(&many);
        assert_eq!(remembered(&activity), MAX_UNTOLD);
        activity.put_back(&untold);
        assert!(taken(&activity).iter().any(|(workspace, _)| *workspace == 1), "there is always room for what is open");
        assert_eq!(remembered(&activity), 1);
    }
}
