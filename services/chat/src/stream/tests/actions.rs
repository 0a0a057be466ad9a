//! Calls of tools that the client runs.

use chatmesh_proto::chat::v1::ChatStatus;

use crate::store::ClientResult;
use crate::testing::{Runner, Standstill, World};

#[tokio::test(start_paused = true)]
async fn the_calls_to_answer_are_told_once_to_those_who_are_there_and_to_those_who_come() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let replica = world.replica().await;
    let chat = replica.chat("ask me").await;
    let mut early = replica.reader(chat).await;
    let mut runner = Runner::acquire(&replica, chat).await.expect("leased");
    for step in 1..=2 {
        runner.attempt().await.expect("called");
        runner.say("I have to ask.");
        let calls = [format!("first-{step}"), format!("second-{step}")];
        calls.iter().for_each(|id| runner.call(id));
        runner.require_action().await.expect("waits");

        let mut late = replica.reader(chat).await;
        for reader in [&mut early, &mut late] {
            let wanted = calls.clone();
            reader.until("the calls", move |client| ids(&client.calls) == wanted).await;
            assert_eq!(reader.client.status, ChatStatus::RequiresAction);
        }
        // Other changes of the chat do not tell them again.
        replica.send(chat, "meanwhile", false).await;
        early.until("the queue", |client| client.queue.len() == step).await;
        let told = early.kinds().iter().filter(|kind| **kind == "action").count();
        assert_eq!(told, step);

        let results = calls.map(|call_id| ClientResult { call_id, output: "{}".to_owned(), is_error: false });
        let store = &replica.state.store;
        let (chat_now, _) = store.submit_tool_results(chat, results.into(), replica.now()).await.expect("taken");
        replica.state.hints.changed(&chat_now).await;
        early.until("it goes on", |client| client.status == ChatStatus::Running).await;
        runner = Runner::acquire(&replica, chat).await.expect("leased");
    }
}

fn ids(calls: &[chatmesh_proto::common::v1::ToolCall]) -> Vec<String> {
    calls.iter().map(|call| call.call_id.clone()).collect()
}
