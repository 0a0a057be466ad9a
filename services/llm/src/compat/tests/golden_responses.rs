//! Streams of Responses, written by hand from their grammar.

use chatmesh_proto::common::v1::FinishReason;
use serde_json::{Value, json};

use crate::compat::Dialect;
use crate::compat::testing::{call, events, finish, search, source, stream, text, thought, values};

/// An event about an item, without its number.
fn of_item(kind: &str, index: u32, id: &str, more: Value) -> Value {
    let mut event = json!({"type": format!("response.{kind}"), "output_index": index, "item_id": id});
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event
}

fn item(kind: &str, index: u32, item: &Value) -> Value {
    json!({"type": format!("response.output_item.{kind}"), "output_index": index, "item": item})
}

/// The events between the first two and the last, without their numbers.
fn inner(stream: &str) -> Vec<Value> {
    let mut values = values(stream);
    for (number, value) in values.iter_mut().enumerate() {
        assert_eq!(value.as_object_mut().unwrap().remove("sequence_number"), Some(json!(number)));
    }
    values[2..values.len() - 1].to_vec()
}

#[test]
fn a_text_with_a_source() {
    let id = "msg_cm_1a2b_0";
    let content = |text: &str, annotations: Value| json!({"type": "output_text", "text": text, "annotations": annotations, "logprobs": []});
    let annotation =
        json!({"type": "url_citation", "start_index": 0, "end_index": 3, "url": "https://a.example", "title": "A"});
    let message = |status: &str, content: Value| json!({"type": "message", "id": id, "status": status, "role": "assistant", "content": content});
    let whole = message("completed", json!([content("abc", json!([annotation]))]));
    let expected = vec![
        item("added", 0, &message("in_progress", json!([]))),
        of_item("content_part.added", 0, id, json!({"content_index": 0, "part": content("", json!([]))})),
        of_item("output_text.delta", 0, id, json!({"content_index": 0, "logprobs": [], "delta": "ab"})),
        of_item("output_text.delta", 0, id, json!({"content_index": 0, "logprobs": [], "delta": "c"})),
        of_item(
            "output_text.annotation.added",
            0,
            id,
            json!({"content_index": 0, "annotation_index": 0, "annotation": annotation}),
        ),
        of_item("output_text.done", 0, id, json!({"content_index": 0, "logprobs": [], "text": "abc"})),
        of_item("content_part.done", 0, id, json!({"content_index": 0, "part": content("abc", json!([annotation]))})),
        item("done", 0, &whole),
    ];
    let parts = [text("abc"), source("https://a.example", "A")];
    let written = stream(Dialect::Responses, events(&parts, 2, false, finish(FinishReason::Stop)));
    assert_eq!(inner(&written), expected);
    let last = values(&written).pop().unwrap();
    assert_eq!(last["type"], "response.completed");
    let response = &last["response"];
    assert_eq!(response["output"], json!([whole]));
    assert_eq!((&response["status"], &response["model"]), (&json!("completed"), &json!("fast")));
    assert_eq!(
        response["usage"],
        json!({"input_tokens": 40, "input_tokens_details": {"cached_tokens": 7, "cache_write_tokens": 3},
            "output_tokens": 20, "output_tokens_details": {"reasoning_tokens": 5}, "total_tokens": 60})
    );
}

#[test]
fn a_thought_and_a_call() {
    let (rs, fc) = ("rs_cm_1a2b_0", "fc_cm_1a2b_1");
    let reasoning = |summary: Value| json!({"type": "reasoning", "id": rs, "summary": summary});
    let section = |text: &str| json!({"type": "summary_text", "text": text});
    let call_item = |status: &str, args: &str| json!({"type": "function_call", "id": fc, "status": status, "call_id": "call_1", "name": "f", "arguments": args});
    let expected = vec![
        item("added", 0, &reasoning(json!([]))),
        of_item("reasoning_summary_part.added", 0, rs, json!({"summary_index": 0, "part": section("")})),
        of_item("reasoning_summary_text.delta", 0, rs, json!({"summary_index": 0, "delta": "why"})),
        of_item("reasoning_summary_text.done", 0, rs, json!({"summary_index": 0, "text": "why"})),
        of_item("reasoning_summary_part.done", 0, rs, json!({"summary_index": 0, "part": section("why")})),
        item("done", 0, &reasoning(json!([section("why")]))),
        item("added", 1, &call_item("in_progress", "")),
        of_item("function_call_arguments.delta", 1, fc, json!({"delta": "{}"})),
        of_item("function_call_arguments.done", 1, fc, json!({"name": "f", "arguments": "{}"})),
        item("done", 1, &call_item("completed", "{}")),
    ];
    let parts = [thought("why", vec![]), call("call_1", "f", "{}")];
    let written = stream(Dialect::Responses, events(&parts, 9, false, finish(FinishReason::ToolCalls)));
    assert_eq!(inner(&written), expected);
}

#[test]
fn a_search_of_another_provider_is_shown_as_one() {
    let id = "srvtoolu_1";
    let action = json!({"type": "search", "query": "q"});
    let call = |status: &str| json!({"type": "web_search_call", "id": id, "status": status, "action": action});
    let parts = search(id, "q", [vec![], vec![]]);
    let written = stream(Dialect::Responses, events(&parts, 9, false, finish(FinishReason::Stop)));
    let expected = vec![
        item("added", 0, &call("in_progress")),
        of_item("web_search_call.in_progress", 0, id, json!({})),
        of_item("web_search_call.searching", 0, id, json!({})),
        of_item("web_search_call.completed", 0, id, json!({})),
        item("done", 0, &call("completed")),
    ];
    assert_eq!(inner(&written)[..5], expected);
}

#[test]
fn an_answer_that_was_cut_says_why() {
    let cases = [(FinishReason::Length, "max_output_tokens"), (FinishReason::ContentFilter, "content_filter")];
    for (reason, expected) in cases {
        let last = values(&stream(Dialect::Responses, events(&[text("a")], 1, false, finish(reason)))).pop().unwrap();
        assert_eq!(last["type"], "response.incomplete");
        assert_eq!(last["response"]["status"], "incomplete");
        assert_eq!(last["response"]["incomplete_details"], json!({"reason": expected}));
    }
}

#[test]
fn the_answer_repeats_what_was_asked() {
    let body = json!({"model": "m", "input": "hi", "instructions": "be\nbrief", "temperature": 0.5, "store": true,
        "metadata": {"a": "b"}, "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}]});
    let body = serde_json::to_string_pretty(&body).unwrap();
    let mut asked = Dialect::Responses.parse(body.as_bytes()).unwrap();
    asked.echo.id = "x".to_owned();
    let mut streamer = Dialect::Responses.streamer(asked.echo);
    let mut out = bytes::BytesMut::new();
    for event in events(&[text("a")], 1, false, finish(FinishReason::Stop)) {
        streamer.push(event, &mut out);
    }
    let values = values(std::str::from_utf8(&out).unwrap());
    for value in values.iter().filter_map(|value| value.get("response")) {
        assert_eq!((&value["id"], &value["model"], &value["store"]), (&json!("resp_x"), &json!("m"), &json!(false)));
        assert_eq!((&value["instructions"], &value["temperature"]), (&json!("be\nbrief"), &json!(0.5)));
        assert_eq!((&value["metadata"], &value["tools"][0]["name"]), (&json!({"a": "b"}), &json!("f")));
        assert_eq!((&value["parallel_tool_calls"], &value["tool_choice"]), (&json!(true), &json!("auto")));
    }
}
