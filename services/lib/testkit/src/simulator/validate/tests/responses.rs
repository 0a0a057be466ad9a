//! The rules of OpenAI Responses.

use super::*;
use crate::simulator::wire::encrypted_content;

fn user() -> Value {
    json!({"role": "user", "content": [{"type": "input_text", "text": "hi"}]})
}

fn call(id: &str) -> Value {
    json!({"type": "function_call", "call_id": id, "name": "t", "arguments": "{}"})
}

fn output(id: &str) -> Value {
    json!({"type": "function_call_output", "call_id": id, "output": "ok"})
}

fn said(id: &str) -> Value {
    let mut item = json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "x"}]});
    if !id.is_empty() {
        item["id"] = json!(id);
    }
    item
}

fn reasoning(id: &str) -> Value {
    json!({"type": "reasoning", "id": id, "summary": [], "encrypted_content": encrypted_content(id)})
}

fn with(field: &str, value: Value, mut item: Value) -> Value {
    item[field] = value;
    item
}

fn rows(rows: &[(Value, &str)]) {
    for (patch, expected) in rows {
        let mut body = json!({"model": "m", "input": "hi"});
        for (name, value) in patch.as_object().unwrap() {
            body[name] = value.clone();
        }
        match (check_body(Dialect::Responses, &body), expected.is_empty()) {
            (Ok(_), true) => {}
            (Err(refusal), false) => assert!(refusal.message.contains(expected), "{patch}: {}", refusal.message),
            (outcome, _) => panic!("{patch}: expected {expected:?}, got {outcome:?}"),
        }
    }
}

#[test]
fn fields_are_refused_as_openai_refuses_them() {
    let input = |items: Value| json!({"input": items});
    let message = |role: &str, kind: &str| json!([{"role": role, "content": [{"type": kind, "text": "x"}]}]);
    let tool = |tool: Value| json!({"tools": [with("type", json!("function"), tool)]});
    rows(&[
        (json!({}), ""),
        (json!({"input": null}), "Missing required parameter: 'input'"),
        (json!({"input": []}), "Invalid type for 'input'"),
        (json!({"max_output_tokens": 15}), "integer below minimum value"),
        (json!({"temperature": 1}), ""),
        (input(message("user", "input_text")), ""),
        (input(message("user", "output_text")), "Invalid value: 'output_text'"),
        (
            input(json!([{"role": "assistant", "content": [{"type": "input_text", "text": "x"}]}, user()])),
            "'input_text'",
        ),
        (input(message("tool", "input_text")), "Invalid value: 'tool'"),
        (input(json!([{"role": "user", "content": []}])), "content"),
        (input(json!([{"type": "brand_new"}])), "Invalid value: 'brand_new'"),
        (input(json!([user(), with("arguments", json!({}), call("a")), output("a")])), "arguments"),
        (input(json!([user(), with("call_id", json!(""), call("a"))])), "call_id"),
        (input(json!([user(), call("a"), with("output", json!(null), output("a"))])), "output"),
        (input(json!([user(), with("summary", json!(null), reasoning("rs_1")), said("m")])), "summary"),
        (tool(json!({"name": "t", "parameters": {"type": "object"}})), ""),
        (tool(json!({"name": "a b", "parameters": {"type": "object"}})), "does not match pattern"),
        (tool(json!({"name": "t"})), "Invalid schema"),
        (tool(json!({"name": "t", "parameters": {"type": "object", "required": null}})), "Invalid schema"),
    ]);
    let stored = Stored::default();
    let headers = headers(&[("authorization", "Bearer right")]);
    let body = json!({"model": "o4-mini", "input": "hi", "temperature": 1}).to_string();
    let request =
        Unchecked { dialect: Dialect::Responses, headers: &headers, body: body.as_bytes(), keys: &[], stored: &stored };
    assert_eq!(check(&request, |_| true).unwrap_err().code, Some("unsupported_parameter"));
}

#[test]
fn calls_and_outputs_pair() {
    let input = |items: &[Value]| json!({"input": items});
    rows(&[
        (input(&[user(), call("a"), output("a")]), ""),
        (input(&[user(), call("a"), call("b"), output("b"), output("a"), user()]), ""),
        (input(&[user(), call("a"), user()]), "No tool output found for function call a."),
        (input(&[user(), output("a")]), "No tool call found for function call output with call_id a."),
        (input(&[user(), output("a"), call("a")]), "No tool call found"),
        (input(&[user(), call("a"), output("a"), output("a")]), "No tool call found"),
        (input(&[user(), call("a"), output("a"), call("a"), output("a")]), "Duplicate function call"),
        (input(&[user(), said("")]), "Expected the input to end"),
        (input(&[user(), said("m"), said("m"), user()]), "Duplicate item found with id m"),
    ]);
}

#[test]
fn reasoning_and_what_came_of_it_return_together() {
    let input = |items: &[Value]| json!({"input": items});
    let fc = |id: &str| with("id", json!(id), call("a"));
    let rs = || reasoning("rs_sim_4");
    rows(&[
        (input(&[user(), rs(), said("msg_simr_4"), user()]), ""),
        (input(&[user(), rs(), said("msg_simr_4"), fc("fc_simr_4_0"), output("a")]), ""),
        (input(&[user(), reasoning("rs_sim_3"), rs(), fc("fc_simr_4_0"), output("a")]), ""),
        (input(&[user(), said("msg_sim_4"), user()]), ""),
        (input(&[user(), said("msg_simr_4"), user()]), "without its required 'reasoning' item: 'rs_sim_4'"),
        (input(&[user(), rs(), user()]), "'rs_sim_4' of type 'reasoning' was provided without its required following"),
        (input(&[user(), rs(), said(""), user()]), "required following item"),
        (input(&[user(), rs()]), "required following item"),
        (
            input(&[user(), with("encrypted_content", json!("gAAAAAprovisional"), rs()), said("msg_simr_4"), user()]),
            "could not be verified",
        ),
    ]);
    let unreadable = with("encrypted_content", json!(null), rs());
    let body = json!({"model": "m", "input": [user(), unreadable, said("msg_simr_4"), user()]});
    let refusal = check_body(Dialect::Responses, &body).unwrap_err();
    assert_eq!(refusal.status, 404, "{refusal:?}");
    assert!(refusal.message.contains("Items are not persisted when `store` is set to false"), "{refusal:?}");
}

#[test]
fn a_continued_answer_is_a_part_of_the_conversation() {
    let stored = Stored::default();
    let kept = [user(), with("id", json!("fc_sim_0_0"), call("a"))];
    stored.keep("resp_1".to_owned(), kept.to_vec());
    let headers = headers(&[("authorization", "Bearer right")]);
    let ask = |id: &str, input: Value| {
        let body = json!({"model": "m", "previous_response_id": id, "input": input}).to_string();
        let dialect = Dialect::Responses;
        check(&Unchecked { dialect, headers: &headers, body: body.as_bytes(), keys: &[], stored: &stored }, |_| true)
    };
    let whole = ask("resp_1", json!([output("a"), user()])).unwrap();
    assert_eq!(whole["input"], json!([kept[0], kept[1], output("a"), user()]));
    let said_again = ask("resp_1", json!([with("id", json!("fc_sim_0_0"), call("b")), output("b")])).unwrap_err();
    assert!(said_again.message.contains("Duplicate item found"), "{said_again:?}");
    let unanswered = ask("resp_1", json!("on")).unwrap_err();
    assert!(unanswered.message.contains("No tool output found for function call a"), "{unanswered:?}");
    let unknown = ask("resp_2", json!("on")).unwrap_err();
    assert_eq!((unknown.status, unknown.code), (400, Some("previous_response_not_found")));
    assert_eq!(unknown.message, "Previous response with id 'resp_2' not found.");
}
