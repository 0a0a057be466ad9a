//! Streams of Chat Completions, written by hand from their grammar.

use chatmesh_proto::common::v1::FinishReason;

use crate::compat::Dialect;
use crate::compat::kinds::datum;
use crate::compat::testing::{call, echo, events, finish, source, stream, text, thought, values};

fn chunk(choice: &str) -> String {
    format!(
        r#"data: {{"id":"chatcmpl-1a2b","object":"chat.completion.chunk","created":1700000000,"model":"fast","system_fingerprint":null,"choices":[{choice}],"usage":null}}"#
    )
}

fn delta(delta: &str) -> String {
    chunk(&format!(r#"{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":null}}"#))
}

fn end(reason: &str) -> Vec<String> {
    let usage = r#"{"prompt_tokens":40,"completion_tokens":20,"total_tokens":60,"prompt_tokens_details":{"cached_tokens":7,"cache_write_tokens":3},"completion_tokens_details":{"reasoning_tokens":5}}"#;
    vec![
        chunk(&format!(r#"{{"index":0,"delta":{{}},"logprobs":null,"finish_reason":"{reason}"}}"#)),
        chunk("").replace(r#""usage":null"#, &format!(r#""usage":{usage}"#)),
        "data: [DONE]".to_owned(),
    ]
}

fn written(frames: Vec<String>) -> String {
    frames.into_iter().map(|frame| frame + "\n\n").collect()
}

#[test]
fn thoughts_texts_and_sources() {
    let parts = [thought("why", vec![]), text("a\"b"), source("https://a.example", "A")];
    let mut expected = vec![
        delta(r#"{"role":"assistant","content":"","refusal":null}"#),
        delta(r#"{"reasoning_content":"wh"}"#),
        delta(r#"{"reasoning_content":"y"}"#),
        delta(r#"{"content":"a\""}"#),
        delta(r#"{"content":"b"}"#),
        delta(
            r#"{"annotations":[{"index":0,"type":"url_citation","url_citation":{"start_index":0,"end_index":3,"url":"https://a.example","title":"A"}}]}"#,
        ),
    ];
    expected.extend(end("stop"));
    let events = events(&parts, 2, false, finish(FinishReason::Stop));
    assert_eq!(stream(Dialect::ChatCompletions, events), written(expected));
}

#[test]
fn calls_that_were_made_together_wait_for_each_other() {
    let mut signed = call("call_b", "g", "{}");
    signed.provider_metadata = vec![datum("google", "thought_signature", r#""sig""#)];
    let parts = [call("call_a", "f", r#"{"x":1}"#), signed];
    let mut expected = vec![
        delta(r#"{"role":"assistant","content":"","refusal":null}"#),
        delta(r#"{"tool_calls":[{"index":0,"id":"call_a","type":"function","function":{"name":"f","arguments":""}}]}"#),
        delta(r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":1}"}}]}"#),
        delta(r#"{"tool_calls":[{"index":1,"id":"call_b","type":"function","function":{"name":"g","arguments":""}}]}"#),
        delta(r#"{"tool_calls":[{"index":1,"function":{"arguments":"{}"}}]}"#),
        delta(
            r#"{"tool_calls":[{"index":1,"function":{"arguments":""},"extra_content":{"google":{"thought_signature":"sig"}}}]}"#,
        ),
    ];
    expected.extend(end("tool_calls"));
    let events = events(&parts, 50, true, finish(FinishReason::ToolCalls));
    assert_eq!(stream(Dialect::ChatCompletions, events), written(expected));
}

#[test]
fn usage_comes_only_to_those_who_ask() {
    let mut echo = echo();
    echo.include_usage = false;
    let mut streamer = Dialect::ChatCompletions.streamer(echo);
    let mut out = bytes::BytesMut::new();
    for event in events(&[text("a")], 1, false, finish(FinishReason::Length)) {
        streamer.push(event, &mut out);
    }
    let written = String::from_utf8(out.to_vec()).unwrap();
    assert!(!written.contains("usage"), "{written}");
    assert!(written.ends_with("\"finish_reason\":\"length\"}]}\n\ndata: [DONE]\n\n"), "{written}");
}

/// An SDK that replaces a list by the next one of its name must not end with a part of it.
#[test]
fn lists_leave_whole() {
    let of = |kind: &str, json: &str| vec![datum("openai.responses", kind, json.to_owned())];
    let mut asked = call("call_1", "f", "{}");
    asked.provider_metadata = of("function_call", r#"{"id":"fc_1"}"#);
    let parts = [
        thought("why", of("reasoning", r#"{"id":"rs_1"}"#)),
        text("said"),
        source("https://a.example", "A"),
        source("https://b.example", "B"),
        asked,
    ];
    let written = stream(Dialect::ChatCompletions, events(&parts, 2, false, finish(FinishReason::ToolCalls)));
    for (field, entries) in [("annotations", 2), ("reasoning_details", 2)] {
        let lists: Vec<serde_json::Value> = values(&written)
            .into_iter()
            .map(|value| value["choices"][0]["delta"][field].clone())
            .filter(serde_json::Value::is_array)
            .collect();
        assert_eq!(lists.len(), 1, "{field}: {written}");
        assert_eq!(lists[0].as_array().map(Vec::len), Some(entries), "{field}: {written}");
        let numbers: Vec<_> = lists[0].as_array().unwrap().iter().map(|entry| entry["index"].as_u64()).collect();
        assert_eq!(numbers, [Some(0), Some(1)], "{field}: {written}");
    }
}
