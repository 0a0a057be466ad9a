//! What clients do.

use chatmesh_chat::machine::{Operation, State, Status};
use chatmesh_chat::{ClientResult, NewMessage, Visibility};
use chatmesh_core::Timestamp;
use chatmesh_proto::common::v1::Role;

use super::Model;
use crate::content::text_of;
use crate::refusal::Why;

/// How many messages may wait.
const QUEUE_LIMIT: usize = 20;

impl Model {
    pub(crate) fn send(&mut self, message: &NewMessage, interrupt: bool) -> Result<(), Why> {
        use State::{A0, A1, E0, E1, I0, I1, R0, R1, W};
        self.check(if interrupt { Operation::SendMessageInterrupting } else { Operation::SendMessage })?;
        let (from, text) = (self.state(), text_of(&message.content));
        if !matches!(from, W | E0 | E1) && self.queue.len() >= QUEUE_LIMIT {
            return Err(Why::QueueFull);
        }
        self.begin();
        match from {
            W | E0 => {
                self.answer_open_calls();
                self.say(message);
                self.run();
            }
            E1 => {
                self.enqueue(&text);
                self.answer_open_calls();
                self.promote_head();
                self.run();
            }
            A0 | A1 if interrupt => {
                self.answer_open_calls();
                self.enqueue(&text);
                self.run();
            }
            R0 | R1 | I0 | I1 if interrupt => {
                self.enqueue(&text);
                self.status = Status::Interrupting;
            }
            _ => self.enqueue(&text),
        }
        Ok(())
    }

    pub(crate) fn edit(&mut self, target: u32, message: &NewMessage) -> Result<(), Why> {
        self.check(Operation::EditMessage)?;
        let people_see = |line: &&crate::line::Line| !line.deleted && line.shown_to != Visibility::Model;
        let found = self.lines.iter().filter(people_see).find(|line| line.id == target);
        match found.map(|line| line.role) {
            None => return Err(Why::MessageNotFound),
            Some(Role::User) => {}
            Some(_) => return Err(Why::NotOfUser),
        }
        self.begin();
        self.history_changes();
        let revision = self.versions.snapshot;
        for line in self.lines.iter_mut().filter(|line| line.id >= target && !line.deleted) {
            (line.deleted, line.revision) = (true, revision);
        }
        self.answer_open_calls();
        self.say(message);
        if !self.queue.is_empty() {
            self.queue.clear();
            self.queue_changes();
        }
        self.wants_summary = false;
        self.release();
        self.run();
        Ok(())
    }

    pub(crate) fn delete_queued(&mut self, id: u32) -> Result<(), Why> {
        self.check(Operation::DeleteQueuedMessage)?;
        let at = self.queue.iter().position(|(queued, _)| *queued == id).ok_or(Why::QueuedNotFound)?;
        self.begin();
        self.queue.remove(at);
        self.queue_changes();
        Ok(())
    }

    pub(crate) fn promote(&mut self, id: u32) -> Result<(), Why> {
        self.check(Operation::PromoteQueuedMessage)?;
        let from = self.state();
        let at = self.queue.iter().position(|(queued, _)| *queued == id).ok_or(Why::QueuedNotFound)?;
        self.begin();
        let promoted = self.queue.remove(at).expect("found");
        self.queue.push_front(promoted);
        self.queue_changes();
        if matches!(from, State::R1 | State::I1) {
            self.status = Status::Interrupting;
        } else {
            self.answer_open_calls();
            self.promote_head();
            self.run();
        }
        Ok(())
    }

    pub(crate) fn interrupt(&mut self) -> Result<(), Why> {
        self.check(Operation::Interrupt)?;
        self.begin();
        if self.status == Status::Running {
            self.status = Status::Interrupting;
        } else {
            self.answer_open_calls();
            self.run();
        }
        Ok(())
    }

    pub(crate) fn submit(&mut self, results: &[ClientResult], rows: &[NewMessage]) -> Result<(), Why> {
        self.check(Operation::CompleteRequiresAction)?;
        let given: Vec<&str> = results.iter().map(|result| result.call_id.as_str()).collect();
        let mut open = self.open_calls();
        let same_number = open.len() == given.len();
        open.retain(|call| !given.contains(&call.as_str()));
        if !same_number || !open.is_empty() {
            return Err(Why::WrongCalls);
        }
        self.begin();
        self.say_all(rows);
        self.run();
        Ok(())
    }

    /// Does nothing before the deadline.
    pub(crate) fn cancel(&mut self, now: Timestamp) -> Result<(), Why> {
        if self.deadline.is_some_and(|deadline| deadline > now) {
            return Ok(());
        }
        self.check(Operation::CancelRequiresAction)?;
        self.begin();
        self.answer_open_calls();
        self.run();
        Ok(())
    }

    pub(crate) fn ask_for_summary(&mut self) -> Result<(), Why> {
        self.check(Operation::RequestCompaction)?;
        self.something_was_said()?;
        self.begin();
        self.run();
        self.wants_summary = true;
        Ok(())
    }

    pub(crate) fn clear(&mut self, marker: &[NewMessage]) -> Result<(), Why> {
        self.check(Operation::ClearContext)?;
        self.something_was_said()?;
        self.begin();
        self.say_all(marker);
        self.status = Status::Waiting;
        Ok(())
    }

    pub(crate) fn reconcile(&mut self) -> Result<(), Why> {
        self.check(Operation::ReconcileInvalidState)?;
        self.begin();
        self.archived = false;
        self.answer_open_calls();
        self.start_over();
        self.release();
        (self.status, self.deadline, self.wants_summary) = (Status::Error, None, false);
        Ok(())
    }

    /// Returns whether that is news.
    pub(crate) fn mark_read(&mut self) -> bool {
        let is_news = self.last_answer() > self.read;
        self.read = self.read.max(self.last_answer());
        is_news
    }

    fn something_was_said(&self) -> Result<(), Why> {
        let live = || self.lines.iter().filter(|line| !line.deleted);
        let boundary = live().filter(|line| line.compressed).map(|line| line.id).max().unwrap_or(0);
        let said = live().any(|line| line.id > boundary && line.role == Role::Assistant && !line.compressed);
        if said { Ok(()) } else { Err(Why::NothingSaid) }
    }

    /// A turn begins or goes on without the client.
    fn run(&mut self) {
        self.start_over();
        (self.status, self.deadline) = (Status::Running, None);
    }
}
