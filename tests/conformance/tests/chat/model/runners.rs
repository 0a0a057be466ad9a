//! What runners do.

use std::time::Duration;

use chatmesh_chat::machine::{Operation, Status};
use chatmesh_chat::{Fence, Lease, NewMessage};
use chatmesh_core::Timestamp;

use super::Model;
use crate::content::text_of;
use crate::refusal::Why;

impl Model {
    pub(crate) fn is_alive(&self, now: Timestamp, stale_after: Duration) -> bool {
        self.lease.is_some() && self.alive_at.is_some_and(|at| at > now - stale_after)
    }

    pub(crate) fn is_runnable(&self, now: Timestamp, stale_after: Duration) -> bool {
        self.allows(Operation::Acquire) && !self.is_alive(now, stale_after)
    }

    pub(crate) fn acquire(&mut self, lease: Lease, now: Timestamp, stale_after: Duration) -> Result<(), Why> {
        if self.is_alive(now, stale_after) {
            return Err(Why::LeaseLost);
        }
        self.check(Operation::Acquire)?;
        self.begin();
        self.release();
        self.lease = Some(lease);
        self.alive_at = Some(now);
        Ok(())
    }

    pub(crate) fn heartbeat(&mut self, now: Timestamp) {
        self.alive_at = Some(now);
    }

    pub(crate) fn abandon(&mut self, fence: Fence) -> Result<(), Why> {
        self.held_by(fence)?;
        self.check(Operation::Abandon)?;
        self.begin();
        self.release();
        Ok(())
    }

    /// Whatever a runner does under a fence; `messages` is what it commits or keeps.
    pub(crate) fn work(
        &mut self,
        operation: Operation,
        fence: Fence,
        messages: &[NewMessage],
        deadline: Timestamp,
    ) -> Result<(), Why> {
        self.held_by(fence)?;
        if fence.history_version != self.versions.history {
            return Err(Why::LeaseLost);
        }
        self.check(operation)?;
        self.begin();
        match operation {
            Operation::RecordGenerationAttempt => {
                self.versions.generation_attempt += 1;
                self.clear_pause();
            }
            Operation::RecordRetryState => {
                self.pauses = true;
                self.versions.retry_state = self.versions.snapshot;
            }
            Operation::RecordStep => self.kept = Some(text_of(&messages[0].content)),
            Operation::CommitStep => self.commit(messages),
            Operation::CommitCompaction => {
                self.commit(messages);
                self.wants_summary = false;
            }
            Operation::EnterRequiresAction => {
                self.commit(messages);
                (self.status, self.deadline) = (Status::RequiresAction, Some(deadline));
                self.release();
            }
            Operation::FinishTurn => self.next_turn_or_rest(),
            Operation::FinishError => {
                self.commit(messages);
                self.answer_open_calls();
                (self.status, self.wants_summary) = (Status::Error, false);
                self.release();
            }
            _ => {
                self.say_all(messages);
                self.answer_open_calls();
                self.next_turn_or_rest();
            }
        }
        Ok(())
    }

    fn commit(&mut self, messages: &[NewMessage]) {
        self.say_all(messages);
        self.start_over();
    }

    /// The head of the queue begins the next turn under the same lease.
    fn next_turn_or_rest(&mut self) {
        self.start_over();
        self.wants_summary = false;
        if self.queue.is_empty() {
            self.status = Status::Waiting;
            self.release();
        } else {
            self.promote_head();
            self.status = Status::Running;
        }
    }

    fn held_by(&self, fence: Fence) -> Result<(), Why> {
        let held = self.lease.is_some_and(|lease| lease.runner_id == fence.runner_id);
        if held { Ok(()) } else { Err(Why::LeaseLost) }
    }
}
