//! Chats whose owner moves them to another workspace while the model works.

use chatmesh_core::{IdSource as _, SystemIds};

use super::model::Reply;
use super::world::World;
use crate::machine::Status;
use crate::testing::eventually;

/// The model answered about one workspace: what it asks for is not done in another.
#[tokio::test(start_paused = true)]
async fn calls_are_not_made_in_a_workspace_that_the_model_was_not_told_of() {
    let world = World::new().await;
    let (told, other) = (SystemIds.next(), SystemIds.next());
    world.model.then(Reply::overloaded()).then(Reply::calls("c", &[("look", "{}"), ("ask", "{}")]));
    world.model.then(Reply::calls("d", &[("look", "{}")]));
    let chat = world.chat_in(Some(told), "go", &["ask"]).await;
    world.until(chat, "the call is put off", |chat| chat.retry_state.is_some()).await;
    world.move_to(chat, other).await;
    world.sit_out(chat).await;
    world.until(chat, "it waits", |chat| chat.status == Status::RequiresAction).await;
    let shown = world.shown(chat).await;
    let refused = shown.iter().find(|line| line.starts_with("tool: [c-0 failed")).expect("refused");
    assert!(refused.contains("moved to another workspace") && refused.contains("nothing was done"), "{shown:#?}");
    assert_eq!(world.hands.called().len(), 0);

    world.submit(chat, &["c-1"]).await;
    world.ended(chat).await;
    let called = world.hands.called();
    assert_eq!((called.len(), called[0].workspace_id.as_str()), (1, other.to_string().as_str()), "told of it by then");
}

/// The first workspace has the receipt: in another one the call would be made a second time.
#[tokio::test(start_paused = true)]
async fn calls_of_a_worker_that_died_are_not_made_again_in_another_workspace() {
    let world = World::new().await;
    let (former, other) = (SystemIds.next(), SystemIds.next());
    world.model.then(Reply::calls("c", &[("wait", "{}")]));
    let chat = world.chat_in(Some(former), "go", &[]).await;
    eventually("it runs", async || world.hands.called().len(), |calls| *calls == 1).await;
    let lease = world.get(chat).await.lease.expect("a lease");
    world.kill().await;
    world.move_to(chat, other).await;
    world.given_back(chat, lease.runner_id).await;
    let process = world.another_process().await;
    process.hints.changed(&world.get(chat).await).await;
    assert_eq!(world.ended(chat).await.status, Status::Waiting);
    let shown = world.shown(chat).await;
    let refused = shown.iter().find(|line| line.starts_with("tool: [c-0 failed")).expect("refused");
    assert!(refused.contains("moved to another workspace") && refused.contains("not known"), "{shown:#?}");
    assert_eq!(world.hands.called().len(), 1, "{:#?}", world.hands.called());
    process.tasks.shutdown().force();
}
