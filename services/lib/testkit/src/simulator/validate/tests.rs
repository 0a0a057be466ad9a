use http::{HeaderName, HeaderValue};
use serde_json::json;

use super::*;

mod responses;

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let entry =
        |(name, value): &(&'static str, &'static str)| (HeaderName::from_static(name), HeaderValue::from_static(value));
    pairs.iter().map(entry).collect()
}

fn check_with(dialect: Dialect, headers: &HeaderMap, body: &str) -> Result<Value, Refusal> {
    let keys = ["right".to_owned()];
    let stored = Stored::default();
    let request = Unchecked { dialect, headers, body: body.as_bytes(), keys: &keys, stored: &stored };
    check(&request, |model| model == "m")
}

fn check_body(dialect: Dialect, body: &Value) -> Result<Value, Refusal> {
    let headers = headers(&[("authorization", "Bearer right"), ("anthropic-version", "2023-06-01")]);
    check_with(dialect, &headers, &body.to_string())
}

/// A valid request whose fields are replaced by those of `patch`; `null` removes one.
fn request(patch: &Value) -> Value {
    let mut body = json!({"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]});
    for (name, value) in patch.as_object().unwrap() {
        match value {
            Value::Null => drop(body.as_object_mut().unwrap().remove(name)),
            value => body[name] = value.clone(),
        }
    }
    body
}

/// Checks rows of (patch, words that the refusal must have; empty if it is accepted).
fn assert_rows(dialect: Dialect, rows: &[(Value, &str)]) {
    for (patch, expected) in rows {
        match (check_body(dialect, &request(patch)), expected.is_empty()) {
            (Ok(_), true) => {}
            (Err(refusal), false) => {
                assert_eq!(refusal.status, 400, "{patch}: {refusal:?}");
                assert!(refusal.message.contains(expected), "{patch}: {}", refusal.message);
            }
            (outcome, _) => panic!("{patch}: expected {expected:?}, got {outcome:?}"),
        }
    }
}

#[test]
fn keys_versions_models_and_json_are_checked_in_order() {
    let body = request(&json!({})).to_string();
    let unknown = request(&json!({"model": "x"})).to_string();
    let version = ("anthropic-version", "2023-06-01");
    let bearer = ("authorization", "Bearer right");
    let rows = [
        (Dialect::Anthropic, vec![version], body.as_str(), 401),
        (Dialect::Anthropic, vec![version, ("x-api-key", "wrong")], &body, 401),
        (Dialect::Anthropic, vec![version, ("x-api-key", "")], &body, 401),
        (Dialect::Anthropic, vec![("x-api-key", "right")], &body, 400),
        (Dialect::Anthropic, vec![version, ("x-api-key", "right")], &unknown, 404),
        (Dialect::Anthropic, vec![version, ("x-api-key", "right")], "{\"model\":", 400),
        (Dialect::Anthropic, vec![version, ("x-api-key", "right")], "[]", 400),
        (Dialect::Anthropic, vec![version, ("x-api-key", "right")], &body, 200),
        (Dialect::Anthropic, vec![version, bearer], &body, 200),
        (Dialect::Chat, vec![], &body, 401),
        (Dialect::Chat, vec![("x-api-key", "right")], &body, 401),
        (Dialect::Chat, vec![("authorization", "Bearer wrong")], &body, 401),
        (Dialect::Chat, vec![("authorization", "Basic right")], &body, 401),
        (Dialect::Chat, vec![bearer], &unknown, 404),
        (Dialect::Chat, vec![bearer], "", 400),
        (Dialect::Chat, vec![bearer], &body, 200),
    ];
    for (dialect, pairs, body, expected) in rows {
        let status = check_with(dialect, &headers(&pairs), body).map_or_else(|refusal| refusal.status, |_| 200);
        assert_eq!(status, expected, "{dialect:?} {pairs:?} {body}");
    }
}

#[test]
fn any_key_will_do_if_none_is_named() {
    let headers = headers(&[("authorization", "Bearer anything")]);
    let body = request(&json!({})).to_string();
    let stored = Stored::default();
    let dialect = Dialect::Chat;
    let request = Unchecked { dialect, headers: &headers, body: body.as_bytes(), keys: &[], stored: &stored };
    check(&request, |_| true).unwrap();
}

fn anthropic_call(id: &str) -> Value {
    json!({"type": "tool_use", "id": id, "name": "t", "input": {}})
}

fn anthropic_result(id: &str) -> Value {
    json!({"type": "tool_result", "tool_use_id": id, "content": "ok"})
}

#[test]
fn anthropic_refuses_what_anthropic_refuses() {
    let user = |content: Value| json!({"role": "user", "content": content});
    let assistant = |content: Value| json!({"role": "assistant", "content": content});
    let messages = |list: &[Value]| json!({"messages": list});
    let hi = user(json!("hi"));
    let text = json!({"type": "text", "text": "x"});
    let thinking = json!({"type": "thinking", "thinking": "x"});
    let signed = json!({"type": "thinking", "thinking": "x", "signature": "s"});
    let thinks = |list: &[Value]| json!({"messages": list, "thinking": {"type": "enabled", "budget_tokens": 5}});
    let marks = |count: usize| {
        let marked = json!({"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}});
        json!({"system": vec![marked; count]})
    };
    let tool = |tool: Value| json!({"tools": [tool]});
    let (call, result) = (anthropic_call, anthropic_result);
    assert_rows(
        Dialect::Anthropic,
        &[
            (json!({}), ""),
            (json!({"max_tokens": null}), "max_tokens: Field required"),
            (json!({"max_tokens": 0}), "max_tokens"),
            (json!({"model": null}), "model: Field required"),
            (json!({"thinking": {"type": "enabled", "budget_tokens": 10}}), "budget_tokens"),
            (json!({"system": [{"type": "text", "text": ""}]}), "non-empty"),
            (marks(4), ""),
            (marks(5), "A maximum of 4 blocks with cache_control may be provided. Found 5."),
            (thinks(&[hi.clone(), assistant(json!([call("a")])), user(json!([result("a")]))]), "Expected `thinking`"),
            (thinks(&[hi.clone(), assistant(json!([signed, call("a")])), user(json!([result("a")]))]), ""),
            (thinks(&[hi.clone(), assistant(json!([call("a")])), user(json!([result("a"), text]))]), ""),
            (thinks(&[hi.clone(), assistant(json!([text])), hi.clone()]), ""),
            (json!({"messages": null}), "at least one message"),
            (messages(&[]), "at least one message"),
            (messages(&[json!({"role": "system", "content": "x"})]), "Unexpected role"),
            (messages(&[json!({"role": "user"})]), "content: Field required"),
            (messages(&[user(json!(""))]), "non-empty content"),
            (messages(&[user(json!([]))]), "non-empty content"),
            (messages(&[user(json!([{"type": "text", "text": ""}]))]), "must be non-empty"),
            (messages(&[user(json!([{"type": "text", "text": " \n"}]))]), "non-whitespace"),
            (messages(&[user(json!([{"text": "x"}]))]), "type: Field required"),
            (messages(&[assistant(json!("x")), hi.clone()]), "first message"),
            (messages(&[hi.clone(), assistant(json!("x"))]), "prefill"),
            (messages(&[hi.clone(), hi.clone()]), ""),
            (messages(&[hi.clone(), assistant(json!("x")), assistant(json!("y")), hi.clone()]), ""),
            (messages(&[hi.clone(), assistant(json!([thinking])), hi.clone()]), "signature"),
            (messages(&[hi.clone(), assistant(json!([call("a")])), user(json!([result("a")]))]), ""),
            (messages(&[hi.clone(), assistant(json!([call("a")])), hi.clone()]), "without `tool_result`"),
            (messages(&[hi.clone(), assistant(json!([call("a"), call("b")])), user(json!([result("b")]))]), ": a."),
            (messages(&[user(json!([result("a")]))]), "unexpected `tool_use_id`"),
            (
                messages(&[hi.clone(), assistant(json!([call("a")])), user(json!([result("a"), result("z")]))]),
                "blocks: z.",
            ),
            (
                messages(&[hi.clone(), assistant(json!([call("a")])), user(json!([result("a"), result("a")]))]),
                "single result",
            ),
            (
                messages(&[hi.clone(), assistant(json!([call("a"), call("a")])), user(json!([result("a")]))]),
                "must be unique",
            ),
            (
                messages(&[
                    hi.clone(),
                    assistant(json!([call("a")])),
                    user(json!([result("a")])),
                    assistant(json!([call("a")])),
                    user(json!([result("a")])),
                ]),
                "must be unique",
            ),
            (messages(&[hi.clone(), assistant(json!([call("a")])), user(json!([text, result("a")]))]), "come first"),
            (messages(&[hi.clone(), assistant(json!([call("a")])), user(json!([result("a"), text]))]), ""),
            (messages(&[hi.clone(), assistant(json!([call("a")])), user(json!([result("a")])), hi.clone()]), ""),
            (
                messages(&[
                    hi,
                    assistant(json!([{"type": "tool_use", "id": "a", "name": "t", "input": "{}"}])),
                    user(json!([result("a")])),
                ]),
                "valid dictionary",
            ),
            (tool(json!({"name": "ok_-9", "input_schema": {"type": "object"}})), ""),
            (tool(json!({"name": "no spaces", "input_schema": {"type": "object"}})), "match pattern"),
            (tool(json!({"name": "n".repeat(129), "input_schema": {"type": "object"}})), "match pattern"),
            (tool(json!({"name": "t"})), "input_schema"),
            (tool(json!({"name": "t", "input_schema": {"type": "string"}})), "input_schema"),
            (tool(json!({"type": "computer_20250124", "name": "computer"})), ""),
        ],
    );
}

#[test]
fn chat_refuses_what_openai_refuses() {
    let message = |role: &str, content: Value| json!({"role": role, "content": content});
    let messages = |list: &[Value]| json!({"messages": list});
    let user = message("user", json!("hi"));
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "t", "arguments": "{}"}});
    let calls = |calls: Value| json!({"role": "assistant", "content": null, "tool_calls": calls});
    let result = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": "ok"});
    let function = |function: Value| json!({"tools": [{"type": "function", "function": function}]});
    assert_rows(
        Dialect::Chat,
        &[
            (json!({}), ""),
            (json!({"model": null}), "model parameter"),
            (json!({"messages": null}), "Missing required parameter: 'messages'"),
            (messages(&[]), "Invalid 'messages': empty array"),
            (json!({"stream_options": {"include_usage": true}}), "stream_options"),
            (json!({"stream": true, "stream_options": {"include_usage": true}}), ""),
            (messages(&[message("robot", json!("x"))]), "Invalid value: 'robot'"),
            (messages(&[message("user", Value::Null)]), "got null"),
            (messages(&[message("user", json!([]))]), "empty array"),
            (messages(&[message("user", json!(7))]), "expected a string or an array"),
            (messages(&[user.clone(), message("assistant", Value::Null), user.clone()]), "got null"),
            (messages(&[user.clone(), calls(json!([])), user.clone()]), "empty array"),
            (messages(&[user.clone(), message("assistant", json!("x"))]), "last role"),
            (messages(&[user.clone(), calls(json!([call("a")])), result("a")]), ""),
            (messages(&[user.clone(), calls(json!([call("a"), call("b")])), result("b"), result("a")]), ""),
            (messages(&[user.clone(), calls(json!([call("a"), call("b")])), result("b")]), "messages: a"),
            (messages(&[user.clone(), calls(json!([call("a")])), user.clone(), result("a")]), "messages: a"),
            (messages(&[user.clone(), result("a")]), "must be a response"),
            (messages(&[user.clone(), calls(json!([call("a")])), result("a"), result("z")]), "must be a response"),
            (messages(&[user.clone(), calls(json!([call("a")])), result("a"), result("a")]), "Duplicate tool message"),
            (messages(&[user.clone(), calls(json!([call("a"), call("a")])), result("a")]), "Duplicate or empty id"),
            (
                messages(&[
                    user.clone(),
                    calls(json!([call("a")])),
                    result("a"),
                    calls(json!([call("a")])),
                    result("a"),
                ]),
                "Duplicate or empty id",
            ),
            (
                messages(&[
                    user,
                    calls(json!([{"id": "a", "type": "function", "function": {"name": "t", "arguments": {}}}])),
                    result("a"),
                ]),
                "expected a string",
            ),
            (json!({"tools": []}), "Invalid 'tools': empty array"),
            (function(json!({"name": "t"})), ""),
            (function(json!({"name": "t", "parameters": {"type": "object"}})), ""),
            (function(json!({"name": "t", "parameters": {"type": "array"}})), "Invalid schema for function 't'"),
            (function(json!({"name": "a b"})), "does not match pattern"),
            (function(json!({"name": "n".repeat(65)})), "does not match pattern"),
        ],
    );
}

#[test]
fn recorded_requests_are_not_refused() {
    let Some(recordings) = crate::recordings::or_skip("recorded_requests_are_not_refused") else { return };
    let headers = headers(&[("authorization", "Bearer right"), ("anthropic-version", "2023-06-01")]);
    let stored = Stored::default();
    let mut checked = 0;
    for session in recordings.sessions() {
        for interaction in &session.interactions {
            let Some(dialect) = Dialect::of_path(interaction.request.path()) else { continue };
            let body = interaction.request.body.as_bytes();
            let request = Unchecked { dialect, headers: &headers, body, keys: &[], stored: &stored };
            check(&request, |_| true).unwrap_or_else(|refusal| panic!("{}: {refusal:?}", session.scenario));
            checked += 1;
        }
    }
    assert!(checked > 100, "{checked}");
}
