//! Many chats at once.

use std::time::Duration;

use chatmesh_mesh_tests::Mesh;
use chatmesh_testkit::simulator::{Outcome, Script, Step};
use futures::future::join_all;

use super::said;

const CHATS: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn twenty_chats_are_answered_at_the_same_time_each_with_its_own_words() {
    let echo = Step::text("You said: {{last_user_message}}").first_delay(Duration::from_secs(10));
    Mesh::run(vec![Script::new("echo").step(echo).looped()], async |mesh| {
        let client = mesh.admin();
        let chats = join_all((0..CHATS).map(|number| async move {
            let text = format!("number {number}");
            (client.chat("echo", &text).await, text)
        }));
        let chats = chats.await;
        // All are asked before the first has answered.
        let open = |request: &&chatmesh_testkit::simulator::ReceivedRequest| request.outcome == Outcome::InFlight;
        let journal = mesh.simulator().journal();
        let received = journal.wait_until(|requests| requests.iter().filter(open).count() >= CHATS).await;
        assert_eq!(received.expect("all at once").len(), CHATS);

        for (chat, text) in chats {
            client.settled(&chat, "CHAT_STATUS_WAITING").await;
            let answer = format!("You said: {text}");
            assert_eq!(said(&client.messages(&chat).await), [("ROLE_USER", text), ("ROLE_ASSISTANT", answer)]);
        }
    })
    .await;
}
