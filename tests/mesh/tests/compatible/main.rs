//! The endpoints for SDKs of OpenAI and Anthropic, in front of providers that speak each protocol.

mod ends;
mod refusals;
mod spend;
mod world;

use chatmesh_testkit::simulator::{Script, Step};
use serde_json::json;
use world::{PROTOCOLS, World, ask};

const ANSWER: &str = "Forty-two, as ever.";

fn script() -> Script {
    Script::new("smart").with_default(Step::text(ANSWER).delta_characters(3).tokens(20, 5))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_asks_every_provider_whole_and_streamed() {
    World::run(script(), async |world| {
        for client in PROTOCOLS {
            for provider in PROTOCOLS {
                let what = format!("{client:?} on {provider:?}");
                let model = provider.model();
                let whole = world.post(client, &ask(client, model, false)).await.ok();
                assert_eq!(client.text_of(&whole), ANSWER, "{what}: {whole}");
                assert_eq!(client.usage_of(&whole), (20, 5), "{what}: {whole}");
                assert_eq!(whole["model"], if client == provider { "smart" } else { model }, "{what}");

                let events = world.stream(client, &ask(client, model, true)).await;
                assert_eq!(client.streamed_text(&events), ANSWER, "{what}: {events:#?}");
                let paths: Vec<String> =
                    world.simulator().journal().requests().into_iter().map(|request| request.path).collect();
                assert_eq!(paths, [provider.path(), provider.path()], "{what}");
                world.simulator().journal().clear();
            }
        }
    })
    .await;
}

/// The next word of a conversation with a tool must find its call, whoever wrote it down.
#[tokio::test(flavor = "multi_thread")]
async fn a_turn_with_a_tool_goes_there_and_back_through_every_pair() {
    let call = Step::calls().reasoning("hm").call("look", json!({"at": "sky"}));
    let script = Script::new("smart").step(call).step(Step::text("blue")).looped();
    World::run(script, async |world| {
        for client in PROTOCOLS {
            for provider in PROTOCOLS {
                let what = format!("{client:?} on {provider:?}");
                let mut body = ask(client, provider.model(), false);
                client.offer(&mut body, "look");
                let first = world.post(client, &body).await.ok();
                let call = client.call_in(&first).unwrap_or_else(|| panic!("{what}: no call in {first}"));
                assert_eq!((call.name.as_str(), &call.args), ("look", &json!({"at": "sky"})), "{what}");
                client.answer(&mut body, &first, &call, "it is blue");
                let second = world.post(client, &body).await.ok();
                assert_eq!(client.text_of(&second), "blue", "{what}: {second}");
            }
        }
    })
    .await;
}

/// Only the usage that a client asked for is in its stream, and it is known all the same.
#[tokio::test(flavor = "multi_thread")]
async fn the_usage_of_a_stream_comes_where_it_was_asked_for() {
    World::run(script(), async |world| {
        let client = world::Protocol::ChatCompletions;
        let mut body = ask(client, client.model(), true);
        let silent = world.stream(client, &body).await;
        assert!(silent.iter().all(|event| event["usage"].is_null()), "{silent:#?}");
        assert!(silent.iter().all(|event| event["choices"][0].is_object()), "{silent:#?}");
        let sent = &world.simulator().journal().requests()[0].body;
        assert_eq!(sent["stream_options"]["include_usage"], true);
        body["stream_options"] = json!({"include_usage": true});
        let told = world.stream(client, &body).await;
        assert_eq!(told.last().map(|event| &event["usage"]["completion_tokens"]), Some(&json!(5)), "{told:#?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn models_are_listed_for_each_family_and_found_by_name() {
    World::run(script(), async |world| {
        let openai = world.client.get("/v1/models").await.ok();
        let names: Vec<&str> =
            openai["data"].as_array().expect("models").iter().filter_map(|it| it["id"].as_str()).collect();
        assert!(PROTOCOLS.iter().all(|protocol| names.contains(&protocol.model())), "{names:?}");
        assert_eq!(openai["object"], "list");
        let anthropic = world.client.get("/anthropic/v1/models").await.ok();
        assert_eq!((&anthropic["data"][0]["type"], &anthropic["has_more"]), (&json!("model"), &json!(false)));
        let one = world.client.get(&format!("/openai/v1/models/{}", names[0])).await.ok();
        assert_eq!(one["id"], names[0]);
        let none = world.client.get("/v1/models/of/nobody").await;
        assert_eq!((none.status.as_u16(), &none.body["error"]["code"]), (404, &json!("model_not_found")));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_counted_or_estimated() {
    World::run(script(), async |world| {
        for protocol in [world::Protocol::ChatCompletions, world::Protocol::Responses] {
            let body = ask(world::Protocol::Messages, protocol.model(), false);
            let counted = world.client.post("/v1/messages/count_tokens", &body).await.ok();
            assert!(counted["input_tokens"].as_u64().is_some_and(|tokens| tokens > 0), "{counted}");
        }
        assert_eq!(world.simulator().journal().stats().requests, 0, "nobody was asked");
    })
    .await;
}
