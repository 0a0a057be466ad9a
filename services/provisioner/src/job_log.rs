//! The log of a build: what is said while it is carried out, on its way to those who watch it.
//!
//! Saying something never waits and never fails: lines are kept in a bounded buffer until they are sent. Where more
//! come than fit, the newest are left out, and the log says how many.

mod line;
mod sender;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

use chatmesh_core::{Clock, SecretString};
use chatmesh_proto::agent::v1::LogLevel;
use chatmesh_proto::provisioner::v1 as pb;
use parking_lot::Mutex;
use tokio::sync::Notify;

use line::Line;
pub(crate) use sender::{LogSender, Sent};

/// The most lines that wait for being sent.
const MAX_WAITING: usize = 2000;
/// The most lines of one call.
const MAX_BATCH: usize = 1000;
/// About how much text goes into one call, in bytes: a message has a bound of its own.
const MAX_BATCH_BYTES: usize = 1024 * 1024;

/// Takes lines; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct JobLog {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    clock: Arc<dyn Clock>,
    /// What no line may hold.
    secrets: Vec<SecretString>,
    waiting: Mutex<Waiting>,
    came: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: VecDeque<Line>,
    /// Nobody takes lines any more.
    is_closed: bool,
}

impl JobLog {
    /// An empty log. `secrets` are left out wherever they come up in a line.
    pub(crate) fn new(clock: Arc<dyn Clock>, secrets: Vec<SecretString>) -> Self {
        let shared = Shared { clock, secrets, waiting: Mutex::default(), came: Notify::new() };
        Self { shared: Arc::new(shared) }
    }

    /// Says what is done, or was seen. Each line of `text` is one of the log.
    pub(crate) fn info(&self, stage: &'static str, text: impl AsRef<str>) {
        self.say(LogLevel::Info, stage, text.as_ref());
    }

    /// Says what went wrong.
    pub(crate) fn error(&self, stage: &'static str, text: impl AsRef<str>) {
        self.say(LogLevel::Error, stage, text.as_ref());
    }

    /// The text without secrets, for what is said elsewhere.
    pub(crate) fn redacted(&self, text: &str) -> String {
        line::redacted(text, &self.shared.secrets).into_owned()
    }

    fn say(&self, level: LogLevel, stage: &'static str, text: &str) {
        let text = line::redacted(text, &self.shared.secrets);
        let time = self.shared.clock.now();
        let mut waiting = self.shared.waiting.lock();
        if waiting.is_closed {
            return;
        }
        for text in text.lines() {
            waiting.push(Line::new(time, level, stage, text));
        }
        drop(waiting);
        self.shared.came.notify_one();
    }

    /// Waits until there may be lines.
    async fn came(&self) {
        self.shared.came.notified().await;
    }

    /// Takes the lines of one call, numbered from `next` on.
    fn take(&self, next: u64) -> Vec<pb::JobLogLine> {
        let mut waiting = self.shared.waiting.lock();
        let (mut batch, mut bytes) = (Vec::new(), 0);
        // A line may bring another one with it, which says what came after it and was lost.
        while batch.len() + 2 <= MAX_BATCH && bytes < MAX_BATCH_BYTES {
            let Some(line) = waiting.lines.pop_front() else { break };
            bytes += line.len();
            line.number(next, &mut batch);
        }
        batch
    }

    /// What was said and was not taken yet.
    #[cfg(test)]
    pub(crate) fn texts_for_test(&self) -> Vec<String> {
        self.shared.waiting.lock().lines.iter().map(|line| line.text().to_owned()).collect()
    }

    /// Drops what waits and whatever comes.
    fn close(&self) {
        *self.shared.waiting.lock() = Waiting { is_closed: true, ..Waiting::default() };
    }
}

impl Waiting {
    fn push(&mut self, line: Line) {
        if self.lines.len() < MAX_WAITING {
            self.lines.push_back(line);
        } else if let Some(last) = self.lines.back_mut() {
            last.lost_after += 1;
        }
    }
}
