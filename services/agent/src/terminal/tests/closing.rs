//! The end of a terminal.

use std::path::Path;

use pb::TerminalEnd;

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

fn exited(exit_code: i32, reason: TerminalEnd) -> pb::TerminalExited {
    pb::TerminalExited { exit_code, reason: reason.into() }
}

#[tokio::test]
async fn the_exit_code_comes_after_all_of_the_output() {
    let fixture = Fixture::new();
    for (command, code) in [("head -c 200000 /dev/zero; exit 7", 7), ("head -c 200000 /dev/zero; kill -9 $$", -1)] {
        let mut caller = fixture.open(command).await;
        assert_eq!(caller.exit().await, exited(code, TerminalEnd::Exited), "{command}");
        assert_eq!(caller.seen.len(), 200_000);
        assert_eq!(fixture.terminals.count(), 0, "the id is free");
    }
}

/// T01: a terminal without viewers ends after five minutes, and one with a viewer never does.
#[tokio::test]
async fn t01_a_terminal_ends_after_five_minutes_without_viewers() {
    assert_eq!(Limits::default().idle, Duration::from_secs(300));
    let fixture = Fixture::new();
    let mut watched = fixture.open("echo pid $$.; exec sleep 100000").await;
    watched.until(".").await;
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(86_400)).await;
    assert_eq!(fixture.terminals.count(), 1);

    let text = String::from_utf8_lossy(&watched.seen).into_owned();
    drop(watched);
    tokio::time::sleep(Duration::from_secs(299)).await;
    let again = fixture.attach(None, header(ONE, "")).await.expect("attached");
    assert!(!again.attached.created, "it is still the same");
    drop(again);
    tokio::time::sleep(Duration::from_secs(299)).await;
    assert_eq!(fixture.terminals.count(), 1, "the time began anew");
    tokio::time::sleep(Duration::from_secs(20)).await;
    let began = std::time::Instant::now();
    while fixture.terminals.count() > 0 {
        assert!(began.elapsed() < LONG, "the terminal does not end");
        tokio::task::yield_now().await;
    }
    tokio::time::resume();
    until_gone(text.trim().trim_start_matches("pid ").trim_end_matches('.')).await;
}

/// What a shell puts into groups of their own ends as well.
#[tokio::test]
async fn closing_ends_everything_that_runs_on_the_terminal() {
    let fixture = Fixture::with(Limits { stop: Duration::from_millis(500), ..Limits::default() });
    let command = "set -m; sleep 1000 & echo job $!.; (trap '' HUP TERM; while :; do sleep 0.05; done) & \
                   echo stubborn $!. both; wait";
    let mut caller = fixture.open(command).await;
    caller.until(". both").await;
    let text = String::from_utf8_lossy(&caller.seen).into_owned();
    let pids: Vec<_> = text.split_whitespace().filter_map(|word| word.strip_suffix('.')).collect();
    assert_eq!(pids.len(), 2, "{text}");

    let id = ONE.parse().expect("id");
    fixture.terminals.end(None, id).await.expect("ended");
    assert_eq!(caller.exit().await, exited(-1, TerminalEnd::Closed));
    for pid in pids {
        until_gone(pid).await;
    }
    assert_eq!(code(fixture.terminals.end(None, id).await), Code::NotFound);
}

#[tokio::test]
async fn a_stopped_program_ends_as_well() {
    let fixture = Fixture::with(Limits { stop: LONG, ..Limits::default() });
    let mut caller = fixture.open("echo ready; kill -STOP $$; echo not reached").await;
    caller.until("ready").await;
    fixture.terminals.end(None, ONE.parse().expect("id")).await.expect("ended");
    assert_eq!(caller.exit().await, exited(-1, TerminalEnd::Closed));
}

#[tokio::test]
async fn who_comes_while_a_terminal_ends_gets_a_new_one() {
    let fixture = Fixture::new();
    let mut old = fixture.open("trap 'sleep 0.2; exit 5' HUP; echo old; while :; do sleep 0.01; done").await;
    old.until("old").await;
    let id = ONE.parse().expect("id");
    let (ended, new) = tokio::join!(fixture.terminals.end(None, id), async {
        tokio::task::yield_now().await;
        fixture.attach(None, header(ONE, "echo new; cat")).await
    });
    ended.expect("ended");
    let mut new = new.expect("attached");
    assert!(new.attached.created);
    new.until("new").await;
    assert_eq!(old.exit().await, exited(5, TerminalEnd::Closed));
}

#[tokio::test]
async fn a_program_that_others_outlive_ends_in_time() {
    let fixture = Fixture::with(Limits { drain: Duration::from_millis(200), ..Limits::default() });
    // The job keeps the terminal open.
    let mut caller = fixture.open("trap '' HUP; sleep 1000 & echo $!.; exit 4").await;
    assert_eq!(caller.exit().await, exited(4, TerminalEnd::Exited));
    let text = String::from_utf8_lossy(&caller.seen).into_owned();
    let pid = text.trim().trim_end_matches('.').parse().expect("a process id");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).expect("it lives");
}

#[tokio::test]
async fn the_agents_end_ends_all_terminals_and_refuses_new_ones() {
    let fixture = Fixture::new();
    let mut one = fixture.open("echo ready; cat").await;
    let mut two = fixture.attach(None, header(TWO, "echo ready; cat")).await.expect("attached");
    for caller in [&mut one, &mut two] {
        caller.until("ready").await;
    }
    fixture.terminals.close().await;
    for caller in [&mut one, &mut two] {
        assert_eq!(caller.exit().await, exited(-1, TerminalEnd::Shutdown));
    }
    assert_eq!(code(fixture.attach(None, header(ONE, "")).await), Code::Unavailable);
}

/// T01: a terminal whose program is being started when the agent ends does not open any more, and
/// one that nobody waits for frees its id.
#[test]
fn t01_a_start_that_hangs_holds_up_nobody_and_leaves_nothing() {
    // The only thread for what blocks is busy.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build();
    runtime.expect("a runtime").block_on(async {
        let (hold, held) = std::sync::mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || held.recv());
        let fixture = Fixture::new();
        let soon = Duration::from_millis(20);
        let given_up = tokio::time::timeout(soon, fixture.attach(None, header(ONE, "sleep 1000"))).await;
        assert!(given_up.is_err());
        let closed = async {
            tokio::time::timeout(LONG, fixture.terminals.close()).await.expect("in time");
            drop(hold);
        };
        let (attached, ()) = tokio::join!(fixture.attach(None, header(ONE, "sleep 1000")), closed);
        assert_eq!(code(attached), Code::Unavailable);
        assert_eq!(fixture.terminals.count(), 0);
    });
}
