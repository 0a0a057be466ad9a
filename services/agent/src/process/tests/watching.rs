//! Following a process.

use chatmesh_proto::agent::v1::watch_process_response::Event;

use super::super::output::LIVE_BYTES;
use super::super::viewer::{CHUNK_BYTES, HEARTBEAT, Viewer};
use super::*;

/// What a viewer saw until the end.
#[derive(Debug, Default)]
struct Seen {
    /// Bytes and where they were.
    pieces: Vec<(u64, Vec<u8>)>,
    missed: u64,
    ended: Option<pb::ProcessEnded>,
}

impl Seen {
    fn bytes(&self) -> Vec<u8> {
        self.pieces.iter().flat_map(|(_, bytes)| bytes.clone()).collect()
    }

    /// Checks that nothing is twice, out of order or out of place.
    fn check(&self, written: &[u8], from: u64) {
        let mut at = from;
        for (offset, bytes) in &self.pieces {
            assert!(*offset >= at && bytes.len() <= CHUNK_BYTES);
            at = offset + bytes.len() as u64;
            assert_eq!(&written[*offset as usize..at as usize], bytes, "at {offset}");
        }
        let seen: usize = self.pieces.iter().map(|(_, bytes)| bytes.len()).sum();
        assert_eq!(from + seen as u64 + self.missed, written.len() as u64);
        let output = self.ended.as_ref().and_then(|ended| ended.output.as_ref()).expect("the end comes last");
        assert_eq!(output.original_bytes, written.len() as u64);
    }
}

/// Takes events until the end.
async fn watch(mut viewer: Viewer) -> Seen {
    let mut seen = Seen::default();
    while let Some(event) = viewer.next().await {
        match event {
            Event::Output(chunk) => {
                seen.missed += chunk.missed_bytes;
                seen.pieces.push((chunk.offset, chunk.data.to_vec()));
            }
            Event::Ended(ended) => {
                assert!(seen.ended.replace(ended).is_none());
            }
            Event::Heartbeat(_) => {}
        }
    }
    seen
}

impl Fixture {
    fn watch(&self, id: Uuid, output_from: Option<u64>) -> Viewer {
        self.manager.watch(None, id, output_from).expect("known")
    }

    /// A command that prints the file `name` of the directory, and waits for the file `go` then.
    fn printing(&self, name: &str, content: &[u8]) -> String {
        std::fs::write(self.dir.path().join(name), content).expect("file");
        format!("cat {name}; while [ ! -e go ]; do sleep 0.01; done")
    }

    fn go(&self) {
        std::fs::write(self.dir.path().join("go"), "").expect("file");
    }
}

/// Lines of 32 bytes, each different.
fn numbered(bytes: usize) -> Vec<u8> {
    (0..bytes / 32).flat_map(|line| format!("{line:031}\n").into_bytes()).collect()
}

#[tokio::test]
async fn output_comes_while_the_process_runs_and_the_end_comes_last() {
    let fixture = Fixture::new();
    let id = fixture.start("echo one; while [ ! -e go ]; do sleep 0.01; done; echo two >&2; exit 3").await;
    let mut viewer = fixture.watch(id, Some(0));
    let Some(Event::Output(chunk)) = viewer.next().await else { panic!("no output") };
    assert_eq!((chunk.offset, &chunk.data[..], chunk.missed_bytes), (0, &b"one\n"[..], 0));
    fixture.go();
    let seen = watch(viewer).await;
    assert_eq!(seen.bytes(), b"two\n");
    let ended = seen.ended.expect("an end");
    assert_eq!(ended.process.expect("process").exit_code, Some(3));
    assert_eq!(ended.output.expect("output").text, "one\ntwo\n");
}

#[tokio::test]
async fn who_comes_late_gets_both_ends_with_their_places_and_who_comes_back_goes_on() {
    let fixture = Fixture::new();
    let content = numbered(1024 * 1024);
    let id = fixture.start(&fixture.printing("file", &content)).await;
    fixture.until_output(id, &format!("{:031}\n", content.len() / 32 - 1)).await;
    let (all, later) = (fixture.watch(id, Some(0)), fixture.watch(id, Some(content.len() as u64 - 10)));
    fixture.go();
    let all = watch(all).await;
    all.check(&content, 0);
    assert_eq!(all.pieces[0].1, &content[..16 * 1024], "the head");
    assert!(all.missed > 0);
    let later = watch(later).await;
    later.check(&content, content.len() as u64 - 10);
    assert_eq!(later.missed, 0);
    // And who comes when it is over.
    let after = watch(fixture.watch(id, Some(0))).await;
    after.check(&content, 0);
    assert_eq!(after.bytes().len(), 32 * 1024);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_that_does_not_read_misses_bytes_and_slows_down_nobody() {
    let fixture = Fixture::new();
    let content = numbered(4 * 1024 * 1024);
    let id = fixture.start(&format!("{}; cat file", fixture.printing("file", &content))).await;
    let slow = fixture.watch(id, Some(0));
    let fast = tokio_util::task::TaskTracker::new().spawn(watch(fixture.watch(id, Some(0))));
    fixture.go();
    let snapshot = fixture.wait(id).await;
    assert!(!snapshot.process.running, "it did not wait for the slow one");

    let written = content.repeat(2);
    fast.await.expect("no panic").check(&written, 0);
    let slow = watch(slow).await;
    slow.check(&written, 0);
    assert!(slow.bytes().len() <= LIVE_BYTES + 16 * 1024, "{}", slow.bytes().len());
    assert!(slow.bytes().ends_with(&written[written.len() - LIVE_BYTES..]), "the newest bytes are all there");
}

#[tokio::test]
async fn many_viewers_see_the_same() {
    let fixture = Fixture::new();
    let content = numbered(100 * 1024);
    let id = fixture.start(&fixture.printing("file", &content)).await;
    let viewers: Vec<_> = (0..50).map(|_| watch(fixture.watch(id, Some(0)))).collect();
    let watching = futures::future::join_all(viewers);
    let (all, ()) = tokio::join!(watching, async { fixture.go() });
    for seen in all {
        seen.check(&content, 0);
    }
}

#[tokio::test]
async fn who_does_not_want_output_hears_of_the_end_only() {
    let fixture = Fixture::new();
    let id = fixture.start("echo text").await;
    let seen = watch(fixture.watch(id, None)).await;
    assert!(seen.pieces.is_empty());
    assert_eq!(seen.ended.expect("an end").output.expect("output").text, "text\n");
}

#[tokio::test]
async fn a_watch_has_a_heartbeat_and_no_cap() {
    let fixture = Fixture::new();
    let id = fixture.start("sleep 1000").await;
    let mut viewer = fixture.watch(id, Some(0));
    tokio::time::pause();
    for _ in 0..30 {
        let began = tokio::time::Instant::now();
        assert!(matches!(viewer.next().await, Some(Event::Heartbeat(_))));
        assert_eq!(began.elapsed().as_secs(), HEARTBEAT.as_secs());
    }
    tokio::time::resume();
    fixture.manager.signal(None, id, Signal::SIGKILL).expect("signalled");
    let ended = watch(viewer).await.ended.expect("an end");
    assert_eq!(ended.process.expect("process").exit_code, Some(-1));
}

#[tokio::test]
async fn p06_another_chats_process_can_not_be_watched() {
    let fixture = Fixture::new();
    let started = fixture.start_as(Some("mine"), request("sleep 1000")).await.expect("started");
    let error = fixture.manager.watch(Some(&ChatId::for_test("other")), id(&started), None).expect_err("hidden");
    assert_eq!(code(error), Code::NotFound);
    fixture.manager.close().await;
}
