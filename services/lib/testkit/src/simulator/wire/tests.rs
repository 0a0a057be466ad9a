use serde_json::json;

use super::*;
use crate::recordings::oracle::{self, Finish, Reading};

fn rich_step() -> Step {
    Step::text("Grüße, 世界! This text comes in several pieces.")
        .reasoning("First think, then speak.")
        .call("write_file", json!({"path": "/w/ä.txt", "content": "a\nb"}))
        .call("no_args", Value::Null)
        .delta_characters(5)
}

const USAGE: StepUsage = StepUsage { input: 11, output: 13, reasoning: Some(5), cache_read: 17, cache_write: 19 };

static REQUEST: std::sync::LazyLock<Value> =
    std::sync::LazyLock::new(|| json!({"include": ["reasoning.encrypted_content"], "reasoning": {"summary": "auto"}}));

fn answer(step: &Step) -> Answer<'_> {
    Answer { model: "m", number: 4, step, usage: USAGE, request: &REQUEST, include_usage: true }
}

fn readings(dialect: Dialect, answer: &Answer<'_>) -> [Reading; 2] {
    let read = match dialect {
        Dialect::Anthropic => oracle::anthropic,
        Dialect::Chat => oracle::chat,
        Dialect::Responses => oracle::responses,
    };
    let streamed = stream(dialect, answer).into_iter().map(|event| event.bytes);
    let streamed = streamed.collect::<String>();
    let unary = unary(dialect, answer).to_string();
    [read("text/event-stream", streamed.as_bytes()).unwrap(), read("application/json", unary.as_bytes()).unwrap()]
}

#[test]
fn all_dialects_say_what_the_script_says() {
    let step = rich_step();
    for (dialect, prefix) in [(Dialect::Anthropic, "toolu"), (Dialect::Chat, "call"), (Dialect::Responses, "call")] {
        for reading in readings(dialect, &answer(&step)) {
            assert_eq!(Some(&reading.text), step.text.as_ref());
            assert_eq!(Some(&reading.reasoning), step.reasoning.as_ref());
            let calls: Vec<_> = reading
                .tool_calls
                .iter()
                .map(|call| (call.id.as_str(), call.name.as_str(), call.args.clone()))
                .collect();
            let ids = [format!("{prefix}_sim_4_0"), format!("{prefix}_sim_4_1")];
            let expected = [
                (ids[0].as_str(), "write_file", step.tool_calls[0].args.clone()),
                (ids[1].as_str(), "no_args", json!({})),
            ];
            assert_eq!(calls, expected);
            let usage = reading.usage;
            assert_eq!((usage.input_uncached, usage.output), (Some(11), Some(13)));
            assert_eq!((usage.cache_read, usage.cache_write), (Some(17), Some(19)));
            assert_eq!((usage.reasoning, reading.finish), (Some(5), Finish::ToolCalls));
            assert_eq!(reading.signatures.len(), usize::from(dialect != Dialect::Chat));
        }
    }
}

#[test]
fn every_finish_reason_survives_all_dialects() {
    for finish in [Finish::Stop, Finish::Length, Finish::ContentFilter, Finish::Other] {
        let step = Step::text("x").finish(finish);
        for dialect in [Dialect::Anthropic, Dialect::Chat, Dialect::Responses] {
            for reading in readings(dialect, &answer(&step)) {
                assert_eq!(reading.finish, finish, "{dialect:?} {}", reading.raw_finish);
            }
        }
    }
}

#[test]
fn anthropic_events_follow_the_grammar() {
    let step = rich_step();
    let events = stream(Dialect::Anthropic, &answer(&step));
    let data: Vec<Value> = events
        .iter()
        .map(|event| {
            let (name, data) = event.bytes.split_once('\n').unwrap();
            let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            assert_eq!(name, format!("event: {}", data["type"].as_str().unwrap()));
            assert!(event.bytes.ends_with("\n\n"));
            data
        })
        .collect();
    let kinds: Vec<_> = data.iter().map(|data| data["type"].as_str().unwrap()).collect();
    assert_eq!(kinds[..3], ["message_start", "content_block_start", "ping"]);
    assert_eq!(kinds[kinds.len() - 2..], ["message_delta", "message_stop"]);
    let mut open = None;
    let mut opened = 0;
    for event in &data {
        match event["type"].as_str().unwrap() {
            "content_block_start" => {
                assert_eq!((open, event["index"].as_u64()), (None, Some(opened)));
                open = Some(opened);
                opened += 1;
            }
            "content_block_delta" => assert_eq!(event["index"].as_u64(), open),
            "content_block_stop" => assert_eq!(event["index"].as_u64(), open.take()),
            _ => {}
        }
    }
    assert_eq!((open, opened), (None, 4));
}

#[test]
fn responses_events_are_numbered_and_items_end_as_they_are_in_the_answer() {
    let step = rich_step();
    let events = stream(Dialect::Responses, &answer(&step));
    let data: Vec<Value> = events
        .iter()
        .map(|event| {
            let (name, data) = event.bytes.trim_end().split_once('\n').unwrap();
            let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            assert_eq!(name, format!("event: {}", data["type"].as_str().unwrap()));
            data
        })
        .collect();
    for (number, event) in data.iter().enumerate() {
        assert_eq!(event["sequence_number"], number);
    }
    let items = |kind: &str| -> Vec<Value> {
        let kind = format!("response.output_item.{kind}");
        data.iter().filter(|event| event["type"] == kind).map(|event| event["item"].clone()).collect()
    };
    let (begun, ended) = (items("added"), items("done"));
    assert_eq!(data.last().unwrap()["response"]["output"], json!(ended));
    let ids = |items: &[Value]| -> Vec<Value> { items.iter().map(|item| item["id"].clone()).collect() };
    assert_eq!(ids(&begun), ids(&ended));
    assert_eq!(ids(&ended), ["rs_sim_4", "msg_simr_4", "fc_simr_4_0", "fc_simr_4_1"]);
    assert_ne!(begun[0]["encrypted_content"], ended[0]["encrypted_content"]);
}

#[test]
fn chat_sends_usage_only_where_it_is_asked_for() {
    let step = Step::text("x");
    let with = stream(Dialect::Chat, &answer(&step));
    let without = stream(Dialect::Chat, &Answer { include_usage: false, ..answer(&step) });
    assert!(with[with.len() - 2].bytes.contains("\"choices\":[]"));
    assert_eq!(with.len(), without.len() + 1);
    assert!(without.iter().all(|event| !event.bytes.contains("\"usage\"")));
    assert_eq!(without.last().unwrap().bytes, "data: [DONE]\n\n");
}

#[test]
fn errors_in_streams_have_the_providers_form() {
    let anthropic = error_event(Dialect::Anthropic, "overloaded_error", "Overloaded");
    let (name, data) = anthropic.split_once('\n').unwrap();
    assert_eq!(name, "event: error");
    let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
    let error = json!({"type": "overloaded_error", "message": "Overloaded"});
    assert_eq!(data, json!({"type": "error", "error": error}));
    let chat = error_event(Dialect::Chat, "server_error", "no");
    assert!(oracle::chat("text/event-stream", chat.as_bytes()).is_err());
    let responses = error_event(Dialect::Responses, "server_error", "no");
    assert!(oracle::responses("text/event-stream", responses.as_bytes()).is_err());
}
