//! Scripts that run on stop, and what is told after a reconnect.

use super::super::error::Error;
use super::*;

const STOPPED: &[LifecycleState] =
    &[LifecycleState::Off, LifecycleState::ShutdownTimeout, LifecycleState::ShutdownError];

#[tokio::test]
async fn s01_scripts_that_run_on_stop_run_at_the_shutdown_and_the_last_state_is_told() {
    let timeout = pb::Script { timeout_seconds: 1, ..on_stop("slow", "sleep 1000") };
    for (script, expected) in [
        (on_stop("a", "echo bye"), LifecycleState::Off),
        (on_stop("a", "exit 1"), LifecycleState::ShutdownError),
        (timeout, LifecycleState::ShutdownTimeout),
    ] {
        let fixture = Fixture::new();
        let mut session = fixture.accept(vec![script]);
        assert_eq!(until_state(&mut session, STARTED).await.states.last(), Some(&LifecycleState::Ready));
        let (told, ()) = tokio::join!(until_state(&mut session, STOPPED), fixture.lifecycle.shut_down());
        assert_eq!(told.states.last(), Some(&expected));
        assert!(session.next().await.expect("no error").is_none(), "the call ends");
    }
}

#[tokio::test]
async fn s01_a_shutdown_interrupts_scripts_that_still_run() {
    let fixture = Fixture::new();
    let mut session = fixture.accept(vec![script("long", "touch begun; sleep 1000"), on_stop("stop", "true")]);
    fixture.until("begun").await;
    let (told, ()) = tokio::join!(until_state(&mut session, STOPPED), fixture.lifecycle.shut_down());
    assert_eq!((told.result("long"), told.result("stop")), (ScriptResult::Interrupted, ScriptResult::Ok));
    assert_eq!(told.states.last(), Some(&LifecycleState::Off));
    let after = [LifecycleState::Ready, LifecycleState::StartError];
    assert!(!told.states.iter().any(|state| after.contains(state)), "no step back: {:?}", told.states);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_without_a_manifest_is_at_once() {
    let fixture = Fixture::new();
    let began = tokio::time::Instant::now();
    fixture.lifecycle.shut_down().await;
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn what_was_not_acknowledged_is_told_again_and_the_state_always() {
    let fixture = Fixture::new();
    let mut first = fixture.accept(vec![script("a", "echo line")]);
    let told = until_state(&mut first, STARTED).await;
    let mut second = fixture.lifecycle.session();
    assert!(matches!(first.next().await, Err(Error::Superseded)));
    let again = until_state(&mut second, STARTED).await;
    // The state before the last one is not told again.
    assert!(told.sequences.ends_with(&again.sequences), "{:?} {:?}", told.sequences, again.sequences);
    assert_eq!(again.lines_of("a"), [(LogLevel::Info, "line")]);

    fixture.lifecycle.ack(*again.sequences.last().expect("reports"));
    let mut third = fixture.lifecycle.session();
    let state = until_state(&mut third, STARTED).await;
    assert_eq!((state.states, state.lines.len(), state.runs.len()), (vec![LifecycleState::Ready], 0, 0));
}

#[tokio::test]
async fn a_drain_notice_is_passed_on() {
    let fixture = Fixture::new();
    let mut drains = fixture.lifecycle.drains();
    fixture.lifecycle.drain();
    tokio::time::timeout(LONG, drains.changed()).await.expect("in time").expect("a notice");
    assert_eq!(*drains.borrow(), 1);
}
