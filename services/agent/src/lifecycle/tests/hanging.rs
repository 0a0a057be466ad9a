//! What hangs holds up neither the start nor the end of the workspace.

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::super::reports::Reports;
use super::super::script::Run;
use super::*;

/// S01: a command in the workspace has put a pipe where the log of a script is to be.
#[tokio::test]
async fn s01_a_pipe_in_the_place_of_a_log_is_an_error_of_its_script_and_holds_up_nothing() {
    let fixture = Fixture::new();
    let log = fixture.path("startup.log");
    mkfifo(&log, Mode::S_IRWXU).expect("pipe");
    let log_path = log.display().to_string();
    let piped = pb::Script { log_path: log_path.clone(), ..script("piped", "true") };
    let at_the_end = pb::Script { log_path, ..on_stop("stop", "true") };
    let mut session = fixture.accept(vec![piped, script("fine", "true"), at_the_end]);
    let told = until_state(&mut session, STARTED).await;
    assert_eq!(told.states.last(), Some(&LifecycleState::StartError));
    assert_eq!((told.result("piped"), told.result("fine")), (ScriptResult::NotStarted, ScriptResult::Ok));
    assert!(told.message.contains("must be a regular file"), "{}", told.message);
    let stopped = tokio::time::timeout(LONG, fixture.lifecycle.shut_down());
    let ends = [LifecycleState::ShutdownError];
    let (told, stopped) = tokio::join!(until_state(&mut session, &ends), stopped);
    assert_eq!(told.result("stop"), ScriptResult::NotStarted);
    stopped.expect("in time");
}

/// S01: the disk does not answer, so the script can not even begin.
#[test]
fn s01_a_start_that_hangs_ends_with_the_time_of_the_script_or_with_the_workspace() {
    // The only thread for what blocks is busy.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build();
    runtime.expect("a runtime").block_on(async {
        let (hold, held) = std::sync::mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || held.recv());
        let dir = tempfile::tempdir().expect("dir");
        let manifest = pb::Manifest { build_id: "b1".to_owned(), scripts: vec![script("a", "true")] };
        let manifest = Manifest::try_from(manifest).expect("a manifest");
        let (runner, reports, tasks) = (runner(dir.path(), PATIENCE), Reports::new(), TaskTracker::new());
        let run = |limit, stop| {
            let (stage, script) = (ScriptStage::Start, &manifest.scripts[0]);
            let run = Run { runner: &runner, reports: &reports, script, stage, limit, stop, tasks: &tasks };
            async move { tokio::time::timeout(LONG, run.run()).await.expect("it ends") }
        };
        let (never, stop) = (CancellationToken::new(), CancellationToken::new());
        let (result, message) = run(Duration::from_millis(20), &never).await;
        assert_eq!(result, ScriptResult::TimedOut);
        assert_eq!(message, "`a` could not be started within 0.02 s");
        let (run, ()) = tokio::join!(run(LONG * 2, &stop), async { stop.cancel() });
        assert_eq!(run.0, ScriptResult::Interrupted);
        drop(hold);
    });
}
