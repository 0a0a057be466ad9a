//! What holds for every answer, in every dialect.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{FinishReason, Part};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::codec::anthropic::Anthropic;
use crate::codec::fold::Folded;
use crate::codec::openai_chat::COMPATIBLE;
use crate::codec::openai_responses::OpenAiResponses;
use crate::codec::testing::{fold, fold_unary, normalized};
use crate::codec::{Codec, Event};
use crate::compat::Dialect;
use crate::compat::testing::{answer, events, finish, frames, stream, values, whole};

const ALL: [Dialect; 3] = [Dialect::ChatCompletions, Dialect::Responses, Dialect::Messages];

fn codec(dialect: Dialect) -> &'static dyn Codec {
    match dialect {
        Dialect::ChatCompletions => &COMPATIBLE,
        Dialect::Responses => &OpenAiResponses,
        Dialect::Messages => &Anthropic,
    }
}

/// What people see of an answer, part by part.
fn visible(parts: &[Part]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut can_cite = false;
    for part in parts {
        let is_source = match &part.body {
            Some(Body::Reasoning(hidden)) if hidden.text.is_empty() => continue,
            body => matches!(body, Some(Body::Source(_))),
        };
        match part.body.as_ref().unwrap() {
            Body::Text(text) if !text.is_empty() => lines.push(format!("text {text}")),
            Body::Reasoning(it) if !it.text.is_empty() => lines.push(format!("thought {}", it.text)),
            Body::ToolCall(it) if it.provider_executed => lines.push(format!("search {}", it.call_id)),
            Body::ToolCall(it) => lines.push(format!("call {} {} {}", it.call_id, it.name, it.args)),
            Body::Source(it) if can_cite => lines.push(format!("source {} {}", it.url, it.title)),
            _ => {}
        }
        can_cite = is_source && can_cite || matches!(part.body, Some(Body::Text(_)));
    }
    lines
}

/// The same for a protocol whose message is one text, one thought and a list of calls.
fn visible_in_chat(parts: &[Part]) -> Vec<String> {
    let of = |head: &str| {
        let lines = visible(parts).into_iter().filter(|line| line.starts_with(head));
        lines.map(|line| line[head.len()..].replace("\n\n", "")).collect::<Vec<_>>()
    };
    // Where in the message its sources stand, the protocol does not say.
    let source = |part: &Part| match &part.body {
        Some(Body::Source(it)) => Some(format!("{} {}", it.url, it.title)),
        _ => None,
    };
    let mut sources: Vec<_> = parts.iter().filter_map(source).collect();
    let mut seen = std::collections::HashSet::new();
    sources.retain(|line| seen.insert(line.split(' ').next().unwrap().to_owned()));
    vec![of("thought ").concat(), of("text ").concat(), of("call ").join(";"), sources.join(";")]
}

fn seen(dialect: Dialect, parts: &[Part]) -> Vec<String> {
    if dialect == Dialect::ChatCompletions { visible_in_chat(parts) } else { visible(parts) }
}

fn has_calls(parts: &[Part]) -> bool {
    parts.iter().any(|part| matches!(&part.body, Some(Body::ToolCall(call)) if !call.provider_executed))
}

/// As the accumulators of the SDKs check a stream of Messages.
fn check_messages(stream: &str) {
    let frames = frames(stream);
    let values: Vec<Value> = frames.iter().map(|(_, data)| serde_json::from_str(data).unwrap()).collect();
    for ((name, _), value) in frames.iter().zip(&values) {
        assert_eq!(value["type"], json!(name));
    }
    assert_eq!(values[0]["type"], "message_start");
    assert_eq!(values[values.len() - 1]["type"], "message_stop");
    assert_eq!(values[values.len() - 2]["type"], "message_delta");
    let mut open = None;
    let mut next = 0;
    for value in &values[1..values.len() - 2] {
        match value["type"].as_str().unwrap() {
            "content_block_start" => {
                assert_eq!((open, value["index"].as_u64()), (None, Some(next)));
                open = Some(next);
                next += 1;
            }
            "content_block_delta" => assert_eq!(value["index"].as_u64(), open),
            "content_block_stop" => {
                assert_eq!(value["index"].as_u64(), open);
                open = None;
            }
            other => panic!("{other} in the middle"),
        }
    }
    assert_eq!(open, None);
}

/// As the accumulators of the SDKs check a stream of Responses.
fn check_responses(stream: &str) {
    let values = values(stream);
    let mut items: Vec<(Value, Value)> = Vec::new();
    for (number, value) in values.iter().enumerate() {
        assert_eq!(value["sequence_number"], json!(number));
        let kind = value["type"].as_str().unwrap();
        if let Some(response) = value.get("response") {
            assert_eq!(response["id"], "resp_1a2b");
            continue;
        }
        let index = usize::try_from(value["output_index"].as_u64().unwrap()).unwrap();
        match kind {
            "response.output_item.added" => {
                assert_eq!(index, items.len());
                items.push((value["item"]["id"].clone(), Value::Null));
            }
            "response.output_item.done" => {
                assert_eq!(items[index], (value["item"]["id"].clone(), Value::Null));
                items[index].1 = value["item"].clone();
            }
            _ => assert_eq!(items[index], (value["item_id"].clone(), Value::Null), "{kind}"),
        }
    }
    assert_eq!(values[0]["type"], "response.created");
    assert_eq!(values[1]["type"], "response.in_progress");
    let done: Vec<_> = items.into_iter().map(|(_, item)| item).collect();
    assert_eq!(values[values.len() - 1]["response"]["output"], json!(done));
}

/// As the accumulators of the SDKs check a stream of Chat Completions.
fn check_chat(stream: &str) {
    let values = values(stream);
    assert!(stream.ends_with("data: [DONE]\n\n"));
    assert_eq!(values[0]["choices"][0]["delta"]["role"], "assistant");
    let mut calls = 0;
    for value in &values {
        assert_eq!((&value["id"], &value["model"]), (&json!("chatcmpl-1a2b"), &json!("fast")));
        for call in value["choices"][0]["delta"]["tool_calls"].as_array().into_iter().flatten() {
            let index = call["index"].as_u64().unwrap();
            assert!(index == calls || index + 1 == calls, "the pieces of a call are not mixed with others");
            assert_eq!(call.get("id").is_some(), index == calls, "a call begins once, in order");
            assert!(call["function"]["arguments"].is_string(), "every piece has arguments");
            calls = calls.max(index + 1);
        }
    }
    let finished = values.iter().filter(|value| value["choices"][0]["finish_reason"].is_string()).count();
    assert_eq!(finished, 1);
    let last = &values[values.len() - 1];
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["total_tokens"], 60);
}

fn check(dialect: Dialect, stream: &str) {
    match dialect {
        Dialect::ChatCompletions => check_chat(stream),
        Dialect::Responses => check_responses(stream),
        Dialect::Messages => check_messages(stream),
    }
}

fn folded(dialect: Dialect, events: Vec<Event>) -> (Folded, Folded) {
    let bytes = stream(dialect, events.clone());
    check(dialect, &bytes);
    let unary = whole(dialect, events);
    (fold(codec(dialect), &bytes), fold_unary(codec(dialect), &unary))
}

proptest! {
    #[test]
    fn clients_see_what_the_model_said(parts in answer(), size in 1_usize..9, mixed in any::<bool>()) {
        let reason = if has_calls(&parts) { FinishReason::ToolCalls } else { FinishReason::Stop };
        let finish = finish(reason);
        for dialect in ALL {
            let (streamed, unary) = folded(dialect, events(&parts, size, mixed, finish.clone()));
            prop_assert_eq!(seen(dialect, &streamed.parts), seen(dialect, &parts), "{:?}", dialect);
            prop_assert_eq!(seen(dialect, &unary.parts), seen(dialect, &parts), "whole {:?}", dialect);
            if dialect != Dialect::ChatCompletions {
                prop_assert_eq!(normalized(&streamed.parts), normalized(&unary.parts), "{:?}", dialect);
            }
            for folded in [streamed, unary] {
                prop_assert_eq!(folded.reason(), reason);
                let usage = folded.usage();
                let expected = finish.usage.unwrap();
                prop_assert_eq!(usage.input_tokens, expected.input_tokens);
                prop_assert_eq!(usage.output_tokens, expected.output_tokens);
                prop_assert_eq!(usage.reasoning_tokens, expected.reasoning_tokens);
                prop_assert_eq!(usage.cache_read_tokens, expected.cache_read_tokens);
                prop_assert_eq!(usage.cache_write_tokens, expected.cache_write_tokens);
            }
        }
    }

    #[test]
    fn whatever_a_client_sends_there_is_an_answer(
        cuts in prop::collection::vec((0_usize..400, "[\\[\\]{}\",:a-z0-9null]{0,4}"), 0..4),
    ) {
        let bodies = [
            r#"{"model":"m","max_tokens":9,"stream":true,"system":[{"type":"text","text":"s"}],"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}]},{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"},{"type":"tool_use","id":"a","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"r"}]}]}"#,
            r#"{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]},{"role":"assistant","content":null,"reasoning_details":[{"type":"x"}],"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"a","content":"r"}],"tools":[{"type":"function","function":{"name":"f"}}]}"#,
            r#"{"model":"m","instructions":"i","input":[{"role":"user","content":[{"type":"input_text","text":"t"}]},{"type":"reasoning","id":"r","summary":[{"type":"summary_text","text":"t"}],"encrypted_content":"e"},{"type":"function_call","call_id":"a","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"a","output":"r"}]}"#,
        ];
        for dialect in ALL {
            for body in bodies {
                let mut body = body.to_owned();
                for (at, text) in &cuts {
                    let at = (*at).min(body.len());
                    let end = (at + text.len()).min(body.len());
                    body.replace_range(at..end, text);
                }
                if let Err(error) = dialect.parse(body.as_bytes()) {
                    prop_assert!(!error.message.is_empty());
                }
            }
        }
    }
}

#[test]
fn a_stream_that_breaks_says_so_in_its_dialect_and_nothing_after_it() {
    let error = chatmesh_proto::common::v1::GenerationError {
        message: "Acme is overloaded.".into(),
        kind: chatmesh_proto::common::v1::ErrorKind::Overloaded.into(),
        retryable: true,
        ..Default::default()
    };
    for dialect in ALL {
        let mut all = events(&[crate::compat::testing::text("abc")], 2, false, finish(FinishReason::Stop));
        all.insert(3, Event::Error(error.clone()));
        let bytes = stream(dialect, all);
        assert!(!bytes.contains("[DONE]"), "{bytes}");
        let folded = fold(codec(dialect), &bytes);
        assert_eq!(folded.lines(), ["text ab"], "{dialect:?}");
        assert_eq!(folded.error_kind(), (chatmesh_proto::common::v1::ErrorKind::Overloaded, true), "{dialect:?}");
        // Also where nothing had begun.
        let folded = fold(codec(dialect), &stream(dialect, [Event::Error(error.clone())]));
        assert_eq!(folded.error_kind(), (chatmesh_proto::common::v1::ErrorKind::Overloaded, true), "{dialect:?}");
    }
}

#[test]
fn signs_of_life_disturb_no_stream() {
    for dialect in ALL {
        let mut streamer = dialect.streamer(crate::compat::testing::echo());
        let mut out = bytes::BytesMut::new();
        streamer.alive(&mut out);
        for event in events(&[crate::compat::testing::text("abc")], 1, false, finish(FinishReason::Stop)) {
            streamer.push(event, &mut out);
            streamer.alive(&mut out);
        }
        let bytes = String::from_utf8(out.to_vec()).unwrap();
        assert_eq!(fold(codec(dialect), &bytes).lines(), ["text abc"], "{dialect:?}");
        let end = bytes.len();
        streamer.alive(&mut out);
        assert_eq!(out.len(), end, "nothing comes after the end");
    }
}
