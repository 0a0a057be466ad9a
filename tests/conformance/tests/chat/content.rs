//! Words, calls and markers to put into chats.

use chatmesh_chat::{ClientResult, NewMessage, Visibility};
use chatmesh_proto::chat::v1::Retry;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{
    FinishReason, GenerationError, Part, ProviderMetadata, Reasoning, Role, ToolCall, ToolResult, Usage,
};

pub(crate) fn part(body: Body) -> Part {
    Part { body: Some(body), ..Part::default() }
}

pub(crate) fn parts(text: &str) -> Vec<Part> {
    vec![part(Body::Text(text.to_owned()))]
}

pub(crate) fn text_of(parts: &[Part]) -> String {
    let texts = parts.iter().filter_map(|part| match &part.body {
        Some(Body::Text(text)) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

pub(crate) fn answer(text: &str) -> NewMessage {
    NewMessage::new(Role::Assistant, parts(text))
}

fn call(call_id: &str, name: &str, provider_executed: bool) -> Part {
    let (call_id, name, args) = (call_id.to_owned(), name.to_owned(), "{}".to_owned());
    part(Body::ToolCall(ToolCall { call_id, name, args, provider_executed, ..ToolCall::default() }))
}

fn result_part(call_id: &str, name: &str, provider_executed: bool) -> Part {
    let result = ToolResult {
        call_id: call_id.to_owned(),
        name: name.to_owned(),
        result: r#"{"ok":true}"#.to_owned(),
        is_error: false,
        provider_executed,
        ..ToolResult::default()
    };
    part(Body::ToolResult(result))
}

/// An answer that asks for tools.
pub(crate) fn asking(text: &str, calls: &[String]) -> NewMessage {
    let calls = calls.iter().map(|id| call(id, "ask", false));
    NewMessage { content: parts(text).into_iter().chain(calls).collect(), ..answer(text) }
}

/// An answer whose tool the provider ran itself: its result stands in the answer.
pub(crate) fn searched(text: &str, call_id: &str) -> NewMessage {
    let content = [call(call_id, "web_search", true), result_part(call_id, "web_search", true)];
    NewMessage { content: content.into_iter().chain(parts(text)).collect(), ..answer(text) }
}

/// The result of a tool that the mesh ran.
pub(crate) fn result(call_id: &str) -> NewMessage {
    NewMessage::new(Role::Tool, vec![result_part(call_id, "ask", false)])
}

/// The result of a tool that the client ran.
pub(crate) fn client_result(call_id: &str) -> ClientResult {
    ClientResult { call_id: call_id.to_owned(), output: format!(r#"{{"of":"{call_id}"}}"#), is_error: false }
}

/// The three rows where the model's view of the history begins anew, as the specification lists them.
pub(crate) fn marker(name: &str, call_id: &str, told: &str) -> Vec<NewMessage> {
    let rows = [
        (Role::User, Visibility::Model, parts(told)),
        (Role::Assistant, Visibility::User, vec![call(call_id, name, false)]),
        (Role::Tool, Visibility::Both, vec![result_part(call_id, name, false)]),
    ];
    let row =
        |(role, visibility, content)| NewMessage { visibility, compressed: true, ..NewMessage::new(role, content) };
    rows.map(row).into()
}

/// An answer that uses every field that an answer has.
pub(crate) fn full_answer() -> NewMessage {
    let metadata =
        ProviderMetadata { namespace: "n".to_owned(), kind: "k".to_owned(), json: vec![b'"', 0, 255, b'"'].into() };
    let reasoning = Reasoning { text: "hm\0m".to_owned(), redacted: false };
    let content = [part(Body::Reasoning(reasoning)), part(Body::Text("I look".to_owned())), call("c1", "ask", false)];
    let with_metadata = |part| Part { provider_metadata: vec![metadata.clone()], ..part };
    NewMessage {
        model: Some("house".to_owned()),
        usage: Some(Usage { input_tokens: Some(u32::MAX), output_tokens: Some(0), ..Usage::default() }),
        context_limit: Some(200_000),
        finish_reason: Some(FinishReason::ToolCalls),
        runtime_ms: Some(1234),
        cost_micros: Some(0),
        provider_response_id: Some("resp_1".to_owned()),
        ..NewMessage::new(Role::Assistant, content.map(with_metadata).into())
    }
}

pub(crate) fn failure() -> GenerationError {
    GenerationError { message: "the provider is overloaded".to_owned(), retryable: true, ..GenerationError::default() }
}

pub(crate) fn repaired() -> GenerationError {
    GenerationError { message: "the chat was repaired".to_owned(), ..GenerationError::default() }
}

pub(crate) fn retry(attempt: u32) -> Retry {
    Retry { attempt, delay_ms: 500, error: "try again".to_owned(), ..Retry::default() }
}
