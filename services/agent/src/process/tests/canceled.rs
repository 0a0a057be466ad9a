//! Starts that are given up.

use super::super::input::canceled_key;
use super::*;

impl Fixture {
    async fn cancel(&self, chat: Option<&str>, key: &str) -> pb::CancelProcessResponse {
        let chat = chat.map(ChatId::for_test);
        let key = canceled_key(chat.as_ref(), key).expect("a key");
        self.manager.cancel(chat.as_ref(), key).await.expect("an answer")
    }
}

fn canceled(process: &Started, signaled: bool) -> pb::CancelProcessResponse {
    pb::CancelProcessResponse { process_id: process.process.id.clone(), signaled }
}

/// G21: nobody waits for it any more, so it ends, with what it started.
#[tokio::test]
async fn g21_the_command_of_a_start_that_is_given_up_ends() {
    let fixture = Fixture::new();
    let started = fixture.start_as(Some("c"), keyed("sleep 1000 | cat; echo on", "k")).await.expect("started");
    assert_eq!(fixture.cancel(Some("d"), "k").await, pb::CancelProcessResponse::default(), "another chat's key");
    assert_eq!(fixture.cancel(Some("c"), "k").await, canceled(&started, true));
    let chat = ChatId::for_test("c");
    let ended = fixture.manager.wait(Some(&chat), id(&started), LONG).await.expect("known");
    assert_eq!((ended.process.running, ended.process.exit_code), (false, Some(-1)));
    assert_eq!(ended.output.text, "");

    assert_eq!(fixture.cancel(Some("c"), "k").await, canceled(&started, false), "said again");
    let again = fixture.start_as(Some("c"), keyed("sleep 1000 | cat; echo on", "k")).await.expect("attached");
    assert!(again.attached && !again.process.running, "what was begun is not begun again");
}

/// G21: a start that arrives after it was given up starts nothing, whatever its input and also after a restart.
#[tokio::test]
async fn g21_a_start_that_was_given_up_before_it_came_starts_nothing() {
    let fixture = Fixture::new();
    assert_eq!(fixture.cancel(None, "k").await, pb::CancelProcessResponse::default());
    let refused = async |fixture: &Fixture, command: &str| {
        let error = fixture.start_as(None, keyed(command, "k")).await.expect_err("refused");
        assert!(matches!(error, Error::Canceled), "{error}");
        assert_eq!(code(error), Code::FailedPrecondition);
    };
    refused(&fixture, "echo x >> file").await;
    refused(&fixture, "echo y >> file").await;
    assert_eq!(fixture.cancel(None, "k").await, pb::CancelProcessResponse::default());
    let fixture = fixture.restart();
    refused(&fixture, "echo x >> file").await;
    assert!(!fixture.dir.path().join("file").exists());
    let other = fixture.start_as(None, keyed("true", "another")).await.expect("another key is free");
    fixture.wait(id(&other)).await;
}

/// A model that leaves a command in the background does not wait for it, and no interruption ends it.
#[tokio::test]
async fn a_command_in_the_background_outlives_its_start() {
    let fixture = Fixture::new();
    let background = pb::StartProcessRequest { background: true, ..keyed("sleep 1000", "k") };
    let started = fixture.start_as(None, background).await.expect("started");
    assert_eq!(fixture.cancel(None, "k").await, canceled(&started, false));
    let found = fixture.manager.wait(None, id(&started), Duration::ZERO).await.expect("known");
    assert!(found.process.running);
    fixture.manager.signal(None, id(&started), Signal::SIGKILL).expect("signalled");
}

/// A start and its end overtake each other: nothing runs when both are over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g21_a_start_and_its_end_at_the_same_time_leave_nothing_running() {
    for round in 0..20 {
        let fixture = Fixture::new();
        let key = format!("k{round}");
        let (started, _) = tokio::join!(fixture.start_as(None, keyed("sleep 1000", &key)), fixture.cancel(None, &key));
        match started {
            Ok(started) => assert!(!fixture.wait(id(&started)).await.process.running),
            Err(error) => assert!(matches!(error, Error::Canceled), "{error}"),
        }
    }
}

#[test]
fn a_start_without_a_key_cannot_be_given_up() {
    for key in ["", &"k".repeat(513)] {
        assert_eq!(code(canceled_key(None, key).expect_err("refused")), Code::InvalidArgument);
    }
}
