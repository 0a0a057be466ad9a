//! What the tests of all dialects share: answers, their events, and what clients see of them.

use bytes::BytesMut;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{
    FinishReason, Part, ProviderMetadata, Reasoning, Source, ToolCall, ToolResult, Usage,
};
use chatmesh_proto::llm::v1::{Finish, PartDelta, PartFinished, PartStarted, ResponseStarted};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::kinds::datum;
use super::{Dialect, Echo};
use crate::codec::Event;
use crate::sse::{Item, Parser};

pub(super) fn echo() -> Echo {
    Echo { id: "1a2b".into(), created: 1_700_000_000, model: "fast".into(), include_usage: true, ..Echo::default() }
}

pub(super) fn text(said: &str) -> Part {
    Part { body: Some(Body::Text(said.to_owned())), ..Part::default() }
}

pub(super) fn thought(said: &str, metadata: Vec<ProviderMetadata>) -> Part {
    let reasoning = Reasoning { text: said.to_owned(), redacted: false };
    Part { body: Some(Body::Reasoning(reasoning)), provider_metadata: metadata, ..Part::default() }
}

pub(super) fn call(id: &str, name: &str, args: &str) -> Part {
    let call = ToolCall { call_id: id.into(), name: name.into(), args: args.into(), ..ToolCall::default() };
    Part { body: Some(Body::ToolCall(call)), ..Part::default() }
}

pub(super) fn source(url: &str, title: &str) -> Part {
    let source = Source { source_id: String::new(), url: url.into(), title: title.into() };
    Part { body: Some(Body::Source(source)), ..Part::default() }
}

/// A search that a provider ran, call and result.
pub(super) fn search(id: &str, query: &str, metadata: [Vec<ProviderMetadata>; 2]) -> Vec<Part> {
    let [of_call, of_result] = metadata;
    let call = ToolCall {
        call_id: id.into(),
        name: "web_search".into(),
        args: json!({"query": query}).to_string(),
        provider_executed: true,
        ..ToolCall::default()
    };
    let result = json!({"content": [{"type": "web_search_result", "url": "https://a.example", "title": "A"}]});
    let result = ToolResult {
        call_id: id.into(),
        name: "web_search".into(),
        result: result.to_string(),
        provider_executed: true,
        ..ToolResult::default()
    };
    vec![
        Part { body: Some(Body::ToolCall(call)), provider_metadata: of_call, ..Part::default() },
        Part { body: Some(Body::ToolResult(result)), provider_metadata: of_result, ..Part::default() },
    ]
}

pub(super) fn finish(reason: FinishReason) -> Finish {
    let usage = Usage {
        input_tokens: Some(30),
        output_tokens: Some(20),
        reasoning_tokens: Some(5),
        cache_read_tokens: Some(7),
        cache_write_tokens: Some(3),
        total_tokens: None,
    };
    Finish { reason: reason.into(), usage: Some(usage), ..Finish::default() }
}

fn begun(part: &Part) -> Part {
    let body = match part.body.clone().unwrap() {
        Body::Text(_) => Body::Text(String::new()),
        Body::Reasoning(_) => Body::Reasoning(Reasoning::default()),
        Body::ToolCall(call) => Body::ToolCall(ToolCall { args: String::new(), ..call }),
        Body::ToolResult(result) => Body::ToolResult(ToolResult { result: String::new(), ..result }),
        other => other,
    };
    Part { body: Some(body), ..Part::default() }
}

fn pieces(part: &Part, size: usize) -> Vec<String> {
    let text = match part.body.as_ref().unwrap() {
        Body::Text(text) => text,
        Body::Reasoning(reasoning) => &reasoning.text,
        // Arguments that nobody wrote come in no piece.
        Body::ToolCall(call) if call.args != "{}" => &call.args,
        _ => "",
    };
    let chars: Vec<char> = text.chars().collect();
    chars.chunks(size).map(|chunk| chunk.iter().collect()).collect()
}

fn is_own_call(part: &Part) -> bool {
    matches!(&part.body, Some(Body::ToolCall(call)) if !call.provider_executed)
}

/// The events of an answer. Where calls of tools follow each other, their pieces come mixed.
pub(super) fn events(parts: &[Part], size: usize, mixed: bool, finish: Finish) -> Vec<Event> {
    let mut events = vec![Event::ResponseStarted(ResponseStarted::default())];
    let start = |index: u32, part: &Part| Event::PartStarted(PartStarted { index, part: Some(begun(part)) });
    let end = |index: u32, part: &Part| Event::PartFinished(PartFinished { index, part: Some(part.clone()) });
    let delta = |index: u32, text: String| Event::PartDelta(PartDelta { index, text });
    let numbered: Vec<(u32, &Part)> = (0..).zip(parts).collect();
    for group in numbered.chunk_by(|a, b| mixed && is_own_call(a.1) && is_own_call(b.1)) {
        events.extend(group.iter().map(|(index, part)| start(*index, part)));
        let mut rows: Vec<_> = group.iter().map(|(index, part)| (*index, pieces(part, size).into_iter())).collect();
        loop {
            let row: Vec<_> = rows.iter_mut().filter_map(|(index, row)| Some(delta(*index, row.next()?))).collect();
            if row.is_empty() {
                break;
            }
            events.extend(row);
        }
        events.extend(group.iter().map(|(index, part)| end(*index, part)));
    }
    events.push(Event::Finish(finish));
    events
}

pub(super) fn stream(dialect: Dialect, events: impl IntoIterator<Item = Event>) -> String {
    let mut streamer = dialect.streamer(echo());
    let mut out = BytesMut::new();
    for event in events {
        streamer.push(event, &mut out);
    }
    String::from_utf8(out.to_vec()).unwrap()
}

/// The events of a stream: name and data.
pub(super) fn frames(stream: &str) -> Vec<(String, String)> {
    let mut frames = Vec::new();
    let mut parser = Parser::new();
    let read = parser.push(stream.as_bytes(), |item| {
        if let Item::Event { name, data } = item {
            frames.push((name.to_owned(), data.to_owned()));
        }
    });
    read.unwrap();
    assert!(stream.is_empty() || stream.ends_with("\n\n"), "the last event is not complete");
    frames
}

pub(super) fn values(stream: &str) -> Vec<Value> {
    frames(stream)
        .iter()
        .filter(|(_, data)| data != "[DONE]")
        .map(|(_, data)| serde_json::from_str(data).unwrap())
        .collect()
}

pub(super) fn whole(dialect: Dialect, events: Vec<Event>) -> String {
    String::from_utf8(dialect.whole(echo(), events.into_iter()).unwrap().to_vec()).unwrap()
}

fn said() -> impl Strategy<Value = String> {
    "[a-zé😀\"\\\\\n{} ]{0,12}[a-z]"
}

/// What a provider wants back of its reasoning.
pub(super) fn reasoning_metadata() -> impl Strategy<Value = Vec<ProviderMetadata>> {
    prop_oneof![
        Just(Vec::new()),
        "[a-zA-Z+/=]{1,12}".prop_map(|it| vec![datum("anthropic", "thinking_signature", json!(it).to_string())]),
        "[a-z]{1,8}".prop_map(|it| vec![datum("google", "thought_signature", json!(it).to_string())]),
        "[a-z]{1,8}".prop_map(|it| {
            let item = format!(r#"{{"type":"reasoning", "id":"rs_{it}","summary":[],"encrypted_content":"{it}"}}"#);
            vec![datum("openai.responses", "reasoning", item)]
        }),
    ]
}

fn part() -> impl Strategy<Value = Vec<Part>> {
    let signed = |mut part: Part, signature: Option<String>| {
        part.provider_metadata.extend(signature.map(|it| datum("google", "thought_signature", json!(it).to_string())));
        part
    };
    prop_oneof![
        (said(), prop::option::of("[a-z]{1,5}")).prop_map(move |(it, signature)| vec![signed(text(&it), signature)]),
        (said(), said()).prop_map(|(it, title)| {
            vec![text(&it), source("https://a.example", &title), source("https://b.example", "B")]
        }),
        (said(), reasoning_metadata()).prop_map(|(it, metadata)| vec![thought(&it, metadata)]),
        "[a-z]{1,8}".prop_map(|data| {
            let block = json!({"type": "redacted_thinking", "data": data}).to_string();
            let mut part = thought("", vec![datum("anthropic", "redacted_thinking", block)]);
            part.body = Some(Body::Reasoning(Reasoning { text: String::new(), redacted: true }));
            vec![part]
        }),
        (said(), prop::option::of("[a-z]{1,5}"))
            .prop_map(move |(it, signature)| vec![signed(call("", "f", &json!({"v": it}).to_string()), signature)]),
        Just(vec![call("", "g", "{}")]),
        said().prop_map(|query| {
            let whole = datum("acme", "server_tool", json!({"q": query}).to_string());
            search("", &query, [vec![whole.clone()], vec![whole]])
        }),
        "[a-z]{1,5}".prop_map(|it| vec![Part {
            body: Some(Body::Text(String::new())),
            provider_metadata: vec![datum("google", "thought_signature", json!(it).to_string())],
            ..Part::default()
        }]),
    ]
}

/// An answer; every call has an identifier of its own.
pub(super) fn answer() -> impl Strategy<Value = Vec<Part>> {
    prop::collection::vec(part(), 0..6).prop_map(|groups| {
        let mut parts = Vec::new();
        for (number, group) in groups.into_iter().enumerate() {
            for mut part in group {
                match part.body.as_mut() {
                    Some(Body::ToolCall(call)) => call.call_id = format!("call_{number}"),
                    Some(Body::ToolResult(result)) => result.call_id = format!("call_{number}"),
                    _ => {}
                }
                parts.push(part);
            }
        }
        parts
    })
}
