use serde_json::json;

use super::*;
use crate::recordings::{Interaction, Recording, Recordings, or_skip};
use crate::simulator::conversation::{Conversation, Role};
use crate::simulator::dialect::Dialect;

fn sessions(recordings: &Recordings) -> impl Iterator<Item = &Recording> {
    let chat = recordings.openai_chat().chain(recordings.openai_compatible_chat());
    recordings.anthropic().chain(chat).chain(recordings.openai_responses())
}

fn read_recorded(interaction: &Interaction) -> Reading {
    let response = &interaction.response;
    read(interaction.request.path(), response.content_type(), &response.body)
        .unwrap_or_else(|error| panic!("{}: {error:#}", interaction.request.url))
}

#[test]
fn every_recorded_response_can_be_read() {
    let Some(recordings) = or_skip("every_recorded_response_can_be_read") else { return };
    let carried = recordings.bedrock_claude().chain(recordings.vertex_claude()).chain(recordings.azure_chat());
    let carried = carried.chain(recordings.gemini());
    for session in sessions(&recordings).chain(carried) {
        for interaction in &session.interactions {
            let reading = read_recorded(interaction);
            let waits = reading.tool_calls.iter().any(|call| !call.provider_executed);
            assert_eq!(reading.finish == Finish::ToolCalls, waits, "{}", session.scenario);
            assert!(waits || !reading.text.is_empty(), "{}", session.scenario);
            assert!(reading.usage.output > Some(0), "{}", session.scenario);
            assert!(reading.usage.input_uncached.is_some(), "{}", session.scenario);
        }
    }
}

#[test]
fn replayed_calls_are_the_calls_that_were_read() {
    let Some(recordings) = or_skip("replayed_calls_are_the_calls_that_were_read") else { return };
    let mut compared = 0;
    for session in sessions(&recordings) {
        for pair in session.interactions.windows(2) {
            let reading = read_recorded(&pair[0]);
            let dialect = Dialect::of_path(pair[1].request.path()).unwrap();
            let replayed = Conversation::read(dialect, &pair[1].request.json());
            let last = replayed.utterances.iter().rfind(|one| one.role == Role::Assistant).unwrap();
            let calls: Vec<_> = reading.tool_calls.into_iter().map(|call| (call.name, call.args)).collect();
            let sent: Vec<_> = last.calls.iter().map(|call| (call.name.clone(), call.args.clone())).collect();
            assert_eq!(calls, sent, "{}", session.scenario);
            compared += 1;
        }
    }
    assert!(compared > 20, "{compared}");
}

#[test]
fn hidden_reasoning_counts_as_output() {
    let Some(recordings) = or_skip("hidden_reasoning_counts_as_output") else { return };
    for session in recordings.openai_compatible_chat().filter(|one| one.scenario.contains("xai")) {
        for interaction in &session.interactions {
            let usage = read_recorded(interaction).usage;
            assert!(usage.output > usage.reasoning, "{}", session.scenario);
        }
    }
}

#[test]
fn last_usage_replaces_only_what_it_names() {
    let body = [
        json!({"type": "message_start", "message": {"usage": {"input_tokens": 5, "output_tokens": 1,
            "cache_read_input_tokens": 7}}}),
        json!({"type": "message_delta", "delta": {"stop_reason": "pause_turn"},
            "usage": {"output_tokens": 9}}),
        json!({"type": "message_stop"}),
    ]
    .map(|event| format!("data: {event}\n\n"))
    .concat();
    let reading = anthropic("text/event-stream", body.as_bytes()).unwrap();
    let usage =
        UsageReading { input_uncached: Some(5), output: Some(9), cache_read: Some(7), ..UsageReading::default() };
    assert_eq!((reading.usage, reading.finish), (usage, Finish::Stop));
}

#[test]
fn incomplete_streams_are_errors() {
    let stream = "text/event-stream";
    let start = "data: {\"type\":\"message_start\",\"message\":{}}\n\n";
    assert!(anthropic(stream, start.as_bytes()).is_err());
    let delta = "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n";
    assert!(chat(stream, delta.as_bytes()).is_err());
    assert!(chat(stream, b"data: {\"error\":{\"message\":\"x\"}}\n\n").is_err());
    let chunk = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"x\"}]}}]}\r\n\r\n";
    assert!(gemini(stream, chunk.as_bytes()).is_err());
    assert!(gemini(stream, b"data: {\"error\":{\"message\":\"x\"}}\n\n").is_err());
}

#[test]
fn odd_call_pieces_are_assembled() {
    let piece =
        |piece: Value| json!({"choices": [{"index": 0, "delta": {"tool_calls": [piece]}, "finish_reason": null}]});
    let chunks = [
        piece(json!({"index": 0, "id": "a", "function": {"name": "x", "arguments": ""}})),
        piece(json!({"index": 1, "id": "b", "function": {"name": "y", "arguments": "{\"n\""}})),
        piece(json!({"index": 0, "function": {"arguments": "{\"m\":1}"}})),
        piece(json!({"index": 1, "id": "b", "function": {"name": "y", "arguments": ":2}"}})),
        piece(json!({"index": 1, "id": "c", "function": {"name": "z", "arguments": null}})),
        json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
    ]
    .map(|chunk| format!("data: {chunk}\n\n"))
    .concat();
    let reading = chat("text/event-stream", chunks.as_bytes()).unwrap();
    let calls: Vec<_> = reading.tool_calls.iter().map(|one| (&*one.id, one.args.clone())).collect();
    let expected = [("a", json!({"m": 1})), ("b", json!({"n": 2})), ("c", json!({}))];
    assert_eq!(calls, expected);
    assert_eq!((reading.finish, &*reading.raw_finish), (Finish::ToolCalls, "stop"));
}
