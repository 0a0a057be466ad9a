//! Reading one message of a request.

use serde_json::Value;

use super::super::dialect::Dialect;
use super::{ReplayedCall, Role, Utterance};

/// Reads one message.
pub(super) fn utterance(dialect: Dialect, message: &Value) -> Utterance {
    let role = match message["role"].as_str().unwrap_or_default() {
        "system" | "developer" => Role::System,
        "assistant" => Role::Assistant,
        "tool" | "function" => Role::Tool,
        _ => Role::User,
    };
    let content = &message["content"];
    match dialect {
        Dialect::Anthropic => Utterance {
            role,
            text: text_of(content),
            calls: blocks(content, "tool_use").map(anthropic_call).collect(),
            results: blocks(content, "tool_result").map(|block| text_of(&block["content"])).collect(),
        },
        Dialect::Chat if role == Role::Tool => {
            Utterance { role, text: String::new(), calls: Vec::new(), results: vec![text_of(content)] }
        }
        Dialect::Chat => Utterance {
            role,
            text: text_of(content),
            calls: message["tool_calls"].as_array().into_iter().flatten().map(chat_call).collect(),
            results: Vec::new(),
        },
    }
}

/// The text of a content that is a string or a list of blocks, trimmed.
pub(super) fn text_of(content: &Value) -> String {
    let text = match content {
        Value::String(text) => text.clone(),
        _ => {
            let texts = blocks(content, "text").filter_map(|block| block["text"].as_str());
            texts.collect::<Vec<_>>().join("\n")
        }
    };
    text.trim().to_owned()
}

fn blocks<'a>(content: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    content.as_array().into_iter().flatten().filter(move |block| block["type"] == kind)
}

fn anthropic_call(block: &Value) -> ReplayedCall {
    ReplayedCall { name: block["name"].as_str().unwrap_or_default().to_owned(), args: block["input"].clone() }
}

fn chat_call(call: &Value) -> ReplayedCall {
    let function = &call["function"];
    let text = function["arguments"].as_str().unwrap_or_default();
    ReplayedCall {
        name: function["name"].as_str().unwrap_or_default().to_owned(),
        args: serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
    }
}
