//! Tools in every mood.

use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_proto::common::v1::FinishReason;
use chatmesh_proto::common::v1::part::Body;

use super::hands::SHOUT_BYTES;
use super::model::{Reply, told};
use super::world::World;
use crate::machine::Status;
use crate::store::{Metadata, Update};
use crate::testing::eventually;

/// F4: results come in the order in which the tools end, and a provider wants that of the calls. L-T1.
#[tokio::test(start_paused = true)]
async fn results_stand_in_the_order_of_the_calls_whoever_ends_first() {
    let world = World::new().await;
    world.model.then(Reply::calls("c", &[("wait", "{}"), ("wait", "{}"), ("wait", "{}")]));
    let chat = world.chat("go").await;
    eventually("all run at once", async || world.hands.called().len(), |calls| *calls == 3).await;
    for (number, call) in ["c-2", "c-1", "c-0"].into_iter().enumerate() {
        world.hands.release(call);
        let live = async || {
            let versions = world.get(chat).await.versions;
            let episode = world.state.episodes.find(chat, versions.history, versions.generation_attempt);
            episode.map_or(usize::MAX, |episode| episode.len())
        };
        eventually("it is shown", live, |parts| *parts > 9 + number).await;
    }
    world.ended(chat).await;
    let asked = told(&world.model.asked()[1]);
    assert_eq!(asked[4..], ["tool: [result c-0]", "tool: [result c-1]", "tool: [result c-2]"]);
}

/// L-T9: a bug in a tool ends the turn, or the process.
#[tokio::test(start_paused = true)]
async fn a_tool_that_panics_is_a_result_like_another() {
    let world = World::new().await;
    world.model.then(Reply::calls("c", &[("crash", "{}"), ("look", "{}")])).then(Reply::text("oh well"));
    let chat = world.chat("go").await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    let shown = world.shown(chat).await;
    assert!(shown[3].starts_with("tool: [c-0 failed: {\"error\":"), "{shown:#?}");
    assert_eq!(shown[4..], ["tool: [c-1: {\"saw\":\"c-1\"}]", "assistant: oh well"]);
    let errors = "chatmesh_chat_tool_errors_total{provider=\"House\",model=\"house\",tool_name=\"crash\"} 1";
    assert!(world.metrics().contains(errors), "{}", world.metrics());
}

#[tokio::test(start_paused = true)]
async fn calls_that_cannot_be_made_are_told_to_the_model_and_nobody_else() {
    let world = World::new().await;
    world.model.then(Reply::calls("c", &[("dance", "{}"), ("look", "{\"at\":"), ("look", "[]")]));
    let chat = world.chat("go").await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    let shown = world.shown(chat).await;
    assert!(shown[4].contains("not found") && shown[4].contains("dance"), "{shown:#?}");
    assert!(shown[5].contains("not a JSON object") && shown[6].contains("not a JSON object"), "{shown:#?}");
    assert_eq!(world.hands.called().len(), 0);
    let metrics = world.metrics();
    assert!(metrics.contains("tool_name=\"unknown\"} 1") && !metrics.contains("dance"), "{metrics}");
}

/// Half a call may say the opposite of the whole.
#[tokio::test(start_paused = true)]
async fn calls_of_an_answer_that_was_cut_off_are_not_made() {
    let world = World::new().await;
    world.model.then(Reply::calls("c", &[("look", "{}")]).because(FinishReason::Length)).then(Reply::text("again"));
    let chat = world.chat("go").await;
    world.ended(chat).await;
    let shown = world.shown(chat).await;
    assert!(shown[2].contains("failed") && shown[2].contains("token limit"), "{shown:#?}");
    assert_eq!((world.hands.called().len(), world.model.asked().len()), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn a_result_that_is_too_long_is_cut_and_counted() {
    let world = World::new().await;
    world.model.then(Reply::calls("c", &[("shout", "{}")]));
    let chat = world.chat("go").await;
    world.ended(chat).await;
    let messages = world.messages(chat).await;
    let Some(Body::ToolResult(result)) = &messages[2].body.content[0].body else { panic!("{messages:?}") };
    assert!(result.result.len() <= 256 * 1024 && result.result.len() > 100_000, "{}", result.result.len());
    assert!(!result.is_error && result.result.contains("too long"));
    let metrics = world.metrics();
    let labels = "{provider=\"House\",model=\"house\",tool_name=\"shout\"}";
    assert!(metrics.contains(&format!("chatmesh_chat_tool_result_truncated_total{labels} 1")), "{metrics}");
    let size = format!("chatmesh_chat_tool_result_size_bytes_sum{labels} {}", SHOUT_BYTES + r#"{"said":""}"#.len());
    assert!(metrics.contains(&size), "{metrics}");
}

/// L-T11: an answer that the provider blocked is not an empty answer.
#[tokio::test(start_paused = true)]
async fn a_blocked_answer_is_an_error_and_an_empty_one_the_end() {
    let world = World::new().await;
    world.model.then(Reply::calls("c", &[]).because(FinishReason::ContentFilter));
    let chat = world.chat("go").await;
    assert_eq!(world.ended(chat).await.status, Status::Error);
    world.model.then(Reply::calls("c", &[]).because(FinishReason::Stop));
    world.say(chat, "and now?").await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    assert_eq!(world.shown(chat).await, ["user: go", "user: and now?"]);
}

/// A workspace that comes in the middle of a turn brings its tools along.
#[tokio::test(start_paused = true)]
async fn tools_are_listed_anew_where_the_chat_has_another_workspace() {
    let world = World::new().await;
    world.model.then(Reply::calls("a", &[("wait", "{}")])).then(Reply::calls("b", &[("look", "{}")]));
    let chat = world.chat("go").await;
    eventually("it runs", async || world.hands.called().len(), |calls| *calls == 1).await;
    let workspace = SystemIds.next();
    let metadata = Metadata { workspace_id: Some(Some(workspace)), ..Metadata::default() };
    let update = Update { metadata, ..Update::default() };
    world.state.store.update(chat, update, world.state.clock.now()).await.expect("updated");
    world.hands.release("a-0");
    world.ended(chat).await;
    assert_eq!(world.hands.listed(), 2, "once per workspace");
    let called = world.hands.called();
    assert_ne!(called[0].workspace_id, workspace.to_string());
    assert_eq!(called[1].workspace_id, workspace.to_string());
}

/// What a dashboard is made of.
#[tokio::test(start_paused = true)]
async fn a_turn_is_counted_by_who_answered() {
    let world = World::new().await;
    world.model.then(Reply::calls("c", &[("look", "{}")]));
    let chat = world.chat("go").await;
    world.ended(chat).await;
    let expected = [
        "chatmesh_chat_steps_total{provider=\"House\",model=\"house\"} 2",
        "chatmesh_chat_message_count_count{provider=\"House\",model=\"house\"} 2",
        "chatmesh_chat_prompt_size_bytes_count{provider=\"House\",model=\"house\"} 2",
        "chatmesh_chat_ttft_seconds_count{provider=\"House\",model=\"house\"} 2",
        "chatmesh_chat_stage_duration_seconds_count{stage=\"prepare\"} 1",
        "chatmesh_chat_stage_duration_seconds_count{stage=\"generate\"} 2",
        "chatmesh_chat_stage_duration_seconds_count{stage=\"tools\"} 1",
        "chatmesh_chat_stage_duration_seconds_count{stage=\"persist\"} 2",
        "chatmesh_chat_chats{state=\"streaming\"} 0",
        "chatmesh_chat_chats{state=\"waiting\"} 0",
    ];
    // The turn is counted as ended a moment after its chat is.
    let missing = async || {
        let metrics = world.metrics();
        expected.into_iter().filter(|line| !metrics.contains(line)).collect::<Vec<_>>()
    };
    eventually("all is counted", missing, Vec::is_empty).await;
}
