mod compaction;

use chatmesh_core::{Clock as _, SystemClock};

use super::*;

fn open(dir: &Path) -> Receipts {
    // The last writer may still be on its way out.
    Receipts::open(dir, Duration::from_secs(5)).expect("receipts")
}

fn key(name: &str) -> Key {
    Key::new("test", None, name)
}

fn digest(input: &str) -> Digest {
    InputDigest::default().field(input.as_bytes()).finish()
}

fn process(id: u128) -> Outcome {
    let start_time = SystemClock.now();
    Outcome::Process(ProcessReceipt { id: Uuid::from_u128(id), chat: None, start_time, fate: Fate::Running })
}

fn fate(outcome: &Outcome) -> Fate {
    match outcome {
        Outcome::Process(process) => process.fate,
        other => panic!("not a process: {other:?}"),
    }
}

async fn ticket(receipts: &Receipts, name: &str, input: &str) -> Ticket {
    match receipts.claim(key(name), digest(input)).await.expect("claim") {
        Claim::New(ticket) => ticket,
        Claim::Known(outcome) => panic!("known: {outcome:?}"),
    }
}

async fn known(receipts: &Receipts, name: &str, input: &str) -> Outcome {
    match receipts.claim(key(name), digest(input)).await.expect("claim") {
        Claim::New(_) => panic!("nothing is known"),
        Claim::Known(outcome) => outcome,
    }
}

#[tokio::test]
async fn receipts_survive_a_restart_and_a_running_process_is_lost() {
    let dir = tempfile::tempdir().expect("dir");
    let receipts = open(dir.path());
    ticket(&receipts, "ran", "a").await.announce(process(1)).await;
    let ended = ticket(&receipts, "ended", "a").await;
    ended.announce(process(2)).await;
    ended.publish(process(2));
    receipts.process_ended(key("ended"), 7, SystemClock.now()).await;
    let file = Outcome::File { path: "/f".to_owned(), size_bytes: 3 };
    ticket(&receipts, "file", "a").await.keep(file.clone()).await;
    let forgotten = ticket(&receipts, "forgotten", "a").await;
    forgotten.announce(process(3)).await;
    forgotten.forget().await;
    drop(receipts);

    let receipts = open(dir.path());
    assert_eq!(fate(&known(&receipts, "ran", "a").await), Fate::Lost);
    assert!(matches!(fate(&known(&receipts, "ended", "a").await), Fate::Exited { exit_code: 7, .. }));
    assert_eq!(known(&receipts, "file", "a").await, file);
    drop(ticket(&receipts, "forgotten", "a").await);
    assert!(matches!(receipts.claim(key("ran"), digest("b")).await, Err(ClaimError::Conflict)));
    assert!(receipts.find_process(Uuid::from_u128(1), None).is_some());
}

#[tokio::test]
async fn a_repeat_waits_for_the_first_call_and_gets_its_outcome_or_its_turn() {
    let dir = tempfile::tempdir().expect("dir");
    let receipts = open(dir.path());
    let first = ticket(&receipts, "k", "a").await;
    first.announce(process(1)).await;
    assert!(matches!(receipts.claim(key("k"), digest("b")).await, Err(ClaimError::Conflict)));
    let (outcome, ()) = tokio::join!(known(&receipts, "k", "a"), async { first.publish(process(1)) });
    assert_eq!(fate(&outcome), Fate::Running);

    let first = ticket(&receipts, "l", "a").await;
    let (second, ()) = tokio::join!(ticket(&receipts, "l", "a"), async { drop(first) });
    drop(second);
}

#[tokio::test]
async fn a_torn_line_hides_nothing_else() {
    let dir = tempfile::tempdir().expect("dir");
    let receipts = open(dir.path());
    ticket(&receipts, "k", "a").await.announce(process(1)).await;
    drop(receipts);
    let path = dir.path().join("receipts.jsonl");
    let mut torn = std::fs::read(&path).expect("file");
    torn.extend_from_slice(b"{\"key\":\"00");
    std::fs::write(&path, torn).expect("write");

    assert_eq!(fate(&known(&open(dir.path()), "k", "a").await), Fate::Lost);
}

#[tokio::test]
async fn a_record_after_a_torn_line_is_read() {
    let dir = tempfile::tempdir().expect("dir");
    drop(open(dir.path()));
    let path = dir.path().join("receipts.jsonl");
    std::fs::write(&path, b"{\"key\":\"00").expect("write");
    let (log, records) = Log::open(dir.path(), Duration::from_secs(5), MAX_RECEIPTS).expect("log");
    assert!(records.is_empty());
    let record = Record::new(key("k"), digest("a"), process(1));
    log.append([&record].into_iter(), true).expect("written");
    drop(log);
    assert_eq!(fate(&known(&open(dir.path()), "k", "a").await), Fate::Lost);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_come_together_are_all_on_the_disk() {
    let dir = tempfile::tempdir().expect("dir");
    let receipts = open(dir.path());
    let announce = |index: u128| {
        let receipts = receipts.clone();
        async move {
            let ticket = ticket(&receipts, &format!("k{index}"), "a").await;
            ticket.announce(process(index)).await;
            ticket.publish(process(index));
        }
    };
    futures::future::join_all((0..200).map(announce)).await;
    drop(receipts);
    let receipts = open(dir.path());
    for index in 0..200 {
        assert_eq!(fate(&known(&receipts, &format!("k{index}"), "a").await), Fate::Lost);
    }
}

#[tokio::test]
async fn a_start_that_a_former_agent_began_is_lost_and_one_that_ended_is_known() {
    let dir = tempfile::tempdir().expect("dir");
    let receipts = open(dir.path());
    for name in ["ended", "begun"] {
        let ticket = ticket(&receipts, name, "").await;
        ticket.announce(Outcome::Startup(Startup::Running)).await;
        ticket.publish(Outcome::Startup(Startup::Running));
    }
    receipts.update(key("ended"), Outcome::Startup(Startup::Ready)).await;
    drop(receipts);
    let receipts = open(dir.path());
    assert_eq!(known(&receipts, "ended", "").await, Outcome::Startup(Startup::Ready));
    assert_eq!(known(&receipts, "begun", "").await, Outcome::Startup(Startup::Lost));
}

#[tokio::test]
async fn a_state_directory_belongs_to_one_agent() {
    let dir = tempfile::tempdir().expect("dir");
    let first = open(dir.path());
    assert!(matches!(Receipts::open(dir.path(), Duration::ZERO), Err(OpenError::InUse(_))));
    drop(first);
    open(dir.path());
}

#[test]
fn the_oldest_receipts_go_first_and_running_processes_stay() {
    let mut slots = Slots::new(2);
    slots.put(Record::new(key("running"), digest(""), process(1)));
    for name in ["a", "b", "c"] {
        slots.put(Record::new(key(name), digest(""), Outcome::File { path: String::new(), size_bytes: 0 }));
    }
    assert!(slots.has(key("running")) && slots.has(key("c")));
    assert!(!slots.has(key("a")) && !slots.has(key("b")));
}

#[test]
fn the_newest_start_of_a_build_stays_and_older_ones_go() {
    let mut slots = Slots::new(2);
    for name in ["old", "new"] {
        slots.put(Record::new(key(name), digest(""), Outcome::Startup(Startup::Ready)));
    }
    for name in ["a", "b", "c"] {
        slots.put(Record::new(key(name), digest(""), Outcome::File { path: String::new(), size_bytes: 0 }));
    }
    assert!(slots.has(key("new")) && slots.has(key("c")));
    assert!(!slots.has(key("old")) && !slots.has(key("b")));
}
