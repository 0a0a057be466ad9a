//! Server-sent events of a chat, and what a client makes of them.

use std::collections::{BTreeMap, VecDeque};

use chatmesh_llm::sse::{Item, Parser};
use reqwest::Response;
use serde_json::Value;

use crate::PATIENCE;

/// An open stream of a chat.
#[derive(Debug)]
pub struct Events {
    response: Response,
    parser: Parser,
    ready: VecDeque<Value>,
}

impl Events {
    pub(crate) fn new(response: Response, parser: Parser) -> Self {
        Self { response, parser, ready: VecDeque::new() }
    }

    /// The next event; `None` at the end of the stream.
    ///
    /// # Panics
    /// Nothing comes in time, or it is no event.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await.expect("an event in time");
            let chunk = chunk.expect("the stream holds")?;
            let ready = &mut self.ready;
            let parsed = self.parser.push(&chunk, |item| {
                if let Item::Event { data, .. } = item {
                    ready.push_back(serde_json::from_str(data).expect("JSON"));
                }
            });
            parsed.expect("server-sent events");
        }
    }

    /// Reads until an event for which `last` holds, and returns all of them.
    ///
    /// # Panics
    /// The stream ends before.
    pub async fn until(&mut self, last: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            let event = self.next().await.expect("the stream goes on");
            let found = last(&event);
            events.push(event);
            if found {
                return events;
            }
        }
    }

    /// Reads until the turn has ended, well or not.
    pub async fn until_idle(&mut self) -> Vec<Value> {
        self.until(|event| {
            matches!(event["status"]["status"].as_str(), Some("CHAT_STATUS_WAITING" | "CHAT_STATUS_ERROR"))
        })
        .await
    }
}

/// What a client shows: committed messages, and the live parts after them. It keeps to the
/// contract and knows nothing else of the mesh.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transcript {
    messages: BTreeMap<u64, Value>,
    live: Vec<(u64, u64, u64)>,
    status: String,
}

impl Transcript {
    /// Takes an event in.
    ///
    /// # Panics
    /// A live part is out of order: a client would show nonsense.
    pub fn apply(&mut self, event: &Value) {
        if let Some(message) = event.get("message") {
            self.messages.insert(message["id"].as_u64().expect("an id"), message.clone());
            self.live.clear();
        } else if let Some(part) = event.get("message_part") {
            let number = |field: &str| part[field].as_u64().unwrap_or_default();
            let (history, attempt, seq) = (number("history_version"), number("generation_attempt"), number("seq"));
            let expected = match self.live.last() {
                Some(last) if (last.0, last.1) == (history, attempt) => last.2 + 1,
                _ => 1,
            };
            assert_eq!(seq, expected, "a live part is missing or doubled: {part}");
            self.live.push((history, attempt, seq));
        } else if let Some(status) = event.get("status") {
            status["status"].as_str().unwrap_or_default().clone_into(&mut self.status);
        } else if event.get("retry").is_some() || event.get("preview_reset").is_some() {
            self.live.clear();
        } else if event.get("history_reset").is_some() {
            self.messages.clear();
            self.live.clear();
        }
    }

    /// The highest message that is held without a gap: where to come back.
    #[must_use]
    pub fn seen(&self) -> u64 {
        (1..).take_while(|id| self.messages.contains_key(id)).last().unwrap_or_default()
    }

    /// Forgets live parts, as a client does when its stream broke.
    pub fn reconnect(&mut self) {
        self.live.clear();
    }

    /// The committed messages, in order.
    #[must_use]
    pub fn messages(&self) -> Vec<Value> {
        self.messages.values().cloned().collect()
    }

    /// True when the last status said that no turn runs.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        matches!(self.status.as_str(), "CHAT_STATUS_WAITING" | "CHAT_STATUS_ERROR")
    }
}
