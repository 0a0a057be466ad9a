//! Answers that break off, and clients that go away.

use std::time::{Duration, Instant};

use chatmesh_testkit::simulator::{Fault, Outcome, ResetReason, Script, Step};
use serde_json::Value;

use crate::world::{PROTOCOLS, Protocol, World, ask, events};

fn error_in(protocol: Protocol, events: &[Value]) -> Option<&Value> {
    let is_error = |event: &&Value| match protocol {
        Protocol::ChatCompletions => event["error"].is_object(),
        Protocol::Responses => event["type"] == "error" || event["type"] == "response.failed",
        Protocol::Messages => event["type"] == "error",
    };
    events.iter().find(is_error)
}

/// What was said is not said again, and the client is told that it is not all.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_off_ends_with_an_error_and_is_not_begun_again() {
    let step = Step::text("one two three four").delta_characters(4).fault(Fault::reset(5, ResetReason::InternalError));
    World::run(Script::new("smart").with_default(step), async |world| {
        for client in PROTOCOLS {
            for provider in PROTOCOLS {
                let what = format!("{client:?} on {provider:?}");
                let response = world.open(client, &ask(client, provider.model(), true)).await;
                let bytes = response.bytes().await.expect("a stream with an end");
                let events = events(&bytes);
                assert!(error_in(client, &events).is_some(), "{what}: {events:#?}");
                assert!(!String::from_utf8_lossy(&bytes).contains("[DONE]"), "{what}");
                assert!("one two three four".starts_with(&client.streamed_text(&events)), "{what}: {events:#?}");
                assert_eq!(world.simulator().journal().stats().requests, 1, "{what}");
                world.simulator().journal().clear();
            }
        }
    })
    .await;
}

/// A stream that simply ends, as one does behind a proxy that gave up, is no answer.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_ends_too_early_ends_with_an_error() {
    let step = Step::text("one two three four").delta_characters(4).fault(Fault::truncate(4));
    World::run(Script::new("smart").with_default(step), async |world| {
        for client in PROTOCOLS {
            for provider in PROTOCOLS {
                let what = format!("{client:?} on {provider:?}");
                let response = world.open(client, &ask(client, provider.model(), true)).await;
                let events = events(&response.bytes().await.expect("a stream with an end"));
                assert!(error_in(client, &events).is_some(), "{what}: {events:#?}");
            }
        }
    })
    .await;
}

/// A client that goes away stops the provider's request, in every phase of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_takes_the_providers_request_along() {
    let silent = Step::text("never").first_delay(Duration::from_secs(600));
    let half = Step::text("x".repeat(4000)).delta_characters(10).fault(Fault::stall(50));
    for (phase, step) in [("before the answer", silent), ("in the answer", half)] {
        World::run(Script::new("smart").with_default(step), async |world| {
            let mut slowest = Duration::ZERO;
            for client in PROTOCOLS {
                for provider in PROTOCOLS {
                    for stream in [false, true] {
                        let body = ask(client, provider.model(), stream);
                        let asking = world.open(client, &body);
                        let journal = world.simulator().journal();
                        let begun = journal.wait_until(|requests| !requests.is_empty());
                        let began = tokio::select! {
                            response = asking => {
                                // Its head is there; what it holds is dropped with it.
                                let began = Instant::now();
                                drop(response);
                                began
                            }
                            begun = async { begun.await.expect("a request"); tokio::time::sleep(Duration::from_millis(20)).await } => {
                                let () = begun;
                                Instant::now()
                            }
                        };
                        let is_abandoned = |requests: &[chatmesh_testkit::simulator::ReceivedRequest]| {
                            requests.iter().all(|request| request.outcome == Outcome::Abandoned)
                        };
                        journal.wait_until(is_abandoned).await.unwrap_or_else(|error| {
                            panic!("{phase}, {client:?} on {provider:?}, stream {stream}: {error:?}")
                        });
                        slowest = slowest.max(began.elapsed());
                        journal.clear();
                    }
                }
            }
            println!("{phase}: the slowest of 18 requests was stopped after {slowest:?}");
        })
        .await;
    }
}
