//! What the simulated provider answers. The same words stand in `python/checks.py` and
//! `node/checks.mjs`.

use std::time::Duration;

use chatmesh_testkit::simulator::{Fault, ResetReason, Script, Step};
use serde_json::json;

/// Longer than what any limiter of the mesh waits for: such a failure reaches the client at once.
const RETRY_AFTER: (&str, &str) = ("retry-after", "30");
/// The events of an answer that breaks off or falls silent: some text is among them.
const EVENTS: usize = 12;

/// The answers of the model `scripted`.
#[must_use]
pub fn script() -> Script {
    let weather = |step: Step, town: &str| step.call("weather", json!({ "town": town }));
    let failing =
        |status: u16| [Step::text("never").fault(Fault::status(status).with_header(RETRY_AFTER.0, RETRY_AFTER.1))];
    let one = weather(Step::text("Let me look.").reasoning("Which town?"), "Oslo");
    let two = weather(weather(Step::calls().reasoning("Which towns?"), "Oslo"), "Rome");
    let hello = Step::text("Grüße, 世界! This comes in several pieces.").delta_characters(4).tokens(20, 5);
    let endless = Step::text("and so on ".repeat(400)).delta_characters(10);
    Script::new("scripted")
        .when_contains("say hello", [hello])
        .when_contains("say goodbye", [Step::text("Goodbye.")])
        .when_contains("the weather in one town", [one, Step::text("It is cold in Oslo.")])
        .when_contains("the weather in two towns", [two, Step::text("Oslo is colder than Rome.")])
        .when_contains("the weather as an object", [Step::text("{\"town\": \"Oslo\", \"degrees\": -3}")])
        .when_contains("what is in the picture", [Step::text("A red dot.")])
        .when_contains("think first", [Step::text("I see.").reasoning("What is it about?").delta_characters(3)])
        .when_contains("never begin", [Step::text("never").first_delay(Duration::from_secs(600))])
        .when_contains("too many requests", failing(429))
        .when_contains("the key is wrong", failing(401))
        .when_contains("it is broken", failing(500))
        .when_contains("it is overloaded", failing(529))
        .when_contains("too long a prompt", [Step::text("never").fault(Fault::ContextOverflow)])
        .when_contains("stumble once", [Step::text("Here I am.").fail_first(1, Fault::status(503))])
        .when_contains("break off", [endless.clone().fault(Fault::reset(EVENTS, ResetReason::InternalError))])
        .when_contains("never end", [endless.fault(Fault::stall(EVENTS))])
}
