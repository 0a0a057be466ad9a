//! What calls of SDKs cost, and who answers where a model cannot.

use chatmesh_mesh_tests::eventually;
use chatmesh_testkit::simulator::{Fault, Script, Step};
use serde_json::{Value, json};

use crate::world::{PROTOCOLS, Protocol, World, ask};

async fn events(world: &World<'_>, count: usize) -> Vec<Value> {
    let admin = world.mesh().admin();
    let listed =
        async || admin.get("/api/v1/usage/events").await.ok()["events"].as_array().cloned().unwrap_or_default();
    eventually("the calls are written down", listed, |events| events.len() >= count).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_of_tokens_costs_nothing() {
    World::run(Script::new("smart").with_default(Step::text("Hello.").tokens(10, 3)), async |world| {
        let body = ask(Protocol::Messages, Protocol::Messages.model(), false);
        for _ in 0..3 {
            let counted = world.client.post("/v1/messages/count_tokens", &body).await.ok();
            assert!(counted["input_tokens"].as_u64().is_some_and(|tokens| tokens > 0), "{counted}");
        }
        world.post(Protocol::Messages, &body).await.ok();
        let events = events(world, 1).await;
        assert_eq!(events.len(), 1, "{events:#?}");
        assert_eq!(events[0]["usage"]["output_tokens"], 3, "{events:#?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_cannot_answer_falls_back_whatever_the_client_speaks() {
    World::run(Script::new("smart").with_default(Step::text("Hello.")), async |world| {
        let overloaded = Step::text("never").fault(Fault::status(529));
        world.simulator().add_script(Script::new("tired").with_default(overloaded));
        let admin = world.mesh().admin();
        for provider in PROTOCOLS {
            let others = PROTOCOLS.iter().filter(|other| **other != provider);
            let fallbacks: Vec<_> = others.map(|other| other.model()).collect();
            let model = json!({
                "provider": format!("sim-{}", provider.model()), "model": "tired",
                "name": format!("tired-{}", provider.model()), "fallbacks": fallbacks,
            });
            admin.post("/api/v1/models", &model).await.ok();
        }
        for client in PROTOCOLS {
            for provider in PROTOCOLS {
                for stream in [false, true] {
                    let body = ask(client, &format!("tired-{}", provider.model()), stream);
                    let response = world.open(client, &body).await;
                    let (status, text) = (response.status(), response.text().await.expect("an answer"));
                    assert!(status.is_success(), "{client:?} on {provider:?}, stream {stream}: {status} {text}");
                    assert!(text.contains("Hello."), "{client:?} on {provider:?}, stream {stream}: {text}");
                }
            }
        }
    })
    .await;
}

/// Who reads an answer and leaves before its end has had it.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_its_client_leaves_is_charged_as_far_as_it_came() {
    let step = Step::text("word ".repeat(400)).delta_characters(5).fault(Fault::stall(200));
    World::run(Script::new("smart").with_default(step), async |world| {
        for protocol in PROTOCOLS {
            let mut response = world.open(protocol, &ask(protocol, protocol.model(), true)).await;
            let mut read = Vec::new();
            while read.windows(5).filter(|window| window == b"word ").count() < 100 {
                read.extend_from_slice(&response.chunk().await.expect("the stream holds").expect("more"));
            }
        }
        for event in events(world, PROTOCOLS.len()).await {
            let output = event["usage"]["output_tokens"].as_u64().unwrap_or_default();
            assert!((90..400).contains(&output), "{event:#}");
            assert_eq!(
                (&event["outcome"], &event["usage_estimated"]),
                (&json!("USAGE_OUTCOME_CANCELED"), &json!(true))
            );
        }
    })
    .await;
}
