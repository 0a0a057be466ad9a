//! Tools that give the chat a workspace, or start or stop the one it has.

use chatmesh_bus::Listener;
use chatmesh_core::{IdSource as _, SystemIds, Uuid};
use chatmesh_proto::chat::v1::WatchKind;
use chatmesh_proto::common::v1::FinishReason;
use futures::FutureExt as _;
use serde_json::json;

use super::model::Reply;
use super::world::World;
use crate::domain::ChatId;
use crate::hints::{of_owner, read_listed};
use crate::machine::Status;
use crate::testing::eventually;

/// A workspace and a build of it.
fn new_workspace() -> (Uuid, Uuid) {
    (SystemIds.next(), SystemIds.next())
}

fn args((workspace, build): (Uuid, Uuid)) -> String {
    json!({"workspace": workspace.to_string(), "build": build.to_string()}).to_string()
}

impl World {
    async fn is_bound(&self, chat: ChatId, (workspace, build): (Uuid, Uuid)) {
        let is_bound = |chat: &crate::Chat| (chat.workspace_id, chat.build_id) == (Some(workspace), Some(build));
        self.until(chat, "it has its workspace", is_bound).await;
    }

    async fn calls(&self, count: usize) {
        eventually("they are made", async || self.hands.called().len(), |calls| *calls == count).await;
    }
}

/// L14, G13: the chat has its workspace while the tool still waits, and those who follow it hear of that, and again at
/// the end of the wait. What comes after acts in the new workspace, with the tools that it has.
#[tokio::test(start_paused = true)]
async fn l14_a_chat_takes_on_the_workspace_that_a_tool_makes() {
    let world = World::new().await;
    let new = new_workspace();
    world
        .model
        .then(Reply::calls("a", &[("create_workspace", &args(new))]))
        .then(Reply::calls("b", &[("look", "{}")]))
        .then(Reply::text("done"));
    let mut followers = Listener::open(&world.state.bus, of_owner(world.owner)).await;
    let chat = world.chat_in(None, "go", &[]).await;
    world.is_bound(chat, new).await;
    let before = world.get(chat).await;
    assert_eq!((before.status, world.hands.listed()), (Status::Running, 1));
    world.hands.release("a-0");
    assert_eq!(world.ended(chat).await.status, Status::Waiting);

    let mut heard = 0;
    while let Some(hint) = followers.next().now_or_never() {
        let chatmesh_bus::Hint::Message { payload, .. } = hint else { continue };
        heard += usize::from(
            read_listed(&payload).is_some_and(|(id, kind)| id == chat && kind == WatchKind::MetadataChange),
        );
    }
    assert_eq!(heard, 2, "before the wait and after it");
    let called = world.hands.called();
    assert_eq!((called[0].workspace_id.as_str(), called[1].workspace_id.clone()), ("", new.0.to_string()));
    assert_eq!(world.hands.listed(), 2, "what there is in the new workspace");
    assert_eq!(world.get(chat).await.build_id, Some(new.1));
}

/// L02: calls of one step that make, start or stop a workspace are made one after the other, each where the one before
/// left the chat. Others do not wait for them.
#[tokio::test(start_paused = true)]
async fn l02_calls_that_change_the_workspace_wait_for_each_other() {
    let world = World::new().await;
    let (first, second) = (new_workspace(), new_workspace());
    let second = (first.0, second.1);
    let calls = [
        ("create_workspace", args(first)),
        ("look", "{}".to_owned()),
        ("create_workspace", args(second)),
        ("stop_workspace", args(second)),
    ];
    let calls: Vec<_> = calls.iter().map(|(name, args)| (*name, args.as_str())).collect();
    world.model.then(Reply::calls("c", &calls)).then(Reply::text("done"));
    let chat = world.chat_in(None, "go", &[]).await;
    world.is_bound(chat, first).await;
    assert_eq!(world.hands.call_ids(), ["c-0", "c-1"]);
    world.hands.release("c-0");
    world.is_bound(chat, second).await;
    assert_eq!(world.hands.call_ids(), ["c-0", "c-1", "c-2"]);
    world.hands.release("c-2");
    world.calls(4).await;
    world.hands.release("c-3");
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    let places: Vec<_> = world.hands.called().into_iter().map(|call| (call.call_id, call.workspace_id)).collect();
    let new = first.0.to_string();
    for (call, expected) in [("c-0", ""), ("c-1", ""), ("c-2", new.as_str()), ("c-3", new.as_str())] {
        assert!(places.contains(&(call.to_owned(), expected.to_owned())), "{call}: {places:?}");
    }
    let shown = world.shown(chat).await;
    assert!(shown[5].contains("c-0") && shown[7].contains("c-2"), "in the order of the calls: {shown:?}");
}

/// L17: a worker that ends after the chat was given its workspace does not keep the call from being made again as it was:
/// with the same key, for a chat without a workspace. Whoever carries it out knows what it made.
#[tokio::test(start_paused = true)]
async fn l17_a_call_that_is_made_again_is_the_same_call() {
    let world = World::new().await;
    let new = new_workspace();
    let text = args(new);
    world
        .model
        .then(Reply::calls("c", &[("create_workspace", &text), ("stop_workspace", &text)]))
        .then(Reply::text("done"));
    let chat = world.chat_in(None, "go", &[]).await;
    world.is_bound(chat, new).await;
    let lease = world.get(chat).await.lease.expect("a lease");
    world.kill().await;
    let given_back = world.given_back(chat, lease.runner_id).await;
    let other = world.another_process().await;
    other.hints.changed(&given_back).await;
    world.calls(2).await;
    world.hands.release("c-0");
    world.calls(3).await;
    world.hands.release("c-1");
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    let called = world.hands.called();
    assert_eq!(called[0], called[1]);
    assert_eq!((called[1].workspace_id.as_str(), called[2].workspace_id.clone()), ("", new.0.to_string()));
    let shown = world.shown(chat).await;
    assert!(shown.iter().all(|line| !line.contains("failed")), "{shown:?}");
    assert_eq!(world.get(chat).await.workspace_id, Some(new.0));
    other.tasks.shutdown().force();
}

/// The owner's choice counts more than a tool's, and the model is told where it is.
#[tokio::test(start_paused = true)]
async fn a_workspace_that_the_owner_chose_meanwhile_stays() {
    let world = World::new().await;
    let (new, chosen) = (new_workspace(), SystemIds.next());
    let late = json!({"workspace": new.0.to_string(), "build": new.1.to_string(), "late": true}).to_string();
    world.model.then(Reply::calls("c", &[("create_workspace", &late)])).then(Reply::text("oh"));
    let chat = world.chat_in(None, "go", &[]).await;
    world.calls(1).await;
    world.move_to(chat, chosen).await;
    world.hands.release("c-0");
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    let shown = world.shown(chat).await;
    assert!(shown[2].contains("failed") && shown[2].contains("another workspace"), "{shown:?}");
    let after = world.get(chat).await;
    assert_eq!((after.workspace_id, after.build_id), (Some(chosen), None));
}

/// Half an answer may say the opposite of the whole: nothing is stopped because of it.
#[tokio::test(start_paused = true)]
async fn an_answer_that_was_cut_off_stops_no_workspace() {
    let world = World::new().await;
    let new = new_workspace();
    world.model.then(Reply::calls("c", &[("stop_workspace", &args(new))]).because(FinishReason::Length));
    world.model.then(Reply::text("again"));
    let chat = world.chat_in(Some(new.0), "go", &[]).await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    assert_eq!(world.hands.called().len(), 0);
}

/// An interruption ends the wait and not the build: the chat keeps its workspace.
#[tokio::test(start_paused = true)]
async fn an_interrupted_chat_keeps_the_workspace_that_is_being_made() {
    let world = World::new().await;
    let new = new_workspace();
    world.model.then(Reply::calls("c", &[("create_workspace", &args(new))]));
    let chat = world.chat_in(None, "go", &[]).await;
    world.is_bound(chat, new).await;
    world.interrupt(chat).await;
    let stopped = world.ended(chat).await;
    assert_eq!((stopped.status, stopped.workspace_id, stopped.build_id), (Status::Waiting, Some(new.0), Some(new.1)));
    let shown = world.shown(chat).await;
    assert!(shown[2].contains("interrupted by the user"), "{shown:?}");
}

/// A workspace that was stopped or started says other things of itself than before: the next step is told.
#[tokio::test(start_paused = true)]
async fn what_is_known_of_a_workspace_is_asked_for_anew_after_it_was_stopped() {
    let world = World::new().await;
    let new = new_workspace();
    world.model.then(Reply::calls("c", &[("stop_workspace", &args(new))])).then(Reply::text("done"));
    let chat = world.chat_in(Some(new.0), "go", &[]).await;
    world.is_bound(chat, new).await;
    world.hands.release("c-0");
    world.ended(chat).await;
    assert_eq!((world.hands.listed(), world.model.asked().len()), (2, 2));
}
