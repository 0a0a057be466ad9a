//! What the simulated model does. The script begins again with every message of the user; how
//! far it is, the calls since then say.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Role, ToolResult};
use chatmesh_proto::llm::v1::{GenerateRequest, PromptMessage, ToolChoice};
use serde_json::{Value, json};

const INTRODUCTION: &str = "I am a simulated model: no key of a provider is configured, so I follow a script \
    instead of thinking.";

/// The line of a system message that says where to work.
const DIRECTORY_LINE: &str = "Working directory:";

const DEFAULT_DIRECTORY: &str = "/tmp";

/// The longest quotation of a tool's result, in characters.
const MAX_QUOTE_CHARS: usize = 500;

/// What the model says and asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Act {
    pub(super) text: String,
    pub(super) calls: Vec<Call>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) args: String,
}

/// The next act of the script for a conversation.
pub(super) fn next(request: &GenerateRequest) -> Act {
    if request.tool_choice() == ToolChoice::None && !request.tools.is_empty() {
        let text = format!("This is a simulated summary of {} messages.", request.messages.len());
        return Act { text, calls: Vec::new() };
    }
    let directory = directory(&request.messages);
    let done = steps_done(&request.messages);
    // A step whose tools are not offered is left out.
    let mut steps = steps(directory).into_iter().filter_map(|(text, calls)| {
        let calls: Vec<_> = calls.into_iter().filter(|call| offers(request, &call.name)).collect();
        (!calls.is_empty()).then_some((text, calls))
    });
    if let Some((text, calls)) = steps.nth(done) {
        let text = if done == 0 { format!("{INTRODUCTION} {text}") } else { text.to_owned() };
        return Act { text, calls };
    }
    Act { text: closing(&request.messages), calls: Vec::new() }
}

fn steps(directory: &str) -> [(&'static str, Vec<Call>); 3] {
    let path = format!("{}/hello.txt", directory.trim_end_matches('/'));
    let call = |name: &str, args: &Value| Call { name: name.to_owned(), args: args.to_string() };
    [
        (
            "I will write a file and look around at the same time.",
            vec![
                call("write_file", &json!({ "path": path, "content": "Hello from a simulated model.\n" })),
                call("execute", &json!({ "command": "uname -s && pwd" })),
            ],
        ),
        ("Now I read the file back.", vec![call("read_file", &json!({ "path": path }))]),
        ("And I count its bytes.", vec![call("execute", &json!({ "command": format!("wc -c < {}", quoted(&path)) }))]),
    ]
}

/// A path as a shell reads it: as it is where it is plain, in quotes where it is not.
fn quoted(path: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    match path.chars().all(is_plain) {
        true => path.to_owned(),
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
}

fn offers(request: &GenerateRequest, name: &str) -> bool {
    request.tools.iter().any(|tool| tool.name == name)
}

/// How many times the model asked for tools since the user last said something.
fn steps_done(messages: &[PromptMessage]) -> usize {
    let has = |message: &PromptMessage, wanted: fn(&Body) -> bool| {
        message.parts.iter().filter_map(|part| part.body.as_ref()).any(wanted)
    };
    messages
        .iter()
        .rev()
        .take_while(|message| {
            message.role() != Role::User || !has(message, |body| !matches!(body, Body::ToolResult(_)))
        })
        .filter(|message| message.role() == Role::Assistant && has(message, |body| matches!(body, Body::ToolCall(_))))
        .count()
}

fn directory(messages: &[PromptMessage]) -> &str {
    texts(messages, Role::System)
        .flat_map(str::lines)
        .filter_map(|line| line.trim().strip_prefix(DIRECTORY_LINE))
        .map(str::trim)
        .find(|path| !path.is_empty())
        .unwrap_or(DEFAULT_DIRECTORY)
}

fn texts(messages: &[PromptMessage], role: Role) -> impl Iterator<Item = &str> {
    messages.iter().filter(move |message| message.role() == role).flat_map(|message| &message.parts).filter_map(
        |part| match &part.body {
            Some(Body::Text(text)) => Some(text.as_str()),
            _ => None,
        },
    )
}

fn closing(messages: &[PromptMessage]) -> String {
    if steps_done(messages) == 0 {
        return format!("{INTRODUCTION} I was offered no tool that I know, so this is all I can do.");
    }
    let results = messages.iter().flat_map(|message| &message.parts).filter_map(|part| match &part.body {
        Some(Body::ToolResult(result)) => Some(result),
        _ => None,
    });
    match results.last() {
        Some(result) => format!("Done. The last tool, `{}`, returned: {}", result.name, quote(result)),
        None => "Done, though no tool returned anything.".to_owned(),
    }
}

/// The readable part of a result.
fn quote(result: &ToolResult) -> String {
    let value: Value = serde_json::from_str(&result.result).unwrap_or_default();
    let readable = ["output", "stdout", "content", "error"].iter().find_map(|key| value.get(key)?.as_str());
    readable.unwrap_or(&result.result).trim().chars().take(MAX_QUOTE_CHARS).collect()
}

/// The length of everything that the model reads, in characters.
pub(super) fn prompt_chars(request: &GenerateRequest) -> usize {
    let parts = request.messages.iter().flat_map(|message| &message.parts);
    let said: usize = parts
        .map(|part| match &part.body {
            Some(Body::Text(text)) => text.len(),
            Some(Body::Reasoning(reasoning)) => reasoning.text.len(),
            Some(Body::ToolCall(call)) => call.args.len(),
            Some(Body::ToolResult(result)) => result.result.len(),
            Some(Body::FileReference(reference)) => reference.content.len(),
            Some(Body::ContextFile(file)) => file.content.len(),
            Some(Body::File(_) | Body::Source(_) | Body::Skill(_)) | None => 0,
        })
        .sum();
    let offered: usize = request.tools.iter().map(|tool| tool.description.len() + tool.input_schema.len()).sum();
    said + offered
}
