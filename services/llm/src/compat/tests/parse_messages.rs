//! Requests of Messages, good and bad.

use chatmesh_proto::llm::v1::{GenerateRequest, ToolChoice};
use serde_json::{Value, json};

use super::{lines, parse};
use crate::compat::Dialect::Messages;

fn with(fields: Value) -> Value {
    let mut body = json!({"model": "fast", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

fn asked(fields: Value) -> GenerateRequest {
    parse(Messages, with(fields)).unwrap().request
}

#[test]
fn every_block_finds_its_place() {
    let cached = json!({"type": "ephemeral"});
    let body = with(json!({"system": [{"type": "text", "text": "be brief", "cache_control": cached}], "messages": [
        {"role": "user", "content": [
            {"type": "text", "text": "look", "cache_control": cached},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAEC"}},
            {"type": "image", "source": {"type": "url", "url": "https://a.example/b.gif"}},
            {"type": "document", "title": "D", "source": {"type": "base64", "media_type": "application/pdf", "data": "AAEC"}},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "plain"}},
            {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "found"}]}]},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "why", "signature": "sig"},
            {"type": "thinking", "thinking": "unsigned", "signature": ""},
            {"type": "redacted_thinking", "data": "xyz"},
            {"type": "text", "text": "so", "citations": [
                {"type": "web_search_result_location", "url": "u", "encrypted_index": "e"},
                {"type": "web_search_result_location", "url": "u", "encrypted_index": ""}]},
            {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
            {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [
                {"type": "web_search_result", "url": "u", "title": "t", "encrypted_content": "e"}]},
            {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}, "caller": {"type": "direct"}},
            {"type": "tool_use", "id": "t2", "name": "g", "input": {}, "toolset_name": "x"}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t1", "content": "one"},
            {"type": "tool_result", "tool_use_id": "t2", "is_error": true, "content": [{"type": "text", "text": "two"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAEC"}}]},
            {"type": "text", "text": "go on"}]},
        {"role": "assistant", "content": "The answer is"},
    ]}));
    let asked = parse(Messages, body).unwrap();
    assert_eq!(
        lines(&asked),
        [
            "System: text be brief",
            "User: text look",
            "User: file ",
            "User: file ",
            "User: file D",
            "User: file ",
            "User: text t (s):\n\nfound",
            "Assistant: thought why thinking_signature=\"sig\"",
            "Assistant: thought unsigned",
            r#"Assistant: hidden  redacted_thinking={"data":"xyz","type":"redacted_thinking"}"#,
            r#"Assistant: text so citation={"encrypted_index":"e","type":"web_search_result_location","url":"u"}"#,
            r#"Assistant: provider-call srvtoolu_1 web_search {"query":"q"} server_tool={"id":"srvtoolu_1","input":{"query":"q"},"name":"web_search","type":"server_tool_use"}"#,
            r#"Assistant: result srvtoolu_1 web_search {"content":[{"title":"t","type":"web_search_result","url":"u"}]} server_tool={"content":[{"encrypted_content":"e","title":"t","type":"web_search_result","url":"u"}],"tool_use_id":"srvtoolu_1","type":"web_search_tool_result"}"#,
            r#"Assistant: call t1 f {"a":1}"#,
            r#"Assistant: call t2 g {} tool_use={"toolset_name":"x"}"#,
            "Tool: result t1 f one",
            "Tool: result t2 g two",
            "User: text go on",
            "Assistant: text The answer is",
        ]
    );
    let results = &asked.request.messages[3].parts;
    match &results[1].body {
        Some(chatmesh_proto::common::v1::part::Body::ToolResult(it)) => assert!(it.is_error && it.files.len() == 1),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_setting_arrives() {
    let request = asked(json!({"temperature": 1, "top_p": 0.5, "top_k": 40, "stop_sequences": ["x"], "stream": true,
        "metadata": {"user_id": "u"}, "thinking": {"type": "enabled", "budget_tokens": 2048}, "service_tier": "auto",
        "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}}}));
    let options = request.options.unwrap();
    assert_eq!(request.max_output_tokens, Some(100));
    assert_eq!((options.temperature, options.top_p, options.top_k), (Some(1.0), Some(0.5), Some(40)));
    assert_eq!((options.thinking_budget_tokens, options.reasoning_effort.as_deref()), (Some(2048), Some("low")));
    assert_eq!((options.service_tier, request.stop_sequences.len()), (None, 1));
    assert_eq!(request.output_format.unwrap().schema, r#"{"type":"object"}"#);
    let adaptive = asked(json!({"thinking": {"type": "adaptive"}})).options.unwrap();
    assert_eq!(adaptive.reasoning_effort.as_deref(), Some("high"));
    let disabled = asked(json!({"thinking": {"type": "disabled"}})).options.unwrap();
    assert_eq!((disabled.reasoning_effort, disabled.thinking_budget_tokens), (None, None));
}

#[test]
fn tools_and_their_choice() {
    let tools = json!([{"name": "f", "description": "d", "input_schema": {"type": "object"}, "strict": true,
        "cache_control": {"type": "ephemeral"}}, {"type": "custom", "name": "g", "input_schema": {}},
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 3, "allowed_domains": ["a.example"]}]);
    let choose = |choice: Value| {
        let request = asked(json!({"tools": tools, "tool_choice": choice}));
        let options = request.options.clone().unwrap();
        let search = options.web_search.unwrap();
        assert_eq!((search.max_uses, search.allowed_domains.len()), (Some(3), 1));
        assert_eq!((request.tools.len(), request.tools[0].strict), (2, true));
        (request.tool_choice(), request.required_tool, options.parallel_tool_calls)
    };
    assert_eq!(choose(json!({"type": "auto"})), (ToolChoice::Auto, String::new(), None));
    assert_eq!(choose(json!({"type": "none"})), (ToolChoice::None, String::new(), None));
    let any = json!({"type": "any", "disable_parallel_tool_use": true});
    assert_eq!(choose(any), (ToolChoice::Required, String::new(), Some(false)));
    assert_eq!(choose(json!({"type": "tool", "name": "g"})), (ToolChoice::Required, "g".to_owned(), None));
}

#[test]
fn what_cannot_be_served_is_told_precisely() {
    let user = |block: Value| with(json!({"messages": [{"role": "user", "content": [block]}]}));
    let said = |block: Value| {
        with(json!({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": [block]}]}))
    };
    let cases = [
        (json!({"model": "m", "messages": [{"role": "user", "content": "x"}]}), "max_tokens"),
        (with(json!({"max_tokens": 0})), "max_tokens"),
        (with(json!({"messages": []})), "messages"),
        (with(json!({"messages": [{"role": "tool", "content": "x"}]})), "messages[0].role"),
        (user(json!({"type": "video"})), "messages[0].content[0]"),
        (user(json!({"text": "x"})), "messages[0].content[0].type"),
        (user(json!({"type": "image", "source": {"type": "file", "file_id": "f"}})), "messages[0].content[0].source"),
        (
            user(json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "?"}})),
            "messages[0].content[0].source.data",
        ),
        (user(json!({"type": "tool_result", "content": "x"})), "messages[0].content[0].tool_use_id"),
        (said(json!({"type": "tool_use", "id": "a", "name": "f", "input": "x"})), "messages[1].content[0].input"),
        (said(json!({"type": "tool_result", "tool_use_id": "a"})), "messages[1].content[0]"),
        (with(json!({"system": [{"type": "image"}]})), "system[0]"),
        (with(json!({"temperature": 1.5})), "temperature"),
        (with(json!({"thinking": {"type": "enabled", "budget_tokens": 5}})), "thinking.budget_tokens"),
        (with(json!({"thinking": {"type": "deep"}})), "thinking"),
        (with(json!({"tools": [{"name": "f"}]})), "tools[0].input_schema"),
        (with(json!({"tools": [{"type": "bash_20250124", "name": "bash"}]})), "tools[0]"),
        (with(json!({"tool_choice": {"type": "tool", "name": "f"}})), "tool_choice"),
        (with(json!({"mcp_servers": [{"url": "x"}]})), "mcp_servers"),
    ];
    for (body, param) in cases {
        let error = parse(Messages, body.clone()).unwrap_err();
        assert_eq!(error.param.as_deref(), Some(param), "{body}");
        assert!(error.message.contains(param), "{}", error.message);
    }
}
