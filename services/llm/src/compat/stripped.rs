//! Takes out of a request what only we can read, before it goes to a provider as the client wrote
//! it.
//!
//! A client may go on with another model in the middle of a conversation. What the first one's
//! provider wanted back rides in fields that the second one's provider checks: signatures that are
//! none, reasoning that it does not have. Everything else stays as it is, byte for byte.

use std::ops::Range;

use bytes::Bytes;
use memchr::memmem;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::Dialect;
use super::carried::MARK;
use super::responses::OWN;

/// What stands for a message of which nothing is left.
const NOTHING: &str = r#"{"type":"text","text":"(nothing)"}"#;

#[derive(Deserialize)]
struct Messages<'a> {
    #[serde(borrow)]
    messages: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning_details: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Input<'a> {
    #[serde(borrow)]
    input: &'a RawValue,
}

/// A place in the body, and what comes there.
type Edit = (Range<usize>, String);

impl Dialect {
    /// The body without what only we can read; the same where there is none of it.
    #[must_use]
    pub fn without_carried(self, body: Bytes) -> Bytes {
        let marks: &[&str] = if self == Self::Responses { &[MARK, OWN] } else { &[MARK] };
        if !marks.iter().any(|mark| memmem::find(&body, mark.as_bytes()).is_some()) {
            return body;
        }
        let Ok(text) = std::str::from_utf8(&body) else { return body };
        let edits = match self {
            Self::Messages => of_messages(text, content),
            Self::ChatCompletions => of_messages(text, details),
            Self::Responses => of_input(text),
        };
        match edits {
            Some(edits) if !edits.is_empty() => apply(text, edits),
            _ => body,
        }
    }
}

fn apply(text: &str, edits: Vec<Edit>) -> Bytes {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (at, instead) in edits {
        out.push_str(&text[from..at.start]);
        out.push_str(&instead);
        from = at.end;
    }
    out.push_str(&text[from..]);
    Bytes::from(out)
}

/// One edit at most for each message, in their order.
fn of_messages(text: &str, edit: impl Fn(&str, &Message<'_>) -> Option<Edit>) -> Option<Vec<Edit>> {
    let body: Messages<'_> = serde_json::from_str(text).ok()?;
    let edits = body.messages.iter().filter_map(|raw| edit(text, &serde_json::from_str(raw.get()).ok()?));
    Some(edits.collect())
}

/// The content of a message of Messages: thoughts that others signed, and searches that others made.
fn content(text: &str, message: &Message<'_>) -> Option<Edit> {
    let list = message.content?;
    let raw: Vec<&RawValue> = serde_json::from_str(list.get()).ok()?;
    let blocks: Vec<Value> = raw.iter().map(|raw| serde_json::from_str(raw.get()).unwrap_or_default()).collect();
    let foreign: Vec<&Value> =
        blocks.iter().filter(|block| is_foreign_search(block)).map(|block| &block["tool_use_id"]).collect();
    let is_ours = |block: &Value| match block["type"].as_str().unwrap_or_default() {
        "thinking" => is_carried(&block["signature"]),
        "redacted_thinking" => is_carried(&block["data"]),
        "server_tool_use" => foreign.contains(&&block["id"]),
        "web_search_tool_result" => is_foreign_search(block),
        _ => false,
    };
    let kept: Vec<&str> =
        raw.iter().zip(&blocks).filter(|(_, block)| !is_ours(block)).map(|(raw, _)| raw.get()).collect();
    let instead = if kept.is_empty() { NOTHING.to_owned() } else { kept.join(",") };
    (kept.len() < raw.len()).then(|| (range_of(text, list), format!("[{instead}]")))
}

/// The details of the reasoning in a message of Chat Completions.
fn details(text: &str, message: &Message<'_>) -> Option<Edit> {
    let list = message.reasoning_details?;
    let raw: Vec<&RawValue> = serde_json::from_str(list.get()).ok()?;
    let is_ours =
        |raw: &&&RawValue| serde_json::from_str::<Value>(raw.get()).is_ok_and(|detail| is_carried(&detail["data"]));
    let kept: Vec<&str> = raw.iter().filter(|raw| !is_ours(raw)).map(|raw| raw.get()).collect();
    (kept.len() < raw.len()).then(|| (range_of(text, list), format!("[{}]", kept.join(","))))
}

/// The items of Responses: reasoning that its provider does not have goes, other items lose the names
/// that we gave them.
fn of_input(text: &str) -> Option<Vec<Edit>> {
    let body: Input<'_> = serde_json::from_str(text).ok()?;
    let raw: Vec<&RawValue> = serde_json::from_str(body.input.get()).ok()?;
    let kept: Vec<String> = raw.iter().filter_map(|raw| item(raw.get())).collect();
    Some(vec![(range_of(text, body.input), format!("[{}]", kept.join(",")))])
}

fn item(raw: &str) -> Option<String> {
    let Ok(mut item) = serde_json::from_str::<Value>(raw) else { return Some(raw.to_owned()) };
    let is_named_by_us = item["id"].as_str().is_some_and(|id| id.contains(OWN));
    if item["type"] == "reasoning" && (is_named_by_us || is_carried(&item["encrypted_content"])) {
        return None;
    }
    match item.as_object_mut().filter(|_| is_named_by_us) {
        None => Some(raw.to_owned()),
        Some(fields) => {
            fields.remove("id");
            Some(item.to_string())
        }
    }
}

fn is_carried(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.starts_with(MARK))
}

/// Pages that Anthropic did not find have nothing that it could read again.
fn is_foreign_search(block: &Value) -> bool {
    let pages = block["content"].as_array();
    block["type"] == "web_search_tool_result"
        && pages.is_some_and(|pages| pages.iter().any(|page| page["encrypted_content"] == ""))
}

/// Where a value that was borrowed from `text` stands in it.
fn range_of(text: &str, value: &RawValue) -> Range<usize> {
    let start = value.get().as_ptr().addr() - text.as_ptr().addr();
    start..start + value.get().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(dialect: Dialect, body: &str) -> String {
        let stripped = dialect.without_carried(Bytes::copy_from_slice(body.as_bytes()));
        String::from_utf8(stripped.to_vec()).unwrap()
    }

    #[test]
    fn thoughts_that_others_signed_do_not_reach_anthropic() {
        let body = r#"{"x": 1.10,"messages": [ {"role":"user","content":"hi"}, {"role":"assistant","content":[
            {"type":"thinking","thinking":"a","signature":"chatmesh1.e30"}, {"type":"redacted_thinking","data":"chatmesh1.e30"},
            {"type":"thinking","thinking":"b","signature":"own"},{"type":"text","text":"chatmesh1."}]},
            {"role":"assistant","content":[{"type":"thinking","thinking":"c","signature":"chatmesh1.e30"}]}]}"#;
        let expected = r#"{"x": 1.10,"messages": [ {"role":"user","content":"hi"}, {"role":"assistant","content":[{"type":"thinking","thinking":"b","signature":"own"},{"type":"text","text":"chatmesh1."}]},
            {"role":"assistant","content":[{"type":"text","text":"(nothing)"}]}]}"#;
        assert_eq!(stripped(Dialect::Messages, body), expected);
    }

    #[test]
    fn searches_that_others_made_do_not_reach_anthropic() {
        let body = r#"{"messages":[{"role":"assistant","content":[{"type":"server_tool_use","id":"a","name":"web_search","input":{}},{"type":"web_search_tool_result","tool_use_id":"a","content":[{"type":"web_search_result","url":"u","title":"t","encrypted_content":""}]},{"type":"redacted_thinking","data":"chatmesh1.e30"},{"type":"text","text":"t"}]}]}"#;
        let expected = r#"{"messages":[{"role":"assistant","content":[{"type":"text","text":"t"}]}]}"#;
        assert_eq!(stripped(Dialect::Messages, body), expected);
    }

    #[test]
    fn reasoning_that_openai_does_not_have_does_not_reach_it() {
        let body = r#"{"input":[{"role":"user","content":"hi"}, {"type":"reasoning","id":"rs_cm_1","summary":[]},
            {"type":"reasoning","id":"rs_2","summary":[],"encrypted_content":"gAAA"},{"type":"message","id":"msg_cm_1","role":"assistant","content":"a"}]}"#;
        let expected = r#"{"input":[{"role":"user","content":"hi"},{"type":"reasoning","id":"rs_2","summary":[],"encrypted_content":"gAAA"},{"content":"a","role":"assistant","type":"message"}]}"#;
        assert_eq!(stripped(Dialect::Responses, body), expected);
    }

    #[test]
    fn details_of_ours_do_not_reach_servers_of_chat_completions() {
        let body = r#"{"messages":[{"role":"assistant","content":"a","reasoning_details":[{"type":"reasoning.encrypted","data":"chatmesh1.e30"},{"type":"x"}]}]}"#;
        let expected = r#"{"messages":[{"role":"assistant","content":"a","reasoning_details":[{"type":"x"}]}]}"#;
        assert_eq!(stripped(Dialect::ChatCompletions, body), expected);
    }

    #[test]
    fn bodies_that_only_speak_of_it_stay_as_they_are() {
        for body in [
            r#"{"messages":[{"role":"user","content":"chatmesh1. _cm_"}], "input": "_cm_"}"#,
            "chatmesh1. _cm_",
            r#"{"messages":"chatmesh1. _cm_"}"#,
        ] {
            for dialect in [Dialect::Messages, Dialect::ChatCompletions, Dialect::Responses] {
                assert_eq!(stripped(dialect, body), body);
            }
        }
    }
}
