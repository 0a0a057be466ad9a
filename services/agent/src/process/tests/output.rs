//! What a process wrote, and waiting for it.

use super::*;

#[tokio::test]
async fn p03_both_streams_share_one_buffer_in_the_order_of_writing() {
    let snapshot = Fixture::new().run("for i in 1 2 3 4 5; do echo out $i; echo err $i >&2; done").await;
    let expected: String = (1..=5).map(|i| format!("out {i}\nerr {i}\n")).collect();
    assert_eq!(snapshot.output.text, expected);
}

#[tokio::test]
async fn p03_a_command_that_prints_100_mib_leaves_memory_flat() {
    let fixture = Fixture::new();
    fixture.run("yes warm | head -c 1048576").await;
    let before = resident_bytes();
    let snapshot = fixture.run("yes 0123456789abcdef | head -c 104857600; echo; echo the end").await;
    let grown = resident_bytes().saturating_sub(before);
    let written = 104_857_600 + 1 + 8;
    assert_eq!(snapshot.output.original_bytes, written);
    assert_eq!(snapshot.output.retained_bytes + snapshot.output.omitted_bytes, written);
    assert!(snapshot.output.text.ends_with("\nthe end\n"));
    assert!(snapshot.output.text.len() <= 32 * 1024);
    assert!(grown < 8 * 1024 * 1024, "{grown} bytes more");
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("statm");
    let pages: usize = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("pages");
    pages * 4096
}

/// P04: readers during the exit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p04_output_is_complete_whenever_a_process_is_seen_as_ended() {
    let fixture = Fixture::new();
    for _ in 0..20 {
        let writer = "(i=0; while [ $i -lt 100 ]; do echo xxxxxxxxx; i=$((i+1)); done)";
        let id = fixture.start(&format!("{writer} & {writer} & {writer} >&2 & wait")).await;
        let snapshot = loop {
            let snapshot = fixture.manager.wait(None, id, Duration::ZERO).await.expect("known");
            if !snapshot.process.running {
                break snapshot;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(snapshot.output.text, "xxxxxxxxx\n".repeat(300));
    }
}

/// P05: on exit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p05_every_waiter_wakes_when_the_process_ends() {
    let fixture = Fixture::new();
    let id = fixture.start("read line < /dev/null; sleep 0.1; exit 4").await;
    let waits = (0..50).map(|_| fixture.wait(id));
    for snapshot in futures::future::join_all(waits).await {
        assert_eq!((snapshot.process.running, snapshot.process.exit_code), (false, Some(4)));
    }
}

/// P05: at the timeout and at the cap.
#[tokio::test]
async fn p05_a_wait_ends_at_its_timeout_and_at_the_cap() {
    let fixture = Fixture::new();
    let id = fixture.start("sleep 1000").await;
    tokio::time::pause();
    for (timeout, expected) in [(0, 0), (1500, 1500), (3_600_000, 300_000)] {
        let began = tokio::time::Instant::now();
        let snapshot = fixture.manager.wait(None, id, Duration::from_millis(timeout)).await.expect("known");
        assert!(snapshot.process.running);
        assert_eq!(began.elapsed().as_millis().div_euclid(10) * 10, expected);
    }
    tokio::time::resume();
    fixture.manager.close().await;
}

/// P05: on cancel.
#[tokio::test]
async fn p05_a_caller_that_goes_away_takes_nothing_with_it() {
    let fixture = Fixture::new();
    let id = fixture.start("sleep 0.2; echo done").await;
    let abandoned = tokio::time::timeout(Duration::from_millis(10), fixture.wait(id)).await;
    assert!(abandoned.is_err());
    assert_eq!(fixture.wait(id).await.output.text, "done\n");
}
