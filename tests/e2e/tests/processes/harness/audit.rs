//! What must be true of chats after whatever happened to those who ran them.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::stored::{Chat, Message, Stored};

/// One message of the user, and what must have come of it.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    pub(crate) said: String,
    /// How many tools were called, one after the other.
    pub(crate) calls: usize,
    /// What the model says last.
    pub(crate) answer: String,
}

/// Counts of what was found, and everything that is wrong with it.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    counts: BTreeMap<&'static str, usize>,
    faults: Vec<String>,
}

impl Audit {
    /// Compares all chats with what each of them was asked.
    pub(crate) fn chats(&mut self, stored: &Stored, asked: &BTreeMap<String, Vec<Turn>>) {
        let (found, expected): (Vec<_>, Vec<_>) = (stored.chats.keys().collect(), asked.keys().collect());
        self.check(found == expected, || format!("chats: created {expected:?}, stored {found:?}"));
        for (id, turns) in asked {
            if let Some(chat) = stored.chats.get(id) {
                self.chat(chat, turns);
            }
        }
        let left = &stored.leftovers;
        let nothing = (left.queued, left.steps, left.heartbeats) == (0, 0, 0);
        self.check(nothing, || format!("something is left: {left:?}"));
    }

    /// Compares a file with the lines that its chat's turns should have written, one per call.
    pub(crate) fn lines(&mut self, file: &Path, expected: &[String]) {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        self.count("side effects", lines.len());
        for line in expected {
            let times = lines.iter().filter(|found| *found == line).count();
            self.check(times == 1, || format!("{}: `{line}` was done {times} times", file.display()));
        }
        self.check(lines == *expected, || format!("{}: not in order: {lines:?}", file.display()));
    }

    /// Shows the counts.
    ///
    /// # Panics
    /// Something is wrong.
    pub(crate) fn finish(self) {
        let counts: Vec<String> = self.counts.iter().map(|(what, count)| format!("{what}: {count}")).collect();
        println!("  stored: {}", counts.join(", "));
        assert!(self.faults.is_empty(), "{} faults:\n{}", self.faults.len(), self.faults.join("\n"));
        println!("  nothing lost, nothing doubled, nothing out of order, nothing left");
    }

    fn chat(&mut self, chat: &Chat, turns: &[Turn]) {
        let id = chat.id;
        self.count("chats", 1);
        self.check(chat.status == "waiting", || format!("{id} is {}", chat.status));
        self.check(chat.queued == 0, || format!("{id}: {} messages wait", chat.queued));
        let leased = chat.worker.is_some() || chat.runner.is_some();
        self.check(!leased, || format!("{id} is leased to {:?}", chat.worker));
        let numbers: Vec<i64> = chat.messages.iter().map(|message| message.id).collect();
        let dense: Vec<i64> = (1..=chat.last_message).collect();
        self.check(numbers == dense, || format!("{id}: messages are numbered {numbers:?} of {}", chat.last_message));
        self.count("messages", numbers.len());

        let users: Vec<usize> = (0..chat.messages.len()).filter(|at| chat.messages[*at].role == "user").collect();
        let said: Vec<String> = users.iter().map(|at| chat.messages[*at].text()).collect();
        let expected: Vec<&String> = turns.iter().map(|turn| &turn.said).collect();
        self.count("user messages", said.len());
        self.check(said.iter().eq(expected.iter().copied()), || format!("{id}: said {expected:?}, stored {said:?}"));
        let ends = users.iter().skip(1).copied().chain([chat.messages.len()]);
        for ((begin, end), turn) in users.iter().zip(ends).zip(turns) {
            self.turn(&format!("{id}, {}", turn.said), &chat.messages[begin + 1..end], turn);
        }
    }

    /// Compares what came after a message of the user: calls, each with its result, and an answer.
    fn turn(&mut self, name: &str, messages: &[Message], turn: &Turn) {
        let roles: Vec<&str> = messages.iter().map(|message| message.role.as_str()).collect();
        let pairs = ["assistant", "tool"].into_iter().cycle().take(2 * turn.calls);
        let expected: Vec<&str> = pairs.chain(["assistant"]).collect();
        self.check(roles == expected, || format!("{name}: {} messages after it: {roles:?}", roles.len()));
        for pair in messages.windows(2).filter(|pair| !pair[0].calls().is_empty()) {
            self.pair(name, pair);
        }
        let answer = messages.last().map(Message::text).unwrap_or_default();
        self.count("answers", usize::from(!answer.is_empty()));
        self.check(answer == turn.answer, || format!("{name}: the answer is `{answer}`, not `{}`", turn.answer));
    }

    fn pair(&mut self, name: &str, pair: &[Message]) {
        let called: Vec<&str> = pair[0].calls().into_iter().map(|call| call.call_id.as_str()).collect();
        let results = pair[1].results();
        let answered: Vec<&str> = results.iter().map(|result| result.call_id.as_str()).collect();
        self.count("tool calls", called.len());
        self.count("tool results", answered.len());
        self.check(called == answered, || format!("{name}: called {called:?}, results {answered:?}"));
        for result in results {
            let value: Value = serde_json::from_str(&result.result).unwrap_or_default();
            let good = !result.is_error && value["exit_code"] == 0;
            self.check(good, || format!("{name}: a tool failed: {}", result.result));
        }
    }

    fn count(&mut self, what: &'static str, more: usize) {
        *self.counts.entry(what).or_default() += more;
    }

    fn check(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.faults.push(otherwise());
        }
    }
}
