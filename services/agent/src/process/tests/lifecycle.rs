//! Start, end, signals and bounds.

use super::*;

/// Waits until no process has this id.
async fn until_gone(pid: &str) {
    let proc = Path::new("/proc").join(pid);
    let gone = async {
        // A killed process that nobody has waited for yet is a zombie without a command line.
        while std::fs::read(proc.join("cmdline")).is_ok_and(|line| !line.is_empty()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LONG, gone).await.expect("the process ends");
}

/// P01: exit code and end by a signal.
#[tokio::test]
async fn p01_exit_codes_are_exact_and_a_signal_is_minus_one() {
    let fixture = Fixture::new();
    for (command, exit_code) in [("true", 0), ("exit 3", 3), ("kill -9 $$", -1)] {
        assert_eq!(fixture.run(command).await.process.exit_code, Some(exit_code), "`{command}`");
    }
}

/// P01: a signal after the end.
#[tokio::test]
async fn p01_an_ended_process_can_not_be_signalled() {
    let fixture = Fixture::new();
    let id = fixture.start("true").await;
    fixture.wait(id).await;
    let error = fixture.manager.signal(None, id, Signal::SIGTERM).expect_err("it has ended");
    assert_eq!(code(error), Code::FailedPrecondition);
    let error = fixture.manager.signal(None, Uuid::nil(), Signal::SIGTERM).expect_err("it never was");
    assert_eq!(code(error), Code::NotFound);
}

/// P01: a start that fails.
#[tokio::test]
async fn p01_a_command_that_can_not_start_says_why_and_frees_its_key() {
    let fixture = Fixture::new();
    let too_long = format!(": {}", "x".repeat(200_000));
    let error = fixture.start_as(None, keyed(&too_long, "k")).await.expect_err("too long");
    assert!(error.to_string().contains("Argument list too long"), "{error}");
    assert_eq!(code(error), Code::FailedPrecondition);

    let elsewhere =
        |workdir: &Path| pb::StartProcessRequest { workdir: workdir.display().to_string(), ..keyed("pwd", "k") };
    let missing = fixture.dir.path().join("missing");
    let error = fixture.start_as(None, elsewhere(&missing)).await.expect_err("missing");
    assert!(error.to_string().ends_with("does not exist"), "{error}");
    let file = fixture.dir.path().join("file");
    std::fs::write(&file, "").expect("file");
    let error = fixture.start_as(None, elsewhere(&file)).await.expect_err("a file");
    assert!(error.to_string().ends_with("is not a directory"), "{error}");

    let started = fixture.start_as(None, elsewhere(fixture.dir.path())).await.expect("the key is free");
    let snapshot = fixture.wait(id(&started)).await;
    assert_eq!(Path::new(snapshot.output.text.trim()), fixture.dir.path().canonicalize().expect("path"));
}

/// P01, F.6 item 7: variables that say who a process runs for can not be set by a request.
#[test]
fn p01_requests_that_are_wrong_are_refused() {
    let with_variable = |name: &str| pb::StartProcessRequest {
        env: HashMap::from([(name.to_owned(), "x".to_owned())]),
        ..request("true")
    };
    let wrong = [
        request(" \n"),
        request("a\0b"),
        pb::StartProcessRequest { workdir: "relative".to_owned(), ..request("true") },
        keyed("true", &"k".repeat(513)),
        with_variable("CHATMESH_CHAT_ID"),
        with_variable("CHATMESH_ANYTHING"),
        with_variable(""),
        with_variable("A=B"),
        pb::StartProcessRequest {
            limits: Some(pb::ProcessLimits { niceness: Some(20), ..Default::default() }),
            ..request("true")
        },
    ];
    for request in wrong {
        let error = Input::try_from(request).expect_err("refused");
        assert_eq!(code(error), Code::InvalidArgument);
    }
}

/// P02, G21: nothing of a command goes on after it was ended.
#[tokio::test]
async fn p02_a_signal_ends_the_whole_group() {
    let fixture = Fixture::new();
    let id = fixture.start("sleep 1000 & echo pid $!. ; sleep 1000 | cat").await;
    fixture.until_output(id, ".").await;
    let text = fixture.manager.wait(None, id, Duration::ZERO).await.expect("known").output.text;
    let child = text.trim().trim_start_matches("pid ").trim_end_matches('.').to_owned();

    fixture.manager.signal(None, id, Signal::SIGKILL).expect("signalled");
    let snapshot = fixture.wait(id).await;
    assert_eq!((snapshot.process.running, snapshot.process.exit_code), (false, Some(-1)));
    until_gone(&child).await;
}

/// P02: five seconds at most.
#[tokio::test]
async fn p02_a_grandchild_with_the_pipe_open_does_not_keep_the_process_running() {
    assert_eq!(Limits::default().drain, Duration::from_secs(5));
    let fixture = Fixture::new();
    let began = std::time::Instant::now();
    let snapshot = fixture.run("setsid sleep 20 & echo started").await;
    assert_eq!(snapshot.process.exit_code, Some(0));
    assert_eq!(snapshot.output.text, "started\n");
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn p02_what_outlives_the_shell_does_not_die_of_a_broken_pipe() {
    let fixture = Fixture::new();
    let marker = fixture.dir.path().join("marker");
    let command = format!(
        "(while [ ! -e {0} ]; do sleep 0.01; done; echo late && echo late && touch {0}.done) & echo started",
        marker.display()
    );
    let snapshot = fixture.run(&command).await;
    assert_eq!(snapshot.output.text, "started\n");
    std::fs::write(&marker, "").expect("marker");
    let done = marker.with_extension("done");
    let survived = async {
        while !done.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LONG, survived).await.expect("the child goes on");
}

#[tokio::test]
async fn closing_asks_first_then_kills_and_refuses_new_processes() {
    let fixture = Fixture::with(Limits { stop: Duration::from_millis(300), ..Limits::default() });
    let polite = fixture.start("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.01; done").await;
    let stubborn = fixture.start("trap '' TERM; echo ready; while :; do sleep 0.01; done").await;
    for id in [polite, stubborn] {
        fixture.until_output(id, "ready").await;
    }
    fixture.manager.close().await;

    let polite = fixture.wait(polite).await;
    assert_eq!(polite.process.exit_code, Some(0));
    assert!(polite.output.text.ends_with("bye\n"), "{}", polite.output.text);
    assert_eq!(fixture.wait(stubborn).await.process.exit_code, Some(-1));
    let error = fixture.start_as(None, request("true")).await.expect_err("closed");
    assert_eq!(code(error), Code::Unavailable);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_runs_after_closing_however_starts_and_closing_meet() {
    let fixture = Fixture::with(Limits { stop: Duration::from_millis(300), ..Limits::default() });
    let starts = (0..40).map(|index| {
        let (manager, key) = (fixture.manager.clone(), format!("k{index}"));
        tokio_util::task::TaskTracker::new()
            .spawn(async move { manager.start(None, Input::try_from(keyed("sleep 1000", &key)).expect("valid")).await })
    });
    let starts: Vec<_> = starts.collect();
    tokio::task::yield_now().await;
    fixture.manager.close().await;
    for start in starts {
        match start.await.expect("no panic") {
            Ok(started) => assert!(!fixture.wait(id(&started)).await.process.running),
            Err(error) => assert_eq!(code(error), Code::Unavailable),
        }
    }
}

/// P04: concurrent writers, each with a process of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p04_many_processes_at_once_each_have_their_own_end_and_output() {
    let fixture = Fixture::new();
    let runs = (0..200).map(|index| {
        let fixture = &fixture;
        async move {
            let started =
                fixture.start_as(None, keyed(&format!("echo {index}; exit {}", index % 100), &index.to_string()));
            let snapshot = fixture.wait(id(&started.await.expect("started"))).await;
            assert_eq!(snapshot.output.text, format!("{index}\n"));
            assert_eq!(snapshot.process.exit_code, Some(index % 100));
        }
    });
    futures::future::join_all(runs).await;
}

#[tokio::test]
async fn processes_have_a_bound() {
    let fixture = Fixture::with(Limits { running: 2, known: 3, ..Limits::default() });
    let ended = fixture.start("true").await;
    fixture.wait(ended).await;
    let running = [fixture.start("sleep 1000").await, fixture.start("sleep 1000").await];
    let error = fixture.start_as(None, request("true")).await.expect_err("too many");
    assert_eq!(code(error), Code::ResourceExhausted);
    fixture.manager.signal(None, running[0], Signal::SIGKILL).expect("signalled");
    fixture.wait(running[0]).await;
    fixture.start("true").await;
    assert_eq!(fixture.manager.list(None).len(), 3, "the one that ended first is gone");
    fixture.manager.close().await;
}
