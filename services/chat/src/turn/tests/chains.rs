//! Answers that the provider keeps.

use chatmesh_proto::common::v1::ErrorKind;

use super::model::{Reply, failure, told};
use super::world::World;
use crate::machine::Status;
use crate::testing::eventually;

/// What each call continued: the answer, and what was new.
fn chains(world: &World) -> Vec<Option<(String, Vec<String>)>> {
    let chain = |request: chatmesh_proto::llm::v1::GenerateRequest| {
        let chain = request.chain.clone()?;
        let instructions = request.messages.len() - told(&request).len();
        let new = told(&request).split_off(chain.first_message as usize - instructions);
        Some((chain.previous_response_id, new))
    };
    world.model.asked().into_iter().map(chain).collect()
}

fn continues(id: &str, new: &[&str]) -> Option<(String, Vec<String>)> {
    Some((id.to_owned(), new.iter().map(|line| (*line).to_owned()).collect()))
}

#[tokio::test(start_paused = true)]
async fn each_turn_continues_the_answer_before_it_with_what_is_new() {
    let world = World::new().await;
    for number in 1..=3 {
        world.model.then(Reply::text("hello").stored(&format!("resp_{number}")));
    }
    let chat = world.chat("one").await;
    world.ended(chat).await;
    for said in ["two", "three"] {
        world.say(chat, said).await;
        world.ended(chat).await;
    }
    let expected = [None, continues("resp_1", &["user: two"]), continues("resp_2", &["user: three"])];
    assert_eq!(chains(&world), expected);
    // Where the provider does not keep it any more, everything is there.
    assert_eq!(told(&world.model.asked()[2]).len(), 5);
}

/// F15: a turn that ended behind the results of tools bricks the chat: the provider never saw them. L-T12.
#[tokio::test(start_paused = true)]
async fn the_turn_after_one_that_ended_with_tools_sends_everything() {
    let world = World::new().await;
    world.model.then(Reply::calls("c", &[("wait", "{}")]).stored("resp_1"));
    let chat = world.chat("one").await;
    eventually("it runs", async || world.hands.called().len(), |calls| *calls == 1).await;
    world.interrupt(chat).await;
    world.ended(chat).await;
    world.model.then(Reply::text("hello").stored("resp_2"));
    world.say(chat, "two").await;
    world.ended(chat).await;
    world.say(chat, "three").await;
    world.ended(chat).await;
    assert_eq!(chains(&world), [None, None, continues("resp_2", &["user: three"])]);
    let second = told(&world.model.asked()[1]);
    assert_eq!(second, ["user: one", "assistant: [call c-0]", "tool: [result c-0]", "user: two"]);
}

/// F15: steps within a turn send results, and the provider has none of the calls' in its chain.
#[tokio::test(start_paused = true)]
async fn a_step_after_tools_sends_everything() {
    let world = World::new().await;
    world.model.then(Reply::calls("c", &[("look", "{}")]).stored("resp_1")).then(Reply::text("done").stored("resp_2"));
    let chat = world.chat("one").await;
    world.ended(chat).await;
    world.say(chat, "two").await;
    world.ended(chat).await;
    assert_eq!(chains(&world), [None, None, continues("resp_2", &["user: two"])]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_the_provider_forgot_is_not_asked_for_again() {
    let world = World::new().await;
    world.model.then(Reply::text("hello").stored("resp_1"));
    let chat = world.chat("one").await;
    world.ended(chat).await;
    let mut forgotten = failure(ErrorKind::Generic, true);
    forgotten.chain_broken = true;
    world.model.then(Reply::error(forgotten)).then(Reply::text("hello again").stored("resp_2"));
    world.say(chat, "two").await;
    // Without a pause: nobody is overloaded.
    let ended = world.ended(chat).await;
    assert_eq!(ended.status, Status::Waiting);
    assert_eq!(chains(&world), [None, continues("resp_1", &["user: two"]), None]);
    assert_eq!(told(&world.model.asked()[2]), ["user: one", "assistant: hello", "user: two"]);
    world.say(chat, "three").await;
    world.ended(chat).await;
    assert_eq!(chains(&world)[3], continues("resp_2", &["user: three"]), "the new one is known");
}

/// What the provider keeps and what is sent may not go together, whatever the provider calls that.
#[tokio::test(start_paused = true)]
async fn a_continuation_that_is_refused_is_sent_whole_and_once() {
    let world = World::new().await;
    world.model.then(Reply::text("hello").stored("resp_1"));
    let chat = world.chat("one").await;
    world.ended(chat).await;
    let mut refused = failure(ErrorKind::Generic, false);
    refused.status_code = Some(400);
    world.model.then(Reply::error(refused.clone())).then(Reply::error(refused));
    world.say(chat, "two").await;
    assert_eq!(world.ended(chat).await.status, Status::Error, "a whole conversation that is refused is an error");
    assert_eq!(chains(&world), [None, continues("resp_1", &["user: two"]), None]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_keeps_is_not_continued() {
    let world = World::new().await;
    world.model.then(Reply::text("hello"));
    let chat = world.chat("one").await;
    world.ended(chat).await;
    world.say(chat, "two").await;
    world.ended(chat).await;
    assert_eq!(chains(&world), [None, None]);
    assert!(world.messages(chat).await.iter().all(|message| message.body.provider_response_id.is_none()));
}
