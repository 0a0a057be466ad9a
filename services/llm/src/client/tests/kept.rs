//! Answers that the provider keeps: what is sent then, and what happens when it forgets them.

use chatmesh_proto::llm::v1::{ModelOptions, PromptMessage, ResponseChain};
use chatmesh_testkit::simulator::{Script, Simulator, Step};

use super::simulator::{MODEL, answered, asking, opening, start, target};
use super::*;

fn script() -> Script {
    Script::new(MODEL)
        .step(Step::calls().reasoning("hm").call("read", json!({})))
        .step(Step::text("two").reasoning("hm"))
        .step(Step::text("three").reasoning("hm"))
}

fn storing(simulator: &Simulator) -> Target {
    let options = ModelOptions { store: Some(true), ..ModelOptions::default() };
    Target { options, ..target(simulator, ProviderType::Openai) }
}

fn continuing(messages: Vec<PromptMessage>, id: &str, first: usize) -> GenerateRequest {
    let first_message = u32::try_from(first).unwrap();
    let chain = ResponseChain { previous_response_id: id.to_owned(), first_message };
    GenerateRequest { chain: Some(chain), ..asking(messages) }
}

/// Two steps of a turn and the next message of the user, with the identifier of the last answer.
async fn until_the_next_turn(target: &Target) -> (Vec<PromptMessage>, String) {
    let mut messages = opening();
    let mut last = String::new();
    for _ in 0..2 {
        let folded = collect(target.clone(), asking(messages.clone())).await;
        messages.extend(answered(&folded));
        last = folded.started.unwrap().response_id;
    }
    messages.push(message(Role::User, vec![text("more")]));
    (messages, last)
}

fn last_body(simulator: &Simulator) -> Value {
    simulator.journal().requests().pop().unwrap().body
}

#[tokio::test]
async fn a_kept_answer_is_continued_with_what_is_new() {
    let simulator = start(script()).await;
    let (messages, last) = until_the_next_turn(&storing(&simulator)).await;
    let new = messages.len() - 1;
    let folded = collect(storing(&simulator), continuing(messages, &last, new)).await;
    assert_eq!(folded.lines().last().map(String::as_str), Some("text three"));
    let started = folded.started.unwrap();
    assert!(started.chained && started.response_stored && started.response_id != last);
    let body = last_body(&simulator);
    assert_eq!(body["input"].as_array().unwrap().len(), 1);
    assert_eq!((&body["instructions"], &body["previous_response_id"]), (&json!("Be brief."), &json!(last)));
}

#[tokio::test]
async fn a_forgotten_answer_breaks_the_chain_and_the_whole_conversation_mends_it() {
    let simulator = start(script()).await;
    let (messages, last) = until_the_next_turn(&storing(&simulator)).await;
    let new = messages.len() - 1;
    simulator.forget_responses();
    let folded = collect(storing(&simulator), continuing(messages.clone(), &last, new)).await;
    assert_eq!(folded.error_kind(), (ErrorKind::Generic, true));
    assert!(folded.error().chain_broken && !folded.error().partial_output);
    let folded = collect(storing(&simulator), asking(messages)).await;
    assert_eq!(folded.lines().last().map(String::as_str), Some("text three"));
    assert!(!folded.started.unwrap().chained);
}

#[tokio::test]
async fn nothing_is_continued_where_nothing_is_kept() {
    let simulator = start(script()).await;
    let forgetful = target(&simulator, ProviderType::Openai);
    let (messages, last) = until_the_next_turn(&forgetful).await;
    let new = messages.len() - 1;
    let folded = collect(forgetful, continuing(messages, &last, new)).await;
    assert_eq!(folded.lines().last().map(String::as_str), Some("text three"));
    let started = folded.started.unwrap();
    assert!(!started.chained && !started.response_stored);
    let body = last_body(&simulator);
    assert!(body["input"].as_array().unwrap().len() > 1 && body.get("previous_response_id").is_none());
}
