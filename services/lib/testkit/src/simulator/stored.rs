//! The answers that OpenAI Responses keeps, so that a request can continue one.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;

use super::refusal::Refusal;

/// How many answers are kept; the oldest go first.
const LIMIT: usize = 1000;

/// The kept answers by their identifiers: everything that was said until then.
#[derive(Debug, Default)]
pub(super) struct Stored {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    by_id: HashMap<String, Arc<Vec<Value>>>,
    order: VecDeque<String>,
}

impl Stored {
    /// Keeps a conversation with its answer.
    pub(super) fn keep(&self, id: String, items: Vec<Value>) {
        let mut inner = self.inner.lock();
        inner.order.push_back(id.clone());
        inner.by_id.insert(id, Arc::new(items));
        if inner.order.len() > LIMIT
            && let Some(oldest) = inner.order.pop_front()
        {
            inner.by_id.remove(&oldest);
        }
    }

    /// Forgets all of them.
    pub(super) fn forget(&self) {
        *self.inner.lock() = Inner::default();
    }

    /// Whether an item of this name is in one of them.
    pub(super) fn has_item(&self, id: &str) -> bool {
        let inner = self.inner.lock();
        inner.by_id.values().any(|items| items.iter().any(|item| item["id"] == id))
    }

    /// What a request continues; empty where it continues nothing.
    pub(super) fn before(&self, body: &Value) -> Result<Arc<Vec<Value>>, Refusal> {
        let Some(id) = body["previous_response_id"].as_str() else { return Ok(Arc::default()) };
        let found = self.inner.lock().by_id.get(id).cloned();
        found.ok_or_else(|| {
            let refusal = Refusal::invalid(format!("Previous response with id '{id}' not found."));
            refusal.with_param("previous_response_id").with_code("previous_response_not_found")
        })
    }
}

/// The items of a request's input, whose short form is a text of the user's.
pub(super) fn input_items(input: &Value) -> Vec<Value> {
    match input {
        Value::Array(items) => items.clone(),
        Value::String(text) => vec![serde_json::json!({"role": "user", "content": text})],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_oldest_answers_are_forgotten_first() {
        let stored = Stored::default();
        for number in 0..=LIMIT {
            stored.keep(format!("resp_{number}"), vec![json!({"id": format!("msg_{number}")})]);
        }
        let before = |id: &str| stored.before(&json!({"previous_response_id": id}));
        assert_eq!(before("resp_0").unwrap_err().code, Some("previous_response_not_found"));
        assert_eq!(*before("resp_1").unwrap(), [json!({"id": "msg_1"})]);
        assert!(stored.has_item("msg_1") && !stored.has_item("msg_0"));
        assert!(stored.before(&json!({})).unwrap().is_empty());
        stored.forget();
        assert!(before("resp_1").is_err());
    }
}
