//! A provider that fails.

use std::time::Duration;

use chatmesh_mesh_tests::{Mesh, Transcript};
use chatmesh_testkit::recordings::oracle::Finish;
use chatmesh_testkit::simulator::{Fault, Script, Step};
use serde_json::{Value, json};

use super::{of_kind, said};

const ANSWER: &str = "This answer is long enough to be sent in several pieces, one after the other.";

/// A script whose only answer goes wrong the first time.
fn failing_once(fault: Fault) -> Vec<Script> {
    // Those who follow are there before it begins, and see the pieces before the whole.
    let step = Step::text(ANSWER).first_delay(Duration::from_secs(1)).delta_delay(Duration::from_millis(20));
    vec![Script::new("model").step(step.fail_first(1, fault))]
}

fn the_question_and_the_answer(messages: &[Value]) {
    assert_eq!(said(messages), [("ROLE_USER", "Say it.".to_owned()), ("ROLE_ASSISTANT", ANSWER.to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overloaded_provider_is_called_again_and_clients_are_told() {
    Mesh::run(failing_once(Fault::status(529)), async |mesh| {
        let chat = mesh.admin().chat("model", "Say it.").await;
        let events = mesh.admin().follow(&chat, 0).await.until_idle().await;

        let retries = of_kind(&events, "retry");
        assert_eq!(retries.len(), 1, "{retries:#?}");
        let retry = retries[0];
        assert_eq!((&retry["attempt"], &retry["status_code"]), (&json!(1), &json!(529)));
        assert_eq!(retry["kind"], "ERROR_KIND_OVERLOADED");
        assert!(retry["delay_ms"].as_u64().is_some_and(|delay| delay >= 1000), "{retry}");
        assert!(retry["retrying_at"].is_string() && !retry["error"].as_str().unwrap_or_default().is_empty(), "{retry}");
        the_question_and_the_answer(&mesh.admin().messages(&chat).await);
        assert_eq!(mesh.simulator().journal().stats().requests, 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_broken_answer_said_is_void_and_one_message_remains() {
    Mesh::run(failing_once(Fault::cut(5)), async |mesh| {
        let chat = mesh.admin().chat("model", "Say it.").await;
        let events = mesh.admin().follow(&chat, 0).await.until_idle().await;

        let live_before_retry = events.iter().take_while(|event| event.get("retry").is_none());
        assert!(live_before_retry.filter(|event| event.get("message_part").is_some()).count() > 0, "{events:#?}");
        assert_eq!(of_kind(&events, "retry").len(), 1);
        // A client that keeps to the contract ends up with what is stored.
        let mut transcript = Transcript::default();
        events.iter().for_each(|event| transcript.apply(event));
        let stored = mesh.admin().messages(&chat).await;
        assert_eq!(transcript.messages(), stored);
        the_question_and_the_answer(&stored);
        let attempts = of_kind(&events, "message_part").into_iter().map(|part| &part["generation_attempt"]);
        let mut attempts: Vec<&Value> = attempts.collect();
        attempts.dedup();
        assert_eq!(attempts, [&json!(1), &json!(2)]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_ends_the_turn_at_once_and_a_new_message_recovers() {
    let refused = vec![Script::new("model").step(Step::text(ANSWER).fault(Fault::status(401)))];
    Mesh::run(refused, async |mesh| {
        let chat = mesh.admin().chat("model", "Say it.").await;
        let failed = mesh.admin().settled(&chat, "CHAT_STATUS_ERROR").await;
        assert_eq!(failed["last_error"]["kind"], "ERROR_KIND_AUTH", "{failed}");
        assert!(!failed["last_error"]["message"].as_str().unwrap_or_default().is_empty(), "{failed}");
        assert_eq!(mesh.simulator().journal().stats().requests, 1, "trying again would not help");
        let events = mesh.admin().follow(&chat, 0).await.until(|event| event.get("error").is_some()).await;
        assert_eq!(of_kind(&events, "error")[0]["kind"], "ERROR_KIND_AUTH");

        // The key is right again.
        mesh.simulator().add_script(Script::new("model").step(Step::text(ANSWER)).looped());
        mesh.admin().say(&chat, "And now?").await;
        let recovered = mesh.admin().settled(&chat, "CHAT_STATUS_WAITING").await;
        assert!(recovered["last_error"].is_null(), "{recovered}");
        let messages = mesh.admin().messages(&chat).await;
        let roles: Vec<&str> = said(&messages).into_iter().map(|(role, _)| role).collect();
        assert_eq!(roles, ["ROLE_USER", "ROLE_USER", "ROLE_ASSISTANT"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_the_provider_blocks_is_an_error_that_says_what_to_do() {
    let blocked = vec![Script::new("model").step(Step::calls().finish(Finish::ContentFilter)).looped()];
    Mesh::run(blocked, async |mesh| {
        let chat = mesh.admin().chat("model", "Say it.").await;
        let failed = mesh.admin().settled(&chat, "CHAT_STATUS_ERROR").await;
        assert_eq!(failed["last_error"]["kind"], "ERROR_KIND_CONTENT_FILTER", "{failed}");
        let message = failed["last_error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains("Change the last message"), "{message}");
        assert_eq!(mesh.simulator().journal().stats().requests, 1);
    })
    .await;
}
