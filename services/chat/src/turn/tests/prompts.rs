//! F4: what the model is told within a turn is what it is told after the history was read anew.

use chatmesh_proto::llm::v1::{GenerateRequest, PromptMessage};
use proptest::prelude::*;

use super::model::{Reply, told};
use super::world::World;
use crate::testing::eventually;

/// What a model may do in a turn.
fn steps() -> impl Strategy<Value = Vec<Vec<&'static str>>> {
    let call = prop_oneof![Just("look"), Just("crash"), Just("dance"), Just("shout")];
    prop::collection::vec(prop::collection::vec(call, 0..4), 0..6)
}

fn script(world: &World, turn: usize, steps: &[Vec<&'static str>]) {
    for (number, calls) in steps.iter().enumerate() {
        let calls: Vec<(&str, &str)> = calls.iter().map(|call| (*call, "{}")).collect();
        let id = format!("t{turn}s{number}");
        world.model.then(Reply::calls(&id, &calls).and_text("one moment").tokens(5));
    }
}

/// What a worker is told that reads the whole history.
async fn read_anew(world: &World, chat: crate::ChatId) -> Vec<PromptMessage> {
    let history = world.state.store.prompt_messages(chat).await.expect("read");
    let message =
        |message: crate::Message| PromptMessage { role: message.body.role.into(), parts: message.body.content };
    history.into_iter().map(message).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// F4: a prompt that is put together step by step differs from the one that is read anew.
    #[test]
    fn every_prompt_of_a_turn_is_a_beginning_of_the_history(turns in prop::collection::vec(steps(), 1..3)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        runtime.expect("a runtime").block_on(async {
            let world = World::new().await;
            script(&world, 0, &turns[0]);
            let chat = world.chat("go").await;
            world.ended(chat).await;
            for (number, steps) in turns.iter().enumerate().skip(1) {
                script(&world, number, steps);
                world.say(chat, "on").await;
                world.ended(chat).await;
            }
            let anew = read_anew(&world, chat).await;
            for request in world.model.asked() {
                let said: Vec<_> = request.messages.iter().skip_while(|message| message.role == 1).cloned().collect();
                assert_eq!(said[..], anew[..said.len()], "of {} messages", anew.len());
            }
        });
    }
}

/// F4: what the provider ran itself stays where it was said, and what the mesh ran comes after it. L-T2.
#[tokio::test(start_paused = true)]
async fn what_the_provider_ran_stays_where_it_was_said() {
    let world = World::new().await;
    let answer = Reply::search("ws").and_text("and now").and_call("c-0", "look").and_call("c-1", "look");
    world.model.then(answer).then(Reply::text("done"));
    let chat = world.chat("go").await;
    world.ended(chat).await;
    let expected = [
        "user: go",
        "assistant: [call ws]",
        "assistant: [result ws]",
        "assistant: and now",
        "assistant: [call c-0]",
        "assistant: [call c-1]",
        "tool: [result c-0]",
        "tool: [result c-1]",
    ];
    assert_eq!(told(&world.model.asked()[1]), expected);
    let anew = read_anew(&world, chat).await;
    assert_eq!(told(&GenerateRequest { messages: anew, ..GenerateRequest::default() })[..8], expected);
    assert_eq!(world.hands.call_ids(), ["c-0", "c-1"], "nobody runs the provider's tools");
    let rows: Vec<usize> = world.messages(chat).await.iter().map(|message| message.body.content.len()).collect();
    assert_eq!(rows, [1, 5, 1, 1, 1]);
}

/// No model is asked to go on with its own words.
#[tokio::test(start_paused = true)]
async fn no_prompt_ends_with_what_the_model_said() {
    let world = World::new().await;
    world.model.then(Reply::calls("a", &[("look", "{}")])).then(Reply::text("done"));
    world.model.then(Reply::text("half").hangs());
    let chat = world.chat("go").await;
    world.ended(chat).await;
    world.say(chat, "on").await;
    eventually("asked", async || world.model.asked().len(), |asked| *asked == 3).await;
    world.interrupt(chat).await;
    world.ended(chat).await;
    world.reopen(chat).await;
    world.ended(chat).await;
    world.say(chat, "and on").await;
    world.ended(chat).await;
    let asked = world.model.asked();
    assert_eq!(asked.len(), 4, "an interrupted turn that is taken up again is over");
    for request in asked {
        let last = request.messages.last().expect("a message");
        assert_ne!(last.role, i32::from(chatmesh_proto::common::v1::Role::Assistant), "{last:?}");
    }
}
