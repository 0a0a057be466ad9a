//! Conversations that become too long.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{ErrorKind, FinishReason, Role};
use serde_json::Value;

use super::model::{LIMIT, Reply, failure, told};
use super::world::World;
use crate::domain::{ChatId, Message, Visibility};
use crate::machine::Status;
use crate::testing::eventually;

/// A step that asks for a tool.
fn step(id: &str, tokens: u32) -> Reply {
    Reply::calls(id, &[("look", "{}")]).tokens(tokens)
}

impl World {
    /// The rows that tell of summaries.
    async fn markers(&self, chat: ChatId) -> Vec<Message> {
        let mut messages = self.messages(chat).await;
        messages.retain(|message| message.body.compressed);
        messages
    }

    async fn summaries(&self, chat: ChatId) -> usize {
        self.markers(chat).await.len() / 2
    }
}

/// F5: a conversation that is too long in the middle of the work is summarised, and the work goes on. L-T5.
#[tokio::test(start_paused = true)]
async fn work_goes_on_after_a_summary_between_two_steps() {
    let world = World::new().await;
    world
        .model
        .then(step("a", 400))
        .then(step("b", 750))
        .then(step("c", 100))
        .then(Reply::text("all done").tokens(120));
    world.model.then_summarises(Reply::text("a and b were looked at").tokens(760));
    let chat = world.chat("look around").await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);

    let asked = world.model.asked();
    assert_eq!(asked.len(), 4, "three steps and the end");
    let after = told(&asked[2]);
    assert_eq!(after.len(), 1, "{after:?}");
    assert!(after[0].contains("a and b were looked at"), "{after:?}");
    assert_eq!(told(&asked[3])[1..], ["assistant: [call c-0]", "tool: [result c-0]"]);
    let summary = &world.model.asked_to_summarise()[0];
    assert_eq!(
        told(summary)[..5],
        told(&asked[1])[..3]
            .iter()
            .cloned()
            .chain(["assistant: [call b-0]".to_owned(), "tool: [result b-0]".to_owned()])
            .collect::<Vec<_>>()[..]
    );

    // People see everything that was said, and where the summary is.
    let shown = world.shown(chat).await;
    assert_eq!(shown.len(), 10, "{shown:#?}");
    let markers = world.markers(chat).await;
    let roles: Vec<Role> = markers.iter().map(|message| message.body.role).collect();
    assert_eq!(roles, [Role::Assistant, Role::Tool]);
    assert_eq!(markers[0].body.cost_micros, Some(760), "making it is paid for");
    let Some(Body::ToolResult(result)) = &markers[1].body.content[0].body else { panic!("{markers:?}") };
    let result: Value = serde_json::from_str(&result.result).expect("JSON");
    assert_eq!((&result["source"], &result["usage_percent"]), (&"automatic".into(), &75.into()), "{result}");
    let compactions = "chatmesh_chat_compaction_total{provider=\"House\",model=\"house\",result=\"success\"} 1";
    assert!(world.metrics().contains(compactions), "{}", world.metrics());
}

/// F38: another prefix or other tools make the provider read the whole conversation anew.
#[tokio::test(start_paused = true)]
async fn a_summary_is_asked_for_with_the_same_instructions_and_tools() {
    let world = World::new().await;
    world.model.then(step("a", 750));
    let chat = world.chat("look around").await;
    world.ended(chat).await;
    let (asked, summary) = (&world.model.asked()[0], &world.model.asked_to_summarise()[0]);
    assert_eq!(summary.tools, asked.tools);
    assert_eq!(summary.messages[..asked.messages.len()], asked.messages[..]);
    assert_eq!(summary.messages.len(), asked.messages.len() + 3, "the step and what is asked for");
    assert_eq!(summary.messages.last().map(|message| message.role()), Some(Role::User));
}

/// F5: the turn is not over because it was summarised at its end, and it does not go on for ever. L-T5.
#[tokio::test(start_paused = true)]
async fn a_summary_at_the_end_lets_the_model_go_on_three_times_at_most() {
    let world = World::new().await;
    for round in 0..5 {
        // Each time it works a little before it is too long again.
        world.model.then(step(&format!("r{round}"), 100)).then(Reply::text("is that all?").tokens(800));
    }
    let chat = world.chat("look around").await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    assert_eq!(world.summaries(chat).await, 3);
    assert_eq!(world.model.asked().len(), 8, "two calls, four times");
    assert!(told(&world.model.asked()[2])[0].contains("a summary"));
}

/// A message that waits is what the model goes on with.
#[tokio::test(start_paused = true)]
async fn a_summary_at_the_end_lets_the_waiting_message_be_the_next() {
    let world = World::new().await;
    world.model.then(Reply::text("all done").tokens(800)).then(Reply::text("and that, too").tokens(100));
    world.model.then_summarises(Reply::text("in short").late(std::time::Duration::from_secs(1)));
    let chat = world.chat("look around").await;
    eventually("asked", async || world.model.asked_to_summarise().len(), |asked| *asked == 1).await;
    world.say(chat, "and there").await;
    crate::testing::pass(std::time::Duration::from_secs(1)).await;
    world.ended(chat).await;
    let asked = world.model.asked();
    assert_eq!(asked.len(), 2, "nobody asks whether there is more");
    assert_eq!(told(&asked[1])[1..], ["user: and there"]);
}

/// F6: a conversation that is still too long after its summary is summarised again and again.
#[tokio::test(start_paused = true)]
async fn a_summary_that_does_not_help_ends_the_turn_with_an_error() {
    let world = World::new().await;
    world.model.then(step("a", 750)).then(step("b", 760)).then(step("c", 770));
    let chat = world.chat("look around").await;
    let failed = world.ended(chat).await;
    assert_eq!(failed.status, Status::Error);
    let error = failed.last_error.expect("an error");
    assert!(error.context_overflow && !error.retryable && error.message.contains("summarised"), "{error:?}");
    assert_eq!((world.model.asked().len(), world.summaries(chat).await), (2, 1));
}

/// F6: but where nothing is left to do, what was said stands.
#[tokio::test(start_paused = true)]
async fn an_answer_that_ends_the_turn_is_good_however_long_the_conversation_is() {
    let world = World::new().await;
    world.model.then(step("a", 750)).then(Reply::text("all done").tokens(760));
    let chat = world.chat("look around").await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    assert_eq!((world.model.asked().len(), world.summaries(chat).await), (2, 1));
}

/// Half a summary would be all that is left of the conversation.
#[tokio::test(start_paused = true)]
async fn a_summary_that_was_cut_off_takes_the_place_of_nothing() {
    let world = World::new().await;
    world.model.then(Reply::calls("a", &[("look", "{}")]).tokens(800)).then(Reply::text("done").tokens(100));
    world.model.then_summarises(Reply::text("first they").because(FinishReason::Length));
    let chat = world.chat("go").await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    assert_eq!((world.summaries(chat).await, world.model.asked_to_summarise().len()), (0, 1));
    assert_eq!(told(&world.model.asked()[1])[0], "user: go");
}

/// The failure of a summary is none of the turn.
#[tokio::test(start_paused = true)]
async fn work_goes_on_without_a_summary_where_there_is_none() {
    let world = World::new().await;
    world.model.then(step("a", 750)).then(Reply::text("all done").tokens(100));
    world.model.then_summarises(Reply::text(" \n"));
    let chat = world.chat("look around").await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    assert_eq!(world.summaries(chat).await, 0);
    assert_eq!(told(&world.model.asked()[1]).len(), 3, "the whole conversation");
    let failures = "chatmesh_chat_compaction_total{provider=\"House\",model=\"house\",result=\"error\"} 1";
    assert!(world.metrics().contains(failures), "{}", world.metrics());
}

/// A summary that cannot be made costs a call with every step.
#[tokio::test(start_paused = true)]
async fn a_summary_that_failed_is_not_asked_for_after_every_step() {
    let world = World::new().await;
    for number in 0..13 {
        world.model.then(step(&format!("s{number}"), 750));
        world.model.then_summarises(Reply::text(""));
    }
    let chat = world.chat("look around").await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    assert_eq!((world.model.asked().len(), world.model.asked_to_summarise().len()), (14, 3));
}

/// A summary is asked for again where that may help, and nobody is told of a retry.
#[tokio::test(start_paused = true)]
async fn a_summary_is_tried_again_in_silence() {
    let world = World::new().await;
    world.model.then(step("a", 750)).then(Reply::overloaded()).then(Reply::text("all done").tokens(100));
    world.model.then_summarises(Reply::overloaded()).then_summarises(Reply::text("short"));
    let chat = world.chat("look around").await;
    eventually("asked", async || world.model.asked_to_summarise().len(), |asked| *asked == 1).await;
    let mut tries = 0;
    while world.model.asked_to_summarise().len() < 2 {
        crate::testing::pass(std::time::Duration::from_millis(100)).await;
        let seen = world.get(chat).await;
        // With the second summary the step goes on, which may be put off.
        assert!(seen.retry_state.is_none() || world.model.asked_to_summarise().len() == 2);
        tries += 1;
        assert!(tries < 600, "not tried again");
    }
    // The failed tries are none of the step's.
    let delay = world.sit_out(chat).await;
    assert_eq!(delay.as_secs(), 1, "the first failure of the step");
    world.ended(chat).await;
    assert_eq!(world.summaries(chat).await, 1);
}

/// F45: a provider that refuses the conversation as too long ends the turn though a summary would fit.
#[tokio::test(start_paused = true)]
async fn a_conversation_that_the_provider_refuses_as_too_long_is_summarised_and_tried_once_more() {
    let world = World::new().await;
    world.model.then(Reply::text("hello").tokens(10));
    let chat = world.chat("hi").await;
    world.ended(chat).await;
    world.model.then(Reply::overflow()).then(Reply::text("as you wish").tokens(20));
    world.say(chat, "do it").await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);

    let after = told(&world.model.asked()[2]);
    assert_eq!(after.len(), 2, "{after:?}");
    assert!(after[0].contains("a summary"), "{after:?}");
    assert_eq!(after[1], "user: do it", "what was asked for stays in the words of who asked");
    let summary = told(&world.model.asked_to_summarise()[0]);
    assert!(!summary.contains(&"user: do it".to_owned()), "{summary:?}");
    // People have seen it where it was said.
    let shown = world.shown(chat).await;
    assert_eq!(shown.iter().filter(|line| *line == "user: do it").count(), 1, "{shown:?}");
}

/// F45: once, and not for ever.
#[tokio::test(start_paused = true)]
async fn a_conversation_that_is_refused_again_after_its_summary_ends_the_turn() {
    let world = World::new().await;
    world.model.then(step("a", 10));
    world.model.then(Reply::overflow()).then(Reply::overflow()).then(Reply::overflow());
    let chat = world.chat("look around").await;
    let failed = world.ended(chat).await;
    assert!(failed.last_error.is_some_and(|error| error.context_overflow));
    assert_eq!((world.model.asked().len(), world.summaries(chat).await), (3, 1));
}

/// F45: the first words of a conversation cannot be summarised: nobody answered them.
#[tokio::test(start_paused = true)]
async fn a_first_message_that_is_too_long_is_an_error_at_once() {
    let world = World::new().await;
    world.model.then(Reply::overflow());
    let chat = world.chat("far too long").await;
    assert!(world.ended(chat).await.last_error.is_some_and(|error| error.context_overflow));
    assert_eq!((world.model.asked().len(), world.model.asked_to_summarise().len()), (1, 0));
}

/// F45: what is too long to be answered is too long to be summarised, as it is.
#[tokio::test(start_paused = true)]
async fn a_conversation_that_is_too_long_even_for_its_summary_is_shortened_for_it() {
    let world = World::new().await;
    for number in 0..6 {
        world.model.then(step(&format!("s{number}"), 10));
    }
    world.model.then(Reply::overflow()).then(Reply::text("all done").tokens(10));
    world
        .model
        .then_summarises(Reply::overflow())
        .then_summarises(Reply::overflow())
        .then_summarises(Reply::text("in short"));
    let chat = world.chat("look around").await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    let lengths: Vec<usize> = world.model.asked_to_summarise().iter().map(|request| told(request).len()).collect();
    assert_eq!(lengths.len(), 3);
    assert!(lengths.is_sorted_by(|longer, shorter| longer > shorter), "{lengths:?}");
    assert_eq!(world.summaries(chat).await, 1);
}

/// A summary that the owner wants is all that happens.
#[tokio::test(start_paused = true)]
async fn a_summary_on_request_answers_nobody() {
    let world = World::new().await;
    world.model.then(Reply::text("hello").tokens(300));
    let chat = world.chat("hi").await;
    world.ended(chat).await;
    world.compact(chat).await;
    let summarised = world.ended(chat).await;
    assert_eq!((summarised.status, summarised.compaction_requested_at), (Status::Waiting, None));
    assert_eq!((world.model.asked().len(), world.summaries(chat).await), (1, 1));
    let markers = world.markers(chat).await;
    let Some(Body::ToolResult(result)) = &markers[1].body.content[0].body else { panic!("{markers:?}") };
    let result: Value = serde_json::from_str(&result.result).expect("JSON");
    assert_eq!(
        (&result["source"], &result["usage_percent"], &result["context_limit_tokens"]),
        (&"manual".into(), &30.into(), &LIMIT.into()),
        "{result}"
    );
    world.say(chat, "go on").await;
    world.ended(chat).await;
    let asked = told(&world.model.asked()[1]);
    assert!(asked.len() == 2 && asked[0].contains("a summary") && asked[1] == "user: go on", "{asked:?}");
}

/// Words that nobody answered because the turn failed are not lost to the summary that was to help.
#[tokio::test(start_paused = true)]
async fn a_summary_on_request_keeps_what_nobody_answered() {
    let world = World::new().await;
    world.model.then(Reply::text("hello").tokens(300));
    let chat = world.chat("hi").await;
    world.ended(chat).await;
    world.model.then(Reply::error(failure(ErrorKind::Auth, false)));
    world.say(chat, "do it").await;
    assert_eq!(world.ended(chat).await.status, Status::Error);
    world.compact(chat).await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    assert_eq!(world.model.asked().len(), 2, "it is not answered either");

    let prompt = world.state.store.prompt_messages(chat).await.expect("read");
    let last = &prompt.last().expect("a message").body;
    assert_eq!((last.role, last.visibility), (Role::User, Visibility::Model));
    world.say(chat, "please").await;
    world.ended(chat).await;
    let asked = told(&world.model.asked()[2]);
    assert_eq!(asked[1..], ["user: do it", "user: please"], "{asked:?}");
}

/// A worker that dies between the summary and the end of the turn has answered nobody either.
#[tokio::test(start_paused = true)]
async fn whoever_takes_over_after_a_summary_on_request_asks_the_model_nothing() {
    for unanswered in [false, true] {
        let world = World::new().await;
        world.model.then(Reply::text("hello").tokens(300));
        let chat = world.chat("hi").await;
        world.ended(chat).await;
        if unanswered {
            world.model.then(Reply::error(failure(ErrorKind::Auth, false)));
            world.say(chat, "do it").await;
            world.ended(chat).await;
        }
        world.compact(chat).await;
        world.ended(chat).await;
        let asked = world.model.asked().len();
        // As if the last transaction had been lost with the worker.
        world.reopen(chat).await;
        assert_eq!(world.ended(chat).await.status, Status::Waiting);
        assert_eq!(world.model.asked().len(), asked, "with words that nobody answered: {unanswered}");
    }
}

/// A failed summary that the owner asked for is not kept from them.
#[tokio::test(start_paused = true)]
async fn a_summary_on_request_that_fails_is_an_error() {
    let world = World::new().await;
    world.model.then(Reply::text("hello").tokens(300));
    let chat = world.chat("hi").await;
    world.ended(chat).await;
    world.model.then_summarises(Reply::error(failure(ErrorKind::Auth, false)));
    world.compact(chat).await;
    let failed = world.ended(chat).await;
    assert_eq!((failed.status, failed.compaction_requested_at), (Status::Error, None));
    assert_eq!(failed.last_error.map(|error| error.kind()), Some(ErrorKind::Auth));
}

/// People see that a summary is under way before it is there.
#[tokio::test(start_paused = true)]
async fn a_summary_is_shown_while_it_is_made() {
    let world = World::new().await;
    world.model.then(step("a", 750));
    world.model.then_summarises(Reply::text("half").hangs());
    let chat = world.chat("look around").await;
    let live = async || {
        let versions = world.get(chat).await.versions;
        let episode = world.state.episodes.find(chat, versions.history, versions.generation_attempt)?;
        let mut cursor = crate::parts::Cursor::new(episode, 0);
        cursor.take(10).first().and_then(|part| part.part.clone())?.body
    };
    let is_marker = |body: &Option<Body>| matches!(body, Some(Body::ToolCall(call)) if call.name == "chat_summarized");
    eventually("it is shown", live, is_marker).await;
    world.interrupt(chat).await;
    world.ended(chat).await;
}

/// A turn whose last word is committed, and whose worker died before it ended it, is over.
#[tokio::test(start_paused = true)]
async fn whoever_takes_over_a_finished_turn_ends_it() {
    for last in [Reply::text("all done"), Reply::calls("c", &[("look", "{}")]).because(FinishReason::Stop)] {
        let world = World::new().await;
        world.model.then(last);
        let chat = world.chat("go").await;
        world.ended(chat).await;
        let shown = world.shown(chat).await;
        world.reopen(chat).await;
        assert_eq!(world.ended(chat).await.status, Status::Waiting);
        assert_eq!((world.model.asked().len(), world.shown(chat).await), (1, shown));
    }
}
