//! `reasoning_details`: reasoning in pieces with signatures and hidden content, which return to
//! the provider as a whole.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// The pieces, put together.
#[derive(Debug, Default)]
pub(in crate::codec::openai_chat) struct Details {
    entries: Vec<Map<String, Value>>,
}

impl Details {
    /// Takes a list of entries. Those of a type and index that is known go on with what is known.
    pub(in crate::codec::openai_chat) fn merge(&mut self, raw: &RawValue) {
        let entries: Vec<Map<String, Value>> = serde_json::from_str(raw.get()).unwrap_or_default();
        for entry in entries {
            match self.entries.iter_mut().rev().find(|known| continues(known, &entry)) {
                Some(known) => extend(known, entry),
                None => self.entries.push(entry),
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether there is something in it that the readable text does not say.
    pub(super) fn has_secrets(&self) -> bool {
        self.entries.iter().any(|entry| is_set(entry, "signature") || is_set(entry, "data"))
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(&self.entries).unwrap_or_default()
    }

    pub(in crate::codec::openai_chat) fn into_entries(self) -> Vec<Map<String, Value>> {
        self.entries
    }
}

/// The readable text of a list of entries.
pub(super) fn text_of(raw: &RawValue) -> String {
    let entries: Vec<Map<String, Value>> = serde_json::from_str(raw.get()).unwrap_or_default();
    let texts = entries.iter().flat_map(|entry| [entry.get("text"), entry.get("summary")]);
    texts.flatten().filter_map(Value::as_str).collect()
}

fn is_set(entry: &Map<String, Value>, key: &str) -> bool {
    entry.get(key).and_then(Value::as_str).is_some_and(|value| !value.is_empty())
}

fn continues(known: &Map<String, Value>, entry: &Map<String, Value>) -> bool {
    let is_same = |key: &str| known.get(key) == entry.get(key);
    // Without an index, a signature ends a piece.
    let is_open = entry.get("index").is_some_and(Value::is_number) || !is_set(known, "signature");
    let is_other = is_set(known, "id") && is_set(entry, "id") && !is_same("id");
    is_same("type") && is_same("index") && is_open && !is_other && !is_set(known, "data")
}

fn extend(known: &mut Map<String, Value>, entry: Map<String, Value>) {
    for (key, value) in entry {
        match (known.get_mut(&key), &value) {
            (Some(Value::String(text)), Value::String(more)) if matches!(key.as_str(), "text" | "summary") => {
                text.push_str(more);
            }
            (Some(_), Value::Null) => {}
            (Some(Value::String(text)), Value::String(more)) if !text.is_empty() && more.is_empty() => {}
            _ => {
                known.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(lists: &[Value]) -> Value {
        let mut details = Details::default();
        for list in lists {
            details.merge(&RawValue::from_string(list.to_string()).unwrap());
        }
        serde_json::from_slice(&details.to_json()).unwrap()
    }

    #[test]
    fn pieces_of_an_index_become_one_and_a_late_signature_finds_them() {
        let merged = merged(&[
            json!([{"type": "reasoning.text", "text": "a", "index": 0, "format": "anthropic-claude-v1"}]),
            json!([{"type": "reasoning.text", "text": "b", "index": 0, "signature": null}]),
            json!([{"type": "reasoning.encrypted", "data": "x", "index": 0}]),
            json!([{"type": "reasoning.text", "signature": "s", "index": 0}]),
        ]);
        assert_eq!(
            merged,
            json!([
                {"type": "reasoning.text", "text": "ab", "index": 0, "format": "anthropic-claude-v1", "signature": "s"},
                {"type": "reasoning.encrypted", "data": "x", "index": 0},
            ])
        );
    }

    #[test]
    fn entries_without_an_index_go_on_until_they_are_signed() {
        let merged = merged(&[
            json!([{"type": "reasoning.text", "text": "a"}]),
            json!([{"type": "reasoning.text", "text": "b", "signature": "s"}]),
            json!([{"type": "reasoning.text", "text": "c"}]),
        ]);
        assert_eq!(
            merged,
            json!([
                {"type": "reasoning.text", "text": "ab", "signature": "s"},
                {"type": "reasoning.text", "text": "c"},
            ])
        );
    }
}
