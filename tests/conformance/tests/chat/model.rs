//! What a chat should be after each operation: a model in memory, written from the specification
//! and not from the store.

mod clients;
mod household;
mod runners;

use std::collections::VecDeque;

use chatmesh_chat::machine::{Operation, State, Status};
use chatmesh_chat::{ChatId, Fence, Lease, NewMessage, RunnerId, Versions, Visibility};
use chatmesh_core::{IdSource as _, SystemIds, Timestamp};
use chatmesh_proto::common::v1::Role;

use crate::expected::targets;
use crate::line::{Line, open_calls};
use crate::refusal::{Why, refusal};

pub(crate) use household::{Household, Wish};

/// Whose name an operation is tried under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// The holder of the lease, who knows the history.
    Holder,
    /// The holder of the lease before.
    Predecessor,
    /// The holder of the lease, who has missed the last change of the history.
    Latecomer,
}

/// A chat.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) id: ChatId,
    pub(crate) root: Option<ChatId>,
    pub(crate) status: Status,
    pub(crate) archived: bool,
    pub(crate) lease: Option<Lease>,
    predecessor: Option<RunnerId>,
    alive_at: Option<Timestamp>,
    pub(crate) lines: Vec<Line>,
    pub(crate) queue: VecDeque<(u32, String)>,
    pub(crate) last_queued: u32,
    pub(crate) versions: Versions,
    previous_history: u32,
    pub(crate) pauses: bool,
    pub(crate) kept: Option<String>,
    pub(crate) deadline: Option<Timestamp>,
    pub(crate) wants_summary: bool,
    pub(crate) read: u32,
}

impl Model {
    pub(crate) fn new(id: ChatId, root: Option<ChatId>, first: &NewMessage) -> Self {
        Self {
            id,
            root,
            status: Status::Running,
            archived: false,
            lease: None,
            predecessor: None,
            alive_at: None,
            lines: vec![Line::new(1, first, 1)],
            queue: VecDeque::new(),
            last_queued: 0,
            versions: Versions { snapshot: 1, history: 1, ..Versions::default() },
            previous_history: 0,
            pauses: false,
            kept: None,
            deadline: None,
            wants_summary: false,
            read: 0,
        }
    }

    pub(crate) fn state(&self) -> State {
        match (self.status, self.queue.is_empty(), self.archived) {
            (Status::Waiting, true, false) => State::W,
            (Status::Error, true, false) => State::E0,
            (Status::Error, false, false) => State::E1,
            (Status::Running, true, false) => State::R0,
            (Status::Running, false, false) => State::R1,
            (Status::Interrupting, true, false) => State::I0,
            (Status::Interrupting, false, false) => State::I1,
            (Status::RequiresAction, true, false) => State::A0,
            (Status::RequiresAction, false, false) => State::A1,
            (Status::Waiting, true, true) => State::XW,
            (Status::Error, true, true) => State::XE0,
            (Status::Error, false, true) => State::XE1,
            _ => State::Invalid,
        }
    }

    pub(crate) fn allows(&self, operation: Operation) -> bool {
        !targets(operation, self.state()).is_empty()
    }

    /// What the model sees: instructions of any age, the newest summary, and everything after it.
    pub(crate) fn prompt(&self) -> Vec<Line> {
        let live = || self.lines.iter().filter(|line| !line.deleted && line.shown_to != Visibility::User);
        let summary = live().rfind(|line| line.compressed && line.shown_to == Visibility::Model);
        let since = summary.map_or(0, |line| line.id);
        let seen = live().filter(|line| {
            let newer = line.id > since || line.role == Role::System;
            line.id == since || (newer && !line.compressed)
        });
        seen.cloned().collect()
    }

    /// The calls that the client is to answer.
    pub(crate) fn open_calls(&self) -> Vec<String> {
        open_calls(&self.prompt())
    }

    /// The last thing that the model said to people.
    pub(crate) fn last_answer(&self) -> u32 {
        let said = |line: &&Line| !line.deleted && line.role == Role::Assistant && line.shown_to != Visibility::Model;
        self.lines.iter().rev().find(said).map_or(0, |line| line.id)
    }

    pub(crate) fn fence(&self, who: Who) -> Fence {
        let nobody = || RunnerId(SystemIds.next());
        let holder = self.lease.map_or_else(nobody, |lease| lease.runner_id);
        let (runner_id, history_version) = match who {
            Who::Holder => (holder, self.versions.history),
            Who::Predecessor => (self.predecessor.unwrap_or_else(nobody), self.versions.history),
            Who::Latecomer => (holder, self.previous_history),
        };
        Fence { chat_id: self.id, runner_id, history_version }
    }

    fn check(&self, operation: Operation) -> Result<(), Why> {
        if self.allows(operation) { Ok(()) } else { Err(refusal(operation, self.state()).expect("a reason")) }
    }

    fn begin(&mut self) {
        self.versions.snapshot += 1;
    }

    fn history_changes(&mut self) {
        if self.versions.history != self.versions.snapshot {
            self.previous_history = self.versions.history;
            self.versions.history = self.versions.snapshot;
        }
    }

    fn queue_changes(&mut self) {
        self.versions.queue = self.versions.snapshot;
    }

    fn say(&mut self, body: &NewMessage) {
        let id = u32::try_from(self.lines.len()).expect("a small number") + 1;
        self.history_changes();
        self.lines.push(Line::new(id, body, self.versions.snapshot));
    }

    fn say_all(&mut self, messages: &[NewMessage]) {
        for message in messages {
            self.say(message);
        }
    }

    /// No call stays without a result when something else is said.
    fn answer_open_calls(&mut self) {
        for call in self.open_calls() {
            self.say(&NewMessage::new(Role::Tool, Vec::new()));
            let line = self.lines.last_mut().expect("just said");
            line.results.push((call, true));
        }
    }

    fn enqueue(&mut self, text: &str) {
        self.last_queued += 1;
        self.queue.push_back((self.last_queued, text.to_owned()));
        self.queue_changes();
    }

    fn promote_head(&mut self) {
        let (_, text) = self.queue.pop_front().expect("something waits");
        self.queue_changes();
        self.say(&NewMessage::new(Role::User, crate::content::parts(&text)));
    }

    /// Attempts are counted since the history last changed, or the turn began; none has the name of an earlier one.
    fn start_over(&mut self) {
        if self.versions.generation_attempt > 0 {
            self.history_changes();
        }
        self.versions.generation_attempt = 0;
        self.kept = None;
        self.clear_pause();
    }

    fn clear_pause(&mut self) {
        if std::mem::take(&mut self.pauses) {
            self.versions.retry_state = self.versions.snapshot;
        }
    }

    fn release(&mut self) {
        self.predecessor = self.lease.take().map(|lease| lease.runner_id).or(self.predecessor);
        self.alive_at = None;
    }
}
