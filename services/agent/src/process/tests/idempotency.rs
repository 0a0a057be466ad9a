//! The same key again.

use super::*;

/// P08, G20: one effect for each key.
#[tokio::test]
async fn p08_the_same_key_attaches_and_another_input_conflicts() {
    let fixture = Fixture::new();
    let first = fixture.start_as(None, keyed("echo once >> file; sleep 0.1", "k")).await.expect("started");
    assert!(!first.attached);
    let again = fixture.start_as(None, keyed("echo once >> file; sleep 0.1", "k")).await.expect("attached");
    assert!(again.attached);
    assert_eq!(again.process.id, first.process.id);
    let error = fixture.start_as(None, keyed("echo twice", "k")).await.expect_err("conflict");
    assert_eq!(code(error), Code::AlreadyExists);
    let elsewhere = fixture.start_as(Some("c"), keyed("true", "k")).await.expect("another chat's key is another");
    assert!(!elsewhere.attached);

    fixture.wait(id(&first)).await;
    let text = std::fs::read_to_string(fixture.dir.path().join("file")).expect("file");
    assert_eq!(text, "once\n");
}

/// P08, G20: also for calls at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p08_calls_at_the_same_time_start_one_process() {
    let fixture = Fixture::new();
    let starts = (0..20).map(|_| fixture.start_as(None, keyed("echo x >> file", "k")));
    let started: Vec<Started> =
        futures::future::join_all(starts).await.into_iter().map(|started| started.expect("started")).collect();
    assert_eq!(started.iter().filter(|started| !started.attached).count(), 1);
    assert!(started.iter().all(|other| other.process.id == started[0].process.id));
    fixture.wait(id(&started[0])).await;
    assert_eq!(std::fs::read_to_string(fixture.dir.path().join("file")).expect("file"), "x\n");
}

/// P08: the receipt after reaping.
#[tokio::test]
async fn p08_after_reaping_and_after_a_restart_the_receipt_still_answers() {
    let fixture = Fixture::with(Limits { retention: Duration::ZERO, ..Limits::default() });
    let first = fixture.start_as(None, keyed("exit 7", "k")).await.expect("started");
    until_receipt_is_final(&fixture, "exit 7", "k").await;
    let fixture = fixture.restart();
    let again = fixture.start_as(None, keyed("exit 7", "k")).await.expect("attached");
    assert!(again.attached && !again.process.running && !again.process.lost);
    assert_eq!((again.process.id.clone(), again.process.exit_code), (first.process.id, Some(7)));
    assert!(again.process.exit_time.is_some());
    let error = fixture.manager.wait(None, id(&again), Duration::ZERO).await.expect_err("reaped");
    assert!(matches!(error, Error::Reaped { exit_code: 7, .. }), "{error}");
}

/// P08, G20: the agent dies between the start and the end.
#[tokio::test]
async fn p08_a_process_that_ran_when_the_agent_died_is_lost_and_not_run_again() {
    let fixture = Fixture::new();
    let first = fixture.start_as(Some("c"), keyed("sleep 1000", "k")).await.expect("started");
    let (running, chat) = (fixture.manager.clone(), ChatId::for_test("c"));
    let fixture = fixture.restart();

    let again = fixture.start_as(Some("c"), keyed("sleep 1000", "k")).await.expect("attached");
    assert!(again.attached && again.process.lost && !again.process.running);
    assert_eq!((again.process.id.clone(), again.process.exit_code), (first.process.id, None));
    let error = fixture.manager.wait(Some(&chat), id(&again), LONG).await.expect_err("lost");
    assert!(error.to_string().contains("outcome is unknown"), "{error}");
    assert_eq!(code(error), Code::DataLoss);
    let error = fixture.manager.wait(Some(&ChatId::for_test("d")), id(&again), LONG).await.expect_err("hidden");
    assert_eq!(code(error), Code::NotFound);
    running.close().await;
}
