use super::edit::{edit, request};
use super::*;
use crate::receipts::{Claim, EditReceipt, EditedFile, InputDigest, Key, Outcome};

/// A fixture whose agent was killed while it replaced the files `a` and `b`: each is as it was, or
/// as it should become, or something else. The key is `k`.
async fn after_crash(a: &str, b: &str) -> (Fixture, pb::EditFilesRequest) {
    let fixture = Fixture::new();
    let (first, second) = (fixture.file("a", a), fixture.file("b", b));
    let request = request(&[(&first, "old", "old new"), (&second, "old", "old new")], "k");
    let mut digest = InputDigest::default();
    for file in &request.files {
        digest = digest.field(file.path.as_bytes()).field(&file.edits.len().to_be_bytes());
        let edit = &file.edits[0];
        digest = digest.field(edit.search.as_bytes()).field(edit.replace.as_bytes()).field(&[0]);
    }
    let content = |text: &str| InputDigest::default().field(text.as_bytes()).finish();
    let files = request.files.iter().map(|file| EditedFile {
        label: file.path.clone(),
        path: file.path.clone(),
        size_bytes: 7,
        replacements: 1,
        inexact_replacements: 0,
        before: content("old"),
        after: content("old new"),
    });
    let receipt = EditReceipt { files: files.collect(), done: false };

    let Fixture { dir, writer, editor } = fixture;
    drop((writer, editor));
    let state = dir.path().join("state");
    {
        let receipts = Receipts::open(&state, Duration::ZERO).expect("receipts");
        let claim = receipts.claim(Key::new("EditFiles", None, "k"), digest.finish()).await.expect("claim");
        let Claim::New(ticket) = claim else { panic!("{claim:?}") };
        ticket.announce(Outcome::Edit(receipt)).await;
    }
    let receipts = Receipts::open(&state, Duration::ZERO).expect("receipts");
    let locks = Locks::new();
    let fixture =
        Fixture { dir, writer: Writer::new(receipts.clone(), locks.clone()), editor: Editor::new(receipts, locks) };
    (fixture, request)
}

fn texts(fixture: &Fixture) -> (String, String) {
    let text = |name: &str| std::fs::read_to_string(fixture.path(name)).expect("read");
    (text("a"), text("b"))
}

/// F03: the same key edits once, whatever became of the file.
#[tokio::test]
async fn f03_the_same_key_edits_once() {
    let fixture = Fixture::new();
    let path = fixture.file("f", "a");
    let first = fixture.editor.edit(None, request(&[(&path, "a", "aa")], "k")).await.expect("edited");
    let again = fixture.editor.edit(None, request(&[(&path, "a", "aa")], "k")).await.expect("known");
    assert_eq!(std::fs::read_to_string(&path).expect("read"), "aa");
    assert!(again.repeated && !first.repeated);
    let mut expected = first.files[0].clone();
    expected.diff.clear();
    assert_eq!(again.files, [expected]);
    let other = fixture.editor.edit(None, request(&[(&path, "a", "b")], "k")).await;
    assert_eq!(code(other), Code::AlreadyExists);
    let mut twice = request(&[(&path, "aa", "b")], "k2");
    twice.files[0].edits.push(edit("none", ""));
    assert_eq!(code(fixture.editor.edit(None, twice).await), Code::FailedPrecondition);
    let now = fixture.editor.edit(None, request(&[(&path, "aa", "b")], "k2")).await.expect("the key is free");
    assert!(!now.repeated, "what failed without a trace may be tried again");
}

/// F03: repeats that come while the first call is at work get its outcome.
#[tokio::test]
async fn f03_repeats_at_the_same_time_edit_once() {
    let fixture = Fixture::new();
    let path = fixture.file("f", "a");
    let calls = (0..10).map(|_| fixture.editor.edit(None, request(&[(&path, "a", "aa")], "k")));
    let answers = futures::future::join_all(calls).await;
    let repeated = answers.iter().filter(|answer| answer.as_ref().expect("edited").repeated).count();
    assert_eq!(repeated, 9);
    assert_eq!(std::fs::read_to_string(&path).expect("read"), "aa");
}

/// F03: an agent that was killed in between: the repeat does what is missing and nothing twice.
#[tokio::test]
async fn f03_a_repeat_after_a_crash_replaces_what_was_not() {
    for (a, b) in [("old", "old"), ("old new", "old"), ("old", "old new"), ("old new", "old new")] {
        let (fixture, request) = after_crash(a, b).await;
        let answer = fixture.editor.edit(None, request.clone()).await.expect("edited");
        assert_eq!(texts(&fixture), ("old new".to_owned(), "old new".to_owned()), "from {a:?} and {b:?}");
        assert!(answer.repeated);
        assert_eq!(answer.files.len(), 2);
        // From here on it is known, and nothing is looked at.
        fixture.file("a", "changed since");
        assert_eq!(fixture.editor.edit(None, request).await.expect("known"), answer);
        assert_eq!(texts(&fixture).0, "changed since");
    }
}

/// F03: where it can not be told what was done, that is the answer.
#[tokio::test]
async fn f03_a_repeat_after_a_crash_and_a_change_is_not_guessed() {
    let (fixture, request) = after_crash("old", "old and something else").await;
    let error = fixture.editor.edit(None, request).await.expect_err("unknown");
    assert!(error.to_string().contains("/b` has changed since"), "{error}");
    assert_eq!(error.code(), (Code::FailedPrecondition, "EDIT_UNKNOWN"));
    assert_eq!(texts(&fixture), ("old".to_owned(), "old and something else".to_owned()));
}
