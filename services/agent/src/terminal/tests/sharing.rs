//! Coming back, and several viewers.

use super::*;

/// T01: the same id is the same terminal, which shows what it showed before.
#[tokio::test]
async fn t01_who_comes_back_is_shown_what_was_there() {
    let fixture = Fixture::new();
    let mut first = fixture.open("echo hello; cat").await;
    assert_eq!(first.attached.replayed_bytes, 0);
    first.until("hello\r\n").await;
    drop(first);

    let mut again = fixture.attach(None, header(ONE, "echo another")).await.expect("attached");
    assert!(!again.attached.created);
    assert_eq!(again.attached.replayed_bytes, 7);
    assert_eq!(again.attached.terminal.as_ref().map(|terminal| terminal.command.as_str()), Some("echo hello; cat"));
    again.write("more\n");
    again.until("hello\r\nmore\r\n").await;
}

/// T01: 64 KiB at most are shown again.
#[tokio::test]
async fn t01_the_replay_is_the_last_64_kib() {
    let fixture = Fixture::new();
    let mut first = fixture.open("head -c 300000 /dev/zero | tr '\\0' a; echo the end; cat").await;
    first.until("the end\r\n").await;
    let mut again = fixture.attach(None, header(ONE, "")).await.expect("attached");
    assert_eq!(again.attached.replayed_bytes, 64 * 1024);
    again.until("the end\r\n").await;
    assert_eq!(again.seen.len(), 64 * 1024);
    assert_eq!(again.missed, 0);
}

/// T01: both viewers see everything and may type.
#[tokio::test]
async fn t01_two_viewers_share_a_terminal() {
    let fixture = Fixture::new();
    let mut one = fixture.open("stty -echo; echo ready; cat").await;
    one.until("ready\r\n").await;
    let mut two = fixture.attach(None, header(ONE, "")).await.expect("attached");
    assert_eq!(fixture.terminals.list(None)[0].viewers, 2);
    one.write("from one\n");
    for viewer in [&mut one, &mut two] {
        viewer.until("ready\r\nfrom one\r\n").await;
    }
    two.write("from two\n");
    for viewer in [&mut one, &mut two] {
        viewer.until("from one\r\nfrom two\r\n").await;
    }
    drop(one);
    assert_eq!(fixture.terminals.list(None)[0].viewers, 1);
}

/// T01: the terminal has the size that a viewer gave last, and its program is told.
#[tokio::test]
async fn t01_the_last_size_wins() {
    let fixture = Fixture::new();
    let sized = |rows, cols, command| pb::TerminalHeader { size: Some(size(rows, cols)), ..header(ONE, command) };
    let command = "trap 'stty size' WINCH; stty size; while :; do sleep 0.01; done";
    let mut one = fixture.attach(None, sized(30, 100, command)).await.expect("attached");
    one.until("30 100\r\n").await;
    let two = fixture.attach(None, sized(40, 120, "")).await.expect("attached");
    one.until("40 120\r\n").await;
    one.send(Request::Resize(size(1, 1000)));
    one.until("1 1000\r\n").await;
    two.send(Request::Resize(size(50, 150)));
    one.until("50 150\r\n").await;
    let three = fixture.attach(None, header(ONE, "")).await.expect("attached");
    assert_eq!(three.attached.terminal.and_then(|terminal| terminal.size), Some(size(50, 150)));
}

#[tokio::test]
async fn a_terminal_has_24_rows_and_80_columns_where_nobody_says_otherwise() {
    let fixture = Fixture::new();
    let mut caller = fixture.open("stty size").await;
    caller.exit().await;
    assert_eq!(caller.seen, b"24 80\r\n");
}

/// T01: of callers that come at the same time, one opens the terminal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t01_callers_at_the_same_time_get_one_terminal() {
    let fixture = Fixture::new();
    let attached = (0..20).map(|_| fixture.attach(None, header(ONE, "echo $$; cat")));
    let mut callers: Vec<Caller> =
        futures::future::join_all(attached).await.into_iter().map(|caller| caller.expect("attached")).collect();
    assert_eq!(callers.iter().filter(|caller| caller.attached.created).count(), 1);
    for caller in &mut callers {
        caller.until("\r\n").await;
    }
    assert!(callers.iter().all(|caller| caller.seen == callers[0].seen));
    assert_eq!(fixture.terminals.count(), 1);
}

/// Gap 11 of F.6: a viewer that does not read holds up neither the others nor the program.
#[tokio::test]
async fn a_slow_viewer_blocks_nobody_and_is_told_what_it_missed() {
    const WRITTEN: u64 = 4 * 1024 * 1024;
    let fixture = Fixture::new();
    let command = format!("stty raw -echo; echo -; read line; head -c {WRITTEN} /dev/zero; exit 3");
    let mut fast = fixture.open(&command).await;
    let mut slow = fixture.attach(None, header(ONE, "")).await.expect("attached");
    for viewer in [&mut fast, &mut slow] {
        viewer.until("-\n").await;
        viewer.seen.clear();
    }
    fast.write("\n");
    assert_eq!(fast.exit().await.exit_code, 3);
    assert_eq!((fast.seen.len() as u64, fast.missed), (WRITTEN, 0));
    assert_eq!(slow.exit().await.exit_code, 3);
    assert_eq!(slow.seen.len() as u64 + slow.missed, WRITTEN);
    assert!(slow.missed > WRITTEN / 2, "{}", slow.missed);
}

#[tokio::test]
async fn the_only_viewer_loses_nothing_however_late_it_reads() {
    const WRITTEN: u64 = 2 * 1024 * 1024;
    let fixture = Fixture::new();
    let mut caller = fixture.open(&format!("stty raw; head -c {WRITTEN} /dev/zero; exit 3")).await;
    // The program can not have ended: it waits for this viewer.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(fixture.terminals.count(), 1);
    assert_eq!(caller.exit().await.exit_code, 3);
    assert_eq!((caller.seen.len() as u64, caller.missed), (WRITTEN, 0));
}

#[tokio::test]
async fn a_program_does_not_wait_for_viewers_for_ever() {
    let fixture = Fixture::with(Limits { patience: Duration::from_millis(50), ..Limits::default() });
    let mut caller = fixture.open("stty raw; head -c 2000000 /dev/zero; exit 3").await;
    let ended = async {
        while fixture.terminals.count() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LONG, ended).await.expect("it goes on without the viewer");
    assert_eq!(caller.exit().await.exit_code, 3);
    assert_eq!(caller.seen.len() as u64 + caller.missed, 2_000_000);
}
