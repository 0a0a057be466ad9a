//! Reading one message of a request.

use serde_json::Value;

use super::super::dialect::Dialect;
use super::super::stored::input_items;
use super::{ReplayedCall, Role, Utterance};

/// Reads messages, one utterance each.
pub(super) fn messages(dialect: Dialect, messages: &Value) -> Vec<Utterance> {
    messages.as_array().into_iter().flatten().map(|message| utterance(dialect, message)).collect()
}

/// Reads the items of Responses. What the model said in a row is one answer.
pub(super) fn answers(input: &Value) -> Vec<Utterance> {
    let mut said: Vec<Utterance> = Vec::new();
    for item in input_items(input) {
        let next = of_item(&item);
        match said.last_mut().filter(|last| last.role == Role::Assistant && next.role == Role::Assistant) {
            Some(last) => super::join(last, next),
            None => said.push(next),
        }
    }
    said
}

fn of_item(item: &Value) -> Utterance {
    let kind = item["type"].as_str().unwrap_or("message");
    let mut utterance =
        Utterance { role: Role::Assistant, text: String::new(), calls: Vec::new(), results: Vec::new() };
    match kind {
        "message" => {
            utterance.role = role_of(item);
            utterance.text = text_of(&item["content"]);
        }
        "function_call" => utterance.calls.push(call(item)),
        kind if kind.ends_with("_output") => {
            utterance.role = Role::Tool;
            utterance.results.push(text_of(&item["output"]));
        }
        _ => {}
    }
    utterance
}

fn role_of(message: &Value) -> Role {
    match message["role"].as_str().unwrap_or_default() {
        "system" | "developer" => Role::System,
        "assistant" => Role::Assistant,
        "tool" | "function" => Role::Tool,
        _ => Role::User,
    }
}

/// Reads one message.
fn utterance(dialect: Dialect, message: &Value) -> Utterance {
    let role = role_of(message);
    let content = &message["content"];
    match dialect {
        Dialect::Anthropic => Utterance {
            role,
            text: text_of(content),
            calls: blocks(content, "tool_use").map(anthropic_call).collect(),
            results: blocks(content, "tool_result").map(|block| text_of(&block["content"])).collect(),
        },
        Dialect::Chat | Dialect::Responses if role == Role::Tool => {
            Utterance { role, text: String::new(), calls: Vec::new(), results: vec![text_of(content)] }
        }
        Dialect::Chat | Dialect::Responses => Utterance {
            role,
            text: text_of(content),
            calls: message["tool_calls"].as_array().into_iter().flatten().map(chat_call).collect(),
            results: Vec::new(),
        },
    }
}

/// Whether a request has tools and forbids to call them.
pub(super) fn are_tools_barred(body: &Value) -> bool {
    let choice = &body["tool_choice"];
    let has_tools = body["tools"].as_array().is_some_and(|tools| !tools.is_empty());
    has_tools && (choice == "none" || choice["type"] == "none")
}

/// The names of a request's tools.
pub(super) fn tool_names(body: &Value) -> Vec<String> {
    let tools = body["tools"].as_array().into_iter().flatten();
    let names = tools.filter_map(|tool| tool["name"].as_str().or_else(|| tool["function"]["name"].as_str()));
    names.map(str::to_owned).collect()
}

/// The text of a content that is a string or a list of blocks, trimmed.
pub(super) fn text_of(content: &Value) -> String {
    let text = match content {
        Value::String(text) => text.clone(),
        _ => {
            let texts = ["text", "input_text", "output_text"].into_iter().flat_map(|kind| blocks(content, kind));
            texts.filter_map(|block| block["text"].as_str()).collect::<Vec<_>>().join("\n")
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

fn chat_call(json: &Value) -> ReplayedCall {
    call(&json["function"])
}

fn call(function: &Value) -> ReplayedCall {
    let text = function["arguments"].as_str().unwrap_or_default();
    ReplayedCall {
        name: function["name"].as_str().unwrap_or_default().to_owned(),
        args: serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
    }
}
