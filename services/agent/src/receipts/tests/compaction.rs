//! What is superseded is left out, and nobody waits for that.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::*;

/// Longer than anything takes that is to happen.
const LONG: Duration = Duration::from_secs(10);
/// So few that the file is soon too long: at 17 lines.
const FEW: usize = 4;
const MANY: usize = 4 * FEW + 1;

fn open_few(dir: &Path) -> Receipts {
    Receipts::open_with(dir, Duration::from_secs(5), FEW).expect("receipts")
}

fn file(size_bytes: u64) -> Outcome {
    Outcome::File { path: "/f".to_owned(), size_bytes }
}

fn lines(dir: &Path) -> usize {
    let text = std::fs::read_to_string(dir.join("receipts.jsonl")).expect("file");
    text.lines().filter(|line| !line.is_empty()).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_disk_that_hangs_while_the_file_is_made_shorter_holds_up_nobody_who_does_not_write() {
    let dir = tempfile::tempdir().expect("dir");
    let receipts = open_few(dir.path());
    // To open it for writing hangs until somebody reads.
    let pipe = dir.path().join("receipts.new");
    mkfifo(&pipe, Mode::S_IRWXU).expect("pipe");
    let (seen, is_seen) = oneshot::channel();
    let working = receipts.clone();
    let work = tokio_util::task::TaskTracker::new().spawn(async move {
        for index in 0..MANY {
            ticket(&working, &format!("k{index}"), "a").await.keep(file(0)).await;
        }
        // The disk hangs now, or will in a moment.
        ticket(&working, "process", "a").await.publish(process(1));
        let ended = working.process_ended(key("process"), 7, SystemClock.now());
        assert!(working.find_process(Uuid::from_u128(1), None).is_some());
        let late = ticket(&working, "late", "a").await;
        let look = async {
            assert_eq!(known(&working, "late", "a").await, file(5));
            seen.send(()).expect("somebody waits");
        };
        tokio::join!(ended, late.keep(file(5)), look);
    });
    let is_held_up = timeout(LONG, is_seen).await.is_err();
    // Lets go of what hangs, so that a failure ends as well.
    let reader = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(&pipe).expect("a pipe");
    timeout(LONG, work).await.expect("in time").expect("no panic");
    assert!(!is_held_up);
    drop((reader, receipts));

    // What came while the disk hung is in the file that stayed in use.
    let receipts = open_few(dir.path());
    assert_eq!(known(&receipts, "late", "a").await, file(5));
    assert!(matches!(fate(&known(&receipts, "process", "a").await), Fate::Exited { exit_code: 7, .. }));
}

#[tokio::test]
async fn a_file_that_was_made_shorter_has_all_receipts_and_what_comes_after_it() {
    let dir = tempfile::tempdir().expect("dir");
    let receipts = open_few(dir.path());
    for round in 0..3 {
        for index in 0..MANY {
            ticket(&receipts, &format!("k{round}.{index}"), "a").await.keep(file(index as u64)).await;
        }
    }
    ticket(&receipts, "last", "a").await.announce(process(1)).await;
    drop(receipts);
    assert!(lines(dir.path()) <= MANY + FEW, "{}", lines(dir.path()));
    let receipts = open_few(dir.path());
    assert_eq!(fate(&known(&receipts, "last", "a").await), Fate::Lost);
    for index in MANY + 1 - FEW..MANY {
        assert_eq!(known(&receipts, &format!("k2.{index}"), "a").await, file(index as u64));
    }
}

#[test]
fn a_file_that_can_not_be_made_shorter_is_tried_again_after_as_many_lines_as_there_are_receipts() {
    let dir = tempfile::tempdir().expect("dir");
    let (log, _) = Log::open(dir.path(), Duration::ZERO, FEW).expect("log");
    let one = Record::new(key("k"), digest(""), file(0));
    let append = |count: usize| (0..count).for_each(|_| log.append([&one].into_iter(), false).expect("written"));
    append(MANY - 1);
    assert!(!log.is_long());
    append(1);
    assert!(log.is_long());

    let in_the_way = dir.path().join("receipts.new");
    std::fs::create_dir(&in_the_way).expect("dir");
    log.rewrite([&one].into_iter());
    assert!(!log.is_long(), "not with every line");
    append(FEW - 1);
    assert!(!log.is_long());
    append(1);
    assert!(log.is_long());
    assert_eq!(lines(dir.path()), MANY + FEW, "the file stays in use");

    std::fs::remove_dir(&in_the_way).expect("removed");
    log.rewrite([&one].into_iter());
    assert!(!log.is_long());
    append(1);
    assert_eq!(lines(dir.path()), 2);
}
