//! A provider that breaks off, is overloaded, and answers at last.

use std::time::Duration;

use chatmesh_mesh_tests::{Mesh, Transcript};
use chatmesh_testkit::simulator::{Fault, ResetReason, Script, Step};
use serde_json::{Value, json};

use super::{of_kind, said};

const ANSWER: &str = "An answer that comes through in the end.";
/// How many pieces the first attempt sends before it breaks off.
const PARTS: usize = 200;

fn script(fault: Option<Fault>) -> Script {
    // Those who follow are there before it begins.
    let step = Step::text("x".repeat(PARTS * 2)).delta_characters(1).first_delay(Duration::from_secs(1));
    Script::new("model").step(Step { fault, ..step })
}

/// F9: who comes in the pause sees a turn that runs and says nothing.
/// F10: what a failed attempt said stands before what the next one says.
#[tokio::test(flavor = "multi_thread")]
async fn each_failed_attempt_is_told_and_one_answer_remains() {
    let broken = script(Some(Fault::reset(PARTS, ResetReason::InternalError)));
    Mesh::run(vec![broken], async |mesh| {
        let client = mesh.admin();
        let chat = client.chat("model", "Say it.").await;
        let mut stream = client.follow(&chat, 0).await;
        let mut events = stream.until(|event| event["retry"]["attempt"] == 1).await;
        assert!(of_kind(&events, "message_part").len() >= PARTS / 2, "{}", of_kind(&events, "message_part").len());
        // The provider changes in the pause, which is at least a second.
        mesh.simulator().add_script(script(Some(Fault::status(529))));
        events.extend(stream.until(|event| event["retry"]["attempt"] == 2).await);
        let mut late = client.follow(&chat, 0).await;
        mesh.simulator().add_script(Script::new("model").step(Step::text(ANSWER)));

        let mut seen_late = late.until(|event| event.get("retry").is_some()).await;
        assert_eq!(seen_late.last().map(|event| &event["retry"]["attempt"]), Some(&json!(2)), "{seen_late:#?}");
        assert!(of_kind(&seen_late, "message_part").is_empty(), "what is void is not shown: {seen_late:#?}");
        seen_late.extend(late.until_idle().await);
        events.extend(stream.until_idle().await);

        let attempts: Vec<&Value> = of_kind(&events, "retry").into_iter().map(|retry| &retry["attempt"]).collect();
        assert_eq!(attempts, [&json!(1), &json!(2)], "each is told once");
        let kinds: Vec<&Value> = of_kind(&events, "retry").into_iter().map(|retry| &retry["kind"]).collect();
        assert_eq!(kinds, ["ERROR_KIND_TIMEOUT", "ERROR_KIND_OVERLOADED"]);
        let stored = client.messages(&chat).await;
        assert_eq!(said(&stored), [("ROLE_USER", "Say it.".to_owned()), ("ROLE_ASSISTANT", ANSWER.to_owned())]);
        for events in [events, seen_late] {
            let mut transcript = Transcript::default();
            events.iter().for_each(|event| transcript.apply(event));
            assert_eq!(transcript.messages(), stored);
        }
        assert_eq!(mesh.simulator().journal().stats().requests, 3, "three attempts and no more");
    })
    .await;
}
