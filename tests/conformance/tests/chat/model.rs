//! What a chat should be after each operation: a model in memory, written from the specification
//! and not from the store.

use std::collections::VecDeque;

use chatmesh_chat::machine::Status;
use chatmesh_chat::{Chat, ChatId, Fence, Lease, MAX_QUEUED, RunnerId, Versions};
use chatmesh_core::{IdSource as _, SystemIds, Timestamp};

use crate::world::{Everything, STALE, text_of};

/// Why an operation is not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    LeaseLost,
    Rejected,
    QueueFull,
}

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
    pub(crate) status: Status,
    pub(crate) lease: Option<Lease>,
    pub(crate) queue: VecDeque<(u32, String)>,
    predecessor: Option<RunnerId>,
    alive_at: Option<Timestamp>,
    history: Vec<String>,
    last_queued: u32,
    versions: Versions,
    previous_history: u32,
    failed: bool,
    retry: bool,
    kept: Option<String>,
}

impl Model {
    pub(crate) fn new(id: ChatId, text: String) -> Self {
        Self {
            id,
            status: Status::Running,
            lease: None,
            queue: VecDeque::new(),
            predecessor: None,
            alive_at: None,
            history: vec![text],
            last_queued: 0,
            versions: Versions { snapshot: 1, history: 1, ..Versions::default() },
            previous_history: 0,
            failed: false,
            retry: false,
            kept: None,
        }
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

    pub(crate) fn is_runnable(&self, now: Timestamp) -> bool {
        let alive = self.lease.is_some() && self.alive_at.is_some_and(|at| at > now - STALE);
        matches!(self.status, Status::Running | Status::Interrupting) && !alive
    }

    pub(crate) fn send(&mut self, text: &str, interrupt: bool) -> Result<(), Refused> {
        match self.status {
            Status::Running | Status::Interrupting => {
                if self.queue.len() >= queue_limit() {
                    return Err(Refused::QueueFull);
                }
                self.begin();
                self.enqueue(text);
                if interrupt {
                    self.status = Status::Interrupting;
                }
            }
            _ => {
                self.begin();
                self.failed = false;
                self.status = Status::Running;
                if self.queue.is_empty() {
                    self.say(text);
                } else {
                    self.enqueue(text);
                    self.promote();
                }
                self.start_over();
            }
        }
        Ok(())
    }

    pub(crate) fn interrupt(&mut self) -> Result<(), Refused> {
        self.expect(Status::Running)?;
        self.begin();
        self.status = Status::Interrupting;
        Ok(())
    }

    pub(crate) fn acquire(&mut self, lease: Lease, now: Timestamp) {
        self.begin();
        self.predecessor = self.lease.map(|old| old.runner_id).or(self.predecessor);
        self.lease = Some(lease);
        self.alive_at = Some(now);
    }

    pub(crate) fn heartbeat(&mut self, now: Timestamp) {
        self.alive_at = Some(now);
    }

    pub(crate) fn abandon(&mut self, fence: Fence) -> Result<(), Refused> {
        self.held_by(fence)?;
        self.begin();
        self.release();
        Ok(())
    }

    pub(crate) fn attempt(&mut self, fence: Fence) -> Result<(), Refused> {
        self.work(fence, Status::Running)?;
        self.versions.generation_attempt += 1;
        self.clear_retry();
        Ok(())
    }

    pub(crate) fn pause(&mut self, fence: Fence) -> Result<(), Refused> {
        self.work(fence, Status::Running)?;
        self.retry = true;
        self.versions.retry_state = self.versions.snapshot;
        Ok(())
    }

    pub(crate) fn keep(&mut self, fence: Fence, text: &str) -> Result<(), Refused> {
        self.work(fence, Status::Running)?;
        self.kept = Some(text.to_owned());
        Ok(())
    }

    pub(crate) fn commit(&mut self, fence: Fence, texts: &[String]) -> Result<(), Refused> {
        self.work(fence, Status::Running)?;
        self.say_all(texts);
        self.start_over();
        Ok(())
    }

    pub(crate) fn finish(&mut self, fence: Fence) -> Result<(), Refused> {
        self.work(fence, Status::Running)?;
        self.next_turn_or_rest();
        Ok(())
    }

    pub(crate) fn fail(&mut self, fence: Fence, texts: &[String]) -> Result<(), Refused> {
        self.work(fence, Status::Running)?;
        self.say_all(texts);
        self.start_over();
        self.failed = true;
        self.status = Status::Error;
        self.release();
        Ok(())
    }

    pub(crate) fn stop(&mut self, fence: Fence, texts: &[String]) -> Result<(), Refused> {
        self.work(fence, Status::Interrupting)?;
        self.say_all(texts);
        self.next_turn_or_rest();
        Ok(())
    }

    /// Compares with what the store has.
    pub(crate) fn check(&self, stored: &Everything) {
        let chat = &stored.seen.chat;
        let seen: Vec<_> =
            stored.seen.messages.iter().map(|message| (message.id, text_of(&message.body.content))).collect();
        let history: Vec<_> = (1..).zip(self.history.iter().cloned()).collect();
        assert_eq!(seen, history, "the history, numbered without gaps");
        let queue: Vec<_> = stored.seen.queue.iter().flatten().map(|one| (one.id, text_of(&one.content))).collect();
        assert_eq!(queue, Vec::from(self.queue.clone()), "the queue");
        assert_eq!((chat.status, chat.lease, chat.versions), (self.status, self.lease, self.versions));
        assert_eq!(chat.last_error.is_some(), self.failed, "the error");
        assert_eq!(chat.last_error.is_some(), chat.status == Status::Error, "an error, and only then its words");
        let kept = stored.kept.as_ref().map(|kept| text_of(&kept.content));
        assert_eq!((chat.retry_state.is_some(), &kept), (self.retry, &self.kept), "the retry and the kept step");
        check_numbers(chat, seen.len(), queue.len(), self.last_queued);
    }

    fn work(&mut self, fence: Fence, status: Status) -> Result<(), Refused> {
        self.held_by(fence)?;
        if fence.history_version != self.versions.history {
            return Err(Refused::LeaseLost);
        }
        self.expect(status)?;
        self.begin();
        Ok(())
    }

    fn held_by(&self, fence: Fence) -> Result<(), Refused> {
        let held = self.lease.is_some_and(|lease| lease.runner_id == fence.runner_id);
        if held { Ok(()) } else { Err(Refused::LeaseLost) }
    }

    fn expect(&self, status: Status) -> Result<(), Refused> {
        if self.status == status { Ok(()) } else { Err(Refused::Rejected) }
    }

    fn begin(&mut self) {
        self.versions.snapshot += 1;
    }

    fn say(&mut self, text: &str) {
        self.history.push(text.to_owned());
        if self.versions.history != self.versions.snapshot {
            self.previous_history = self.versions.history;
            self.versions.history = self.versions.snapshot;
        }
    }

    fn say_all(&mut self, texts: &[String]) {
        for text in texts {
            self.say(text);
        }
    }

    fn enqueue(&mut self, text: &str) {
        self.last_queued += 1;
        self.queue.push_back((self.last_queued, text.to_owned()));
        self.versions.queue = self.versions.snapshot;
    }

    fn promote(&mut self) {
        if let Some((_, text)) = self.queue.pop_front() {
            self.say(&text);
            self.versions.queue = self.versions.snapshot;
        }
    }

    fn next_turn_or_rest(&mut self) {
        self.start_over();
        if self.queue.is_empty() {
            self.status = Status::Waiting;
            self.release();
        } else {
            self.promote();
            self.status = Status::Running;
        }
    }

    fn start_over(&mut self) {
        self.versions.generation_attempt = 0;
        self.kept = None;
        self.clear_retry();
    }

    fn clear_retry(&mut self) {
        if std::mem::take(&mut self.retry) {
            self.versions.retry_state = self.versions.snapshot;
        }
    }

    fn release(&mut self) {
        self.predecessor = self.lease.take().map(|lease| lease.runner_id).or(self.predecessor);
        self.alive_at = None;
    }
}

fn queue_limit() -> usize {
    usize::try_from(MAX_QUEUED).expect("a small number")
}

fn check_numbers(chat: &Chat, messages: usize, queued: usize, last_queued: u32) {
    let numbers = [chat.last_message_id, chat.queued_count].map(|number| usize::try_from(number).expect("small"));
    assert_eq!((numbers, chat.last_queued_id), ([messages, queued], last_queued), "the numbers on the row");
}
