//! Requests of Responses, good and bad.

use chatmesh_proto::llm::v1::{GenerateRequest, ToolChoice};
use serde_json::{Value, json};

use super::{lines, parse};
use crate::compat::Dialect::Responses;

fn with(fields: Value) -> Value {
    let mut body = json!({"model": "fast", "input": "hi"});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

fn asked(fields: Value) -> GenerateRequest {
    parse(Responses, with(fields)).unwrap().request
}

#[test]
fn every_item_finds_its_place() {
    let body = with(json!({"instructions": "be brief", "input": [
        {"role": "developer", "content": "be kind"},
        {"type": "message", "role": "user", "content": [
            {"type": "input_text", "text": "look"},
            {"type": "input_image", "image_url": "data:image/png;base64,AAEC", "detail": "auto"},
            {"type": "input_file", "filename": "a.pdf", "file_data": "AAEC"},
            {"type": "input_file", "file_url": "https://a.example/b.pdf"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "a"},
            {"type": "summary_text", "text": "b"}], "encrypted_content": "xyz"},
        {"type": "reasoning", "id": "rs_2", "summary": []},
        {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed", "content": [
            {"type": "output_text", "text": "so", "annotations": [{"type": "url_citation", "url": "u"}]},
            {"type": "refusal", "refusal": "no"}]},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}},
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{\"a\": 1}"},
        {"type": "function_call", "call_id": "c2", "name": "g", "arguments": ""},
        {"type": "compaction", "id": "cmp_1"},
        {"type": "function_call_output", "call_id": "c1", "output": "one"},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "two"}]},
        {"role": "assistant", "content": "plain"},
        {"role": "user", "content": "go on"},
    ]}));
    let asked = parse(Responses, body).unwrap();
    assert_eq!(
        lines(&asked),
        [
            "System: text be brief",
            "System: text be kind",
            "User: text look",
            "User: file ",
            "User: file a.pdf",
            "User: file ",
            r#"Assistant: thought a

b reasoning={"encrypted_content":"xyz","id":"rs_1","summary":[{"text":"a","type":"summary_text"},{"text":"b","type":"summary_text"}],"type":"reasoning"}"#,
            "Assistant: hidden ",
            r#"Assistant: text so message={"id":"msg_1","status":"completed"} annotations=[{"type":"url_citation","url":"u"}]"#,
            r#"Assistant: text no message={"id":"msg_1","status":"completed"} refusal=true"#,
            r#"Assistant: provider-call ws_1 web_search {"query":"q","type":"search"} server_tool={"action":{"query":"q","type":"search"},"id":"ws_1","status":"completed","type":"web_search_call"}"#,
            r#"Assistant: result ws_1 web_search {"status":"completed"} server_tool="ws_1""#,
            r#"Assistant: call c1 f {"a": 1} function_call={"id":"fc_1"}"#,
            "Assistant: call c2 g {}",
            r#"Assistant: text  raw={"id":"cmp_1","type":"compaction"}"#,
            "Tool: result c1 f one",
            "Tool: result c2 g two",
            "Assistant: text plain",
            "User: text go on",
        ]
    );
}

#[test]
fn every_setting_arrives() {
    let request = asked(json!({"max_output_tokens": 9, "temperature": 0.5, "top_p": 0.9, "store": true, "user": "u",
        "reasoning": {"effort": "high", "summary": "auto"}, "parallel_tool_calls": true, "truncation": "disabled",
        "include": ["reasoning.encrypted_content"], "background": false, "top_logprobs": 0,
        "text": {"verbosity": "low", "format": {"type": "json_schema", "name": "n", "schema": {}, "strict": true}}}));
    let options = request.options.unwrap();
    assert_eq!((request.max_output_tokens, options.temperature, options.top_p), (Some(9), Some(0.5), Some(0.9)));
    assert_eq!((options.reasoning_effort.as_deref(), options.verbosity.as_deref()), (Some("high"), Some("low")));
    assert_eq!((options.parallel_tool_calls, options.store), (Some(true), None));
    let format = request.output_format.unwrap();
    assert_eq!((format.name.as_str(), format.schema.as_str(), format.strict), ("n", "{}", true));
}

#[test]
fn tools_and_their_choice() {
    let tools = json!([{"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"},
        "strict": true}, {"type": "function", "name": "g", "parameters": null},
        {"type": "web_search", "filters": {"allowed_domains": ["a.example"]}, "search_context_size": "low"}]);
    let choose = |choice: Value| {
        let request = asked(json!({"tools": tools, "tool_choice": choice}));
        let search = request.options.clone().unwrap().web_search.unwrap();
        assert_eq!((search.allowed_domains.len(), search.context_size.as_str()), (1, "low"));
        (request.tool_choice(), request.required_tool.clone(), request.tools.len())
    };
    assert_eq!(choose(json!("required")), (ToolChoice::Required, String::new(), 2));
    assert_eq!(choose(json!({"type": "function", "name": "g"})), (ToolChoice::Required, "g".to_owned(), 2));
    assert_eq!(choose(json!({"type": "web_search"})), (ToolChoice::Unspecified, String::new(), 2));
    let allowed = json!({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "g"}]});
    assert_eq!(choose(allowed), (ToolChoice::Auto, String::new(), 1));
}

#[test]
fn what_cannot_be_served_is_told_precisely() {
    let item = |item: Value| with(json!({"input": [{"role": "user", "content": "x"}, item]}));
    let cases = [
        (json!({"model": "m"}), "input"),
        (with(json!({"input": []})), "input"),
        (with(json!({"previous_response_id": "resp_1"})), "previous_response_id"),
        (with(json!({"conversation": "conv_1"})), "conversation"),
        (with(json!({"prompt": {"id": "p"}})), "prompt"),
        (with(json!({"background": true})), "background"),
        (with(json!({"top_logprobs": 3})), "top_logprobs"),
        (item(json!({"type": "item_reference", "id": "rs_1"})), "input[1]"),
        (item(json!({"type": "custom_tool_call", "call_id": "c", "name": "f", "input": "x"})), "input[1]"),
        (item(json!({"type": "computer_call_output", "call_id": "c"})), "input[1]"),
        (item(json!({"type": "function_call", "name": "f"})), "input[1].call_id"),
        (item(json!({"type": "function_call_output", "call_id": "c"})), "input[1].output"),
        (item(json!({"role": "robot", "content": "x"})), "input[1].role"),
        (
            item(json!({"role": "user", "content": [{"type": "input_image", "file_id": "f"}]})),
            "input[1].content[0].file_id",
        ),
        (item(json!({"role": "user", "content": [{"type": "input_audio"}]})), "input[1].content[0]"),
        (with(json!({"tools": [{"type": "file_search"}]})), "tools[0]"),
        (with(json!({"tool_choice": {"type": "function", "name": "f"}})), "tool_choice"),
        (with(json!({"text": {"format": {"type": "xml"}}})), "text.format.type"),
        (with(json!({"reasoning": {"effort": "huge"}})), "reasoning.effort"),
    ];
    for (body, param) in cases {
        let error = parse(Responses, body.clone()).unwrap_err();
        assert_eq!(error.param.as_deref(), Some(param), "{body}");
        assert!(error.message.contains(param), "{}", error.message);
    }
    let error = parse(Responses, with(json!({"previous_response_id": "resp_1"}))).unwrap_err();
    assert_eq!(error.code, Some("previous_response_not_found"));
    assert!(error.message.contains("send the whole conversation in `input`"), "{}", error.message);
}
