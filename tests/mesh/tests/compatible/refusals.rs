//! What SDKs are told where something is wrong.

use chatmesh_mesh_tests::Client;
use chatmesh_testkit::simulator::{Fault, Script, Step};
use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::script;
use crate::world::{CANARY, PROTOCOLS, Protocol, World, ask};

fn kind(protocol: Protocol, body: &Value) -> (&str, &str) {
    let text = |value: &'static str| value;
    let error = &body["error"];
    let kind = error["type"].as_str().unwrap_or_default();
    let code = if protocol == Protocol::Messages { text("") } else { error["code"].as_str().unwrap_or_default() };
    (kind, code)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_in_the_words_of_the_client_before_any_provider_is_asked() {
    World::run(script(), async |world| {
        for protocol in PROTOCOLS {
            let is_anthropic = protocol == Protocol::Messages;
            let unknown = world.post(protocol, &ask(protocol, "nobody", false)).await;
            assert_eq!(unknown.status.as_u16(), 404, "{}", unknown.body);
            let expected =
                if is_anthropic { ("not_found_error", "") } else { ("invalid_request_error", "model_not_found") };
            assert_eq!(kind(protocol, &unknown.body), expected);

            let mut bad = ask(Protocol::ChatCompletions, protocol.model(), false);
            bad["messages"] = json!("hello");
            bad["input"] = json!(7);
            let other = PROTOCOLS.into_iter().find(|other| *other != protocol).expect("another");
            bad["model"] = json!(other.model());
            let bad = world.post(protocol, &bad).await;
            assert_eq!(bad.status.as_u16(), 400, "{}", bad.body);
            assert_eq!(kind(protocol, &bad.body).0, "invalid_request_error");

            for body in ["{", "[]", "{}", ""] {
                let response = raw(&world.client, world.mesh().url(), protocol, body).await;
                assert_eq!(response.0, 400, "{body}: {}", response.1);
                assert_eq!(kind(protocol, &response.1).0, "invalid_request_error", "{body}");
            }

            let stranger = Client::new(world.mesh().url(), "nobody's token");
            let refused = stranger.post(protocol.path(), &ask(protocol, protocol.model(), false)).await;
            let expected =
                if is_anthropic { ("authentication_error", "") } else { ("invalid_request_error", "invalid_api_key") };
            assert_eq!((refused.status.as_u16(), kind(protocol, &refused.body)), (401, expected));

            let method = world.client.send(Method::GET, protocol.path(), None).await;
            assert_eq!(
                (method.status().as_u16(), &method.headers()["allow"]),
                (405, &HeaderValue::from_static("POST"))
            );
        }
        assert_eq!(world.simulator().journal().stats().requests, 0);
    })
    .await;
}

fn http() -> reqwest::Client {
    reqwest::Client::builder().build().expect("an HTTP client")
}

async fn raw(client: &Client, url: &str, protocol: Protocol, body: &'static str) -> (u16, Value) {
    let request = http().post(format!("{url}{}", protocol.path())).bearer_auth(client.token());
    let response = request.body(body).send().await.expect("an answer");
    (response.status().as_u16(), response.json().await.expect("JSON"))
}

/// Anthropic's SDKs show their key in a header of their own.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_taken_from_either_header() {
    World::run(script(), async |world| {
        let url = format!("{}{}", world.mesh().url(), Protocol::Messages.path());
        let body = ask(Protocol::Messages, Protocol::Messages.model(), false);
        let request = http().post(url).header("x-api-key", world.client.token()).json(&body);
        assert_eq!(request.send().await.expect("an answer").status().as_u16(), 200);
    })
    .await;
}

/// A provider that fails is tried again before anything was said, and then told of in the words of the client.
#[tokio::test(flavor = "multi_thread")]
async fn failures_of_a_provider_are_told_apart() {
    let table: [(u16, Value, u16, &str, u16, &str, u64); 5] = [
        (529, json!(null), 503, "service_unavailable_error", 529, "overloaded_error", 3),
        (401, json!(null), 403, "permission_error", 403, "permission_error", 1),
        (
            429,
            json!({"error": {"message": "slow", "type": "insufficient_quota", "code": "insufficient_quota"}}),
            429,
            "insufficient_quota",
            402,
            "billing_error",
            1,
        ),
        (
            400,
            json!({"error": {"message": "prompt is too long: 9 tokens > 8 maximum", "type": "invalid_request_error"}}),
            400,
            "invalid_request_error",
            400,
            "invalid_request_error",
            1,
        ),
        (500, json!(null), 500, "server_error", 500, "api_error", 3),
    ];
    for (status, body, openai_status, openai, anthropic_status, anthropic, calls) in table {
        let fault = if body.is_null() { Fault::status(status) } else { Fault::status(status).with_body(body) };
        World::run(Script::new("smart").with_default(Step::text("x").fault(fault)), async |world| {
            for (client, provider) in [
                (Protocol::ChatCompletions, Protocol::ChatCompletions),
                (Protocol::Responses, Protocol::Messages),
                (Protocol::Messages, Protocol::Messages),
                (Protocol::Messages, Protocol::ChatCompletions),
            ] {
                let (expected, word) =
                    if client == Protocol::Messages { (anthropic_status, anthropic) } else { (openai_status, openai) };
                for stream in [false, true] {
                    let what = format!("{status}: {client:?} on {provider:?}, stream {stream}");
                    let answer = world.post(client, &ask(client, provider.model(), stream)).await;
                    assert_eq!(answer.status.as_u16(), expected, "{what}: {}", answer.body);
                    assert_eq!(kind(client, &answer.body).0, word, "{what}: {}", answer.body);
                    assert!(!answer.body.to_string().contains(CANARY), "{what}: {}", answer.body);
                    assert_eq!(world.simulator().journal().stats().requests, calls, "{what}");
                    world.simulator().journal().clear();
                }
            }
        })
        .await;
    }
}

/// An SDK that tries again by itself is not helped.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_tries_again_by_itself_is_not_tried_for() {
    let script = Script::new("smart").with_default(Step::text("x").fault(Fault::status(529)));
    World::run(script, async |world| {
        let header = (HeaderName::from_static("x-stainless-retry-count"), HeaderValue::from_static("1"));
        let client = world.client.with_header(header);
        for provider in PROTOCOLS {
            client.post("/v1/messages", &ask(Protocol::Messages, provider.model(), false)).await;
        }
        assert_eq!(world.simulator().journal().stats().requests, 3, "one call each");
    })
    .await;
}
