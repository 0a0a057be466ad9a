//! Scripts that run on start, and on a schedule.

use std::os::unix::fs::PermissionsExt as _;

use tokio_util::sync::CancellationToken;

use super::super::error::Error;
use super::*;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[tokio::test]
async fn s01_scripts_that_end_well_make_the_workspace_ready_and_their_lines_and_times_are_told() {
    let fixture = Fixture::new();
    let mut settled = fixture.lifecycle.settled();
    assert!(!*settled.borrow());
    let named = pb::Script { display_name: "Install tools".to_owned(), ..script("a", "echo out; echo err >&2") };
    let mut session = fixture.accept(vec![named, script("b", "#!/bin/sh -e\nprintf part")]);
    let told = until_state(&mut session, STARTED).await;

    assert_eq!((told.states.last(), &*told.message), (Some(&LifecycleState::Ready), ""));
    assert_eq!(told.lines_of("a").len(), 2);
    assert!(told.lines_of("a").contains(&(LogLevel::Info, "out")));
    assert!(told.lines_of("a").contains(&(LogLevel::Error, "err")));
    assert_eq!(told.lines_of("b"), [(LogLevel::Info, "part")]);
    let run = &told.runs["a"];
    assert_eq!((run.result(), run.exit_code, run.stage()), (ScriptResult::Ok, Some(0), ScriptStage::Start));
    assert_eq!(run.display_name, "Install tools");
    assert!(run.start_time.is_some() && run.end_time.is_some());
    assert!(told.sequences.is_sorted());
    tokio::time::timeout(LONG, settled.wait_for(|settled| *settled)).await.expect("in time").expect("settled");

    let logs = fixture.path("state/script-logs");
    assert_eq!((mode(&logs), mode(&logs.join("a.log"))), (0o700, 0o600));
    assert_eq!(std::fs::read_to_string(logs.join("b.log")).expect("log"), "part");
}

#[tokio::test]
async fn s01_a_script_runs_as_a_process_does_and_has_directories_of_its_own() {
    let fixture = Fixture::new();
    let text = "pwd; echo $CHATMESH_AGENT $CHATMESH_WORKSPACE_ID; \
                echo $CHATMESH_SCRIPT_DATA_DIR; echo $CHATMESH_SCRIPT_BIN_DIR; cat";
    let mut session = fixture.accept(vec![pb::Script { log_path: "/dev/null".to_owned(), ..script("a", text) }]);
    let told = until_state(&mut session, STARTED).await;
    let (data, programs) = (fixture.path("state/script-data/a"), fixture.path("state/script-bin"));
    let directory = fixture.dir.path().canonicalize().expect("path").display().to_string();
    let expected = [&directory, "true w1", &data.display().to_string(), &programs.display().to_string()];
    assert_eq!(told.lines_of("a"), expected.map(|line| (LogLevel::Info, line)));
    assert_eq!((mode(&data), mode(&programs)), (0o700, 0o700));
}

#[tokio::test]
async fn s01_a_script_that_fails_is_a_start_error_that_names_it() {
    let fixture = Fixture::new();
    let missing = script("missing", "#!/no/such/program\n");
    let mut session = fixture.accept(vec![script("fine", "true"), script("fails", "exit 3"), missing]);
    let told = until_state(&mut session, STARTED).await;
    assert_eq!(told.states.last(), Some(&LifecycleState::StartError));
    assert!(told.message.contains("`fails` failed with exit code 3"), "{}", told.message);
    assert!(told.message.contains("`missing` could not be started: `/no/such/program`"), "{}", told.message);
    assert_eq!((told.result("fine"), told.result("fails")), (ScriptResult::Ok, ScriptResult::Failed));
    assert_eq!((told.result("missing"), told.runs["missing"].exit_code), (ScriptResult::NotStarted, None));
    assert_eq!(told.lines_of("fails"), [(LogLevel::Error, "`fails` failed with exit code 3")]);
}

#[tokio::test]
async fn s01_a_script_that_takes_too_long_is_interrupted_then_killed_and_a_start_timeout() {
    let polite = "trap 'echo interrupted; exit 5' INT; while :; do sleep 0.01; done";
    // Longer than a shell takes to set its trap.
    let polite = pb::Script { timeout_seconds: 3, ..script("polite", polite) };
    let fixture = Fixture::new();
    let told = until_state(&mut fixture.accept(vec![polite, script("fails", "exit 1")]), STARTED).await;
    assert_eq!(told.states.last(), Some(&LifecycleState::StartTimeout));
    assert!(told.message.contains("`polite` took longer than 3 s"), "{}", told.message);
    assert_eq!((told.result("polite"), told.runs["polite"].exit_code), (ScriptResult::TimedOut, Some(5)));
    assert_eq!(told.lines_of("polite")[0], (LogLevel::Info, "interrupted"));

    let stubborn = script("stubborn", "trap '' INT; while :; do sleep 0.01; done");
    let stubborn = pb::Script { timeout_seconds: 1, ..stubborn };
    let fixture = Fixture::with(Patience { interrupt: SHORT, ..PATIENCE });
    let told = until_state(&mut fixture.accept(vec![stubborn]), STARTED).await;
    assert_eq!(told.states.last(), Some(&LifecycleState::StartTimeout));
    assert_eq!((told.result("stubborn"), told.runs["stubborn"].exit_code), (ScriptResult::TimedOut, Some(-1)));
}

#[tokio::test]
async fn s01_a_script_that_leaves_its_output_open_is_an_error_with_advice_and_what_it_left_lives_on() {
    assert_eq!(Patience::default().output, Duration::from_secs(10));
    let fixture = Fixture::with(Patience { output: SHORT, ..PATIENCE });
    let left = "(while [ ! -e go ]; do sleep 0.01; done; echo late && echo late && touch survived) & echo started";
    let told = until_state(&mut fixture.accept(vec![script("left", left)]), STARTED).await;
    assert_eq!(told.states.last(), Some(&LifecycleState::StartError));
    assert_eq!((told.result("left"), told.runs["left"].exit_code), (ScriptResult::OutputLeftOpen, Some(0)));
    assert!(told.message.contains(">/dev/null 2>&1 &"), "{}", told.message);
    std::fs::write(fixture.path("go"), "").expect("file");
    fixture.until("survived").await;

    // It ends with its directory, which may be gone before it looks.
    let proper = "(while [ -d \"$PWD\" ]; do sleep 0.01; done) >/dev/null 2>&1 &";
    let fixture = Fixture::new();
    let told = until_state(&mut fixture.accept(vec![script("proper", proper)]), STARTED).await;
    assert_eq!((told.states.last(), told.result("proper")), (Some(&LifecycleState::Ready), ScriptResult::Ok));
}

#[tokio::test]
async fn s01_scripts_run_at_the_same_time() {
    let fixture = Fixture::new();
    let meet = |mine: &str, other: &str| format!("touch {mine}; while [ ! -e {other} ]; do sleep 0.01; done");
    let mut session = fixture.accept(vec![script("a", &meet("a", "b")), script("b", &meet("b", "a"))]);
    assert_eq!(until_state(&mut session, STARTED).await.states.last(), Some(&LifecycleState::Ready));
}

#[tokio::test]
async fn s01_a_schedule_begins_after_the_start_and_a_second_manifest_runs_nothing_again() {
    let fixture = Fixture::new();
    // Longer than the schedule would wait.
    let start = "echo start >> order; sleep 1.2; echo started >> order";
    let cron = pb::Script {
        run_on_start: false,
        cron: "* * * * * *".to_owned(),
        ..script("cron", "echo cron >> order; touch ran")
    };
    let scripts = vec![script("start", start), cron];
    drop(fixture.accept(scripts.clone()));
    let mut second = fixture.accept(scripts);
    until_state(&mut second, STARTED).await;
    fixture.until("ran").await;
    let order = fixture.read("order");
    assert!(order.starts_with("start\nstarted\ncron\n"), "{order}");
    fixture.lifecycle.interrupt().await;
}

#[tokio::test]
async fn s01_another_agent_does_not_run_the_scripts_of_a_build_again() {
    let fixture = Fixture::new();
    let scripts = || vec![script("once", "echo once >> file; exit 4")];
    until_state(&mut fixture.accept(scripts()), STARTED).await;
    // Written when the state is told.
    let fixture = fixture.restart().await;
    let told = until_state(&mut fixture.accept(scripts()), STARTED).await;
    assert_eq!(told.states.last(), Some(&LifecycleState::StartError), "as before");
    assert!(told.runs.is_empty());

    let manifest = pb::Manifest { build_id: "b2".to_owned(), scripts: scripts() };
    let error =
        fixture.lifecycle.accept(Manifest::try_from(manifest.clone()).expect("a manifest")).expect_err("another");
    assert!(matches!(error, Error::OtherBuild { .. }), "{error}");
    let fixture = fixture.restart().await;
    fixture.lifecycle.accept(Manifest::try_from(manifest).expect("a manifest")).expect("accepted");
    until_state(&mut fixture.lifecycle.session(), STARTED).await;
    assert_eq!(fixture.read("file"), "once\nonce\n", "another build is another start");
}

#[tokio::test]
async fn s01_scripts_that_were_cut_off_by_a_restart_are_not_run_again_and_that_is_told() {
    let fixture = Fixture::new();
    let scripts = || vec![script("long", "echo once >> file; touch begun; sleep 1000")];
    let session = fixture.accept(scripts());
    fixture.until("begun").await;
    drop(session);
    let fixture = fixture.restart().await;
    let told = until_state(&mut fixture.accept(scripts()), STARTED).await;
    assert_eq!(told.states.last(), Some(&LifecycleState::StartError));
    assert!(told.message.contains("unknown"), "{}", told.message);
    assert_eq!(fixture.read("file"), "once\n");
}

/// G16: a relay of an older release does not keep anybody waiting, and a slow script does.
#[tokio::test(start_paused = true)]
async fn a_start_settles_without_a_manifest_when_a_relay_is_connected_and_brings_none() {
    let (fixture, connected) = (Fixture::new(), CancellationToken::new());
    let settled = fixture.lifecycle.settled();
    let settling = fixture.lifecycle.settle_without_manifest(&connected);
    assert!(tokio::time::timeout(LONG * 60, settling).await.is_err(), "nobody is connected");
    assert!(!*settled.borrow());
    connected.cancel();
    let began = tokio::time::Instant::now();
    fixture.lifecycle.settle_without_manifest(&connected).await;
    assert!(*settled.borrow());
    assert_eq!(began.elapsed(), Duration::from_secs(5));

    let fixture = Fixture::new();
    let settled = fixture.lifecycle.settled();
    let _session = fixture.accept(vec![script("slow", "exec sleep 1000")]);
    fixture.lifecycle.settle_without_manifest(&connected).await;
    assert!(!*settled.borrow(), "scripts run");
    fixture.lifecycle.interrupt().await;
}
