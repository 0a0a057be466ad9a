//! The stored messages of a chat, and what always holds of them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::api::{Api, text};

/// Small, so that every history has several pages.
const PAGE_SIZE: usize = 3;

/// A whole history.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) messages: Vec<Value>,
}

impl History {
    /// Reads the history of a chat, page by page.
    ///
    /// # Panics
    /// A message is missing or doubled, or a tool call has not exactly one result.
    pub(crate) async fn read(api: &Api, chat: &str) -> Self {
        let messages = api.list(&format!("/api/v1/chats/{chat}/messages"), "messages", PAGE_SIZE).await;
        let history = Self { messages };
        history.check();
        history
    }

    /// The messages after the one with this number.
    pub(crate) fn after(&self, id: u64) -> &[Value] {
        let begin = usize::try_from(id).expect("a count");
        &self.messages[begin..]
    }

    /// The texts of all messages with a role, each message's as one.
    pub(crate) fn texts(&self, role: &str) -> Vec<String> {
        let of_role = self.messages.iter().filter(|message| message["role"] == role);
        let text_of = |message: &Value| parts(message).filter_map(|part| part["text"].as_str()).collect::<String>();
        of_role.map(text_of).filter(|text| !text.is_empty()).collect()
    }

    /// What the model thought before it answered.
    pub(crate) fn reasonings(&self) -> Vec<String> {
        self.bodies("reasoning").map(|reasoning| text(reasoning, "text")).collect()
    }

    /// The names of the tools that were called, in order.
    pub(crate) fn called(&self) -> Vec<String> {
        self.bodies("tool_call").map(|call| text(call, "name")).collect()
    }

    /// What the tools returned, in order.
    pub(crate) fn results(&self) -> Vec<Value> {
        let of = |result: &Value| serde_json::from_str(&text(result, "result")).expect("results are JSON");
        self.bodies("tool_result").map(of).collect()
    }

    fn check(&self) {
        let ids: Vec<u64> = self.messages.iter().map(|message| message["id"].as_u64().expect("a number")).collect();
        let dense: Vec<u64> = (1..=ids.len() as u64).collect();
        assert_eq!(ids, dense, "every message is there once, without a gap");

        // Whatever was called is answered before anyone else speaks.
        let mut open = BTreeSet::new();
        let mut seen = BTreeSet::new();
        for message in &self.messages {
            if message["role"] != "ROLE_TOOL" {
                assert!(open.is_empty(), "no results for {open:?} before {message}");
            }
            for part in parts(message) {
                if part["tool_call"].is_object() {
                    let call = text(&part["tool_call"], "call_id");
                    assert!(seen.insert(call.clone()), "a second call {call}");
                    open.insert(call);
                } else if part["tool_result"].is_object() {
                    let call = text(&part["tool_result"], "call_id");
                    assert!(open.remove(&call), "a result too many for {call}");
                }
            }
        }
        assert!(open.is_empty(), "no results for {open:?}");
    }

    fn bodies<'a>(&'a self, field: &'a str) -> impl Iterator<Item = &'a Value> {
        self.messages.iter().flat_map(parts).map(move |part| &part[field]).filter(|body| body.is_object())
    }
}

fn parts(message: &Value) -> impl Iterator<Item = &Value> {
    message["content"].as_array().into_iter().flatten()
}
