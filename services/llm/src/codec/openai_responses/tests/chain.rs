//! When a call continues an answer that the provider keeps, and what it sends then.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Role, ToolCall, ToolResult};
use chatmesh_proto::llm::v1::{GenerateRequest, ModelOptions, PromptMessage, ResponseChain};
use serde_json::{Value, json};

use super::OpenAiResponses;
use crate::codec::openai_chat::OPENAI;
use crate::codec::testing::{message, text};
use crate::codec::{Call, Codec, Kept};

fn conversation() -> Vec<PromptMessage> {
    vec![
        message(Role::System, vec![text("Be brief.")]),
        message(Role::User, vec![text("one")]),
        message(Role::Assistant, vec![text("two")]),
        message(Role::User, vec![text("three")]),
    ]
}

fn encode(codec: &dyn Codec, messages: Vec<PromptMessage>, first: u32, store: Option<bool>) -> (Value, Kept) {
    let chain = ResponseChain { previous_response_id: "resp_1".to_owned(), first_message: first };
    let request = GenerateRequest { messages, chain: Some(chain), ..GenerateRequest::default() };
    let options = ModelOptions { store, ..ModelOptions::default() };
    let encoded = codec.encode(&Call { request: &request, model: "gpt-5", options: &options }).unwrap();
    (serde_json::from_slice(&encoded.body).unwrap(), encoded.kept)
}

fn is_continued(messages: Vec<PromptMessage>, first: u32, store: Option<bool>) -> bool {
    let (body, kept) = encode(&OpenAiResponses, messages, first, store);
    assert_eq!(body.get("previous_response_id").is_some(), kept.continued);
    assert_eq!(body["store"], json!(kept.answer));
    kept.continued
}

#[test]
fn a_continued_answer_needs_only_what_is_new_and_the_instructions() {
    let (body, kept) = encode(&OpenAiResponses, conversation(), 3, Some(true));
    assert_eq!(kept, Kept { answer: true, continued: true });
    assert_eq!((&body["previous_response_id"], &body["instructions"]), (&json!("resp_1"), &json!("Be brief.")));
    let new = json!([{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "three"}]}]);
    assert_eq!((&body["input"], &body["store"]), (&new, &json!(true)));
}

#[test]
fn everything_is_sent_where_the_provider_keeps_nothing() {
    for store in [None, Some(false)] {
        assert!(!is_continued(conversation(), 3, store));
    }
    let (body, kept) = encode(&OpenAiResponses, conversation(), 3, Some(false));
    assert_eq!((body["input"].as_array().unwrap().len(), kept), (3, Kept::default()));
    let (body, kept) = encode(&OPENAI, conversation(), 3, Some(true));
    assert_eq!((body["messages"].as_array().unwrap().len(), kept), (4, Kept::default()));
}

#[test]
fn a_chain_that_cannot_hold_is_not_begun() {
    assert!(is_continued(conversation(), 3, Some(true)));
    assert!(!is_continued(conversation(), 4, Some(true)), "nothing is new");
    assert!(!is_continued(conversation(), 5, Some(true)), "there is no such message");
    let mut only_instructions = conversation();
    only_instructions[3] = message(Role::System, vec![text("late")]);
    assert!(!is_continued(only_instructions, 3, Some(true)), "instructions alone ask for nothing");
}

#[test]
fn an_answer_that_waits_for_its_tools_is_not_continued() {
    let call = |provider_executed: bool| {
        let call = ToolCall {
            call_id: "c".into(),
            name: "f".into(),
            args: "{}".into(),
            provider_executed,
            ..ToolCall::default()
        };
        chatmesh_proto::common::v1::Part { body: Some(Body::ToolCall(call)), ..Default::default() }
    };
    let result = ToolResult { call_id: "c".into(), name: "f".into(), result: "1".into(), ..ToolResult::default() };
    let result = chatmesh_proto::common::v1::Part { body: Some(Body::ToolResult(result)), ..Default::default() };
    let mut messages = conversation();
    messages[2] = message(Role::Assistant, vec![call(false)]);
    messages.insert(3, message(Role::Tool, vec![result]));
    assert!(!is_continued(messages.clone(), 3, Some(true)), "the result is new, but the call is not");
    assert!(!is_continued(messages, 4, Some(true)), "the provider never saw the result");
    let mut hosted = conversation();
    hosted[2] = message(Role::Assistant, vec![call(true), text("two")]);
    assert!(is_continued(hosted, 3, Some(true)), "the provider answers its own calls");
}
