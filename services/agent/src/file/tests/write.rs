use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

#[tokio::test]
async fn f02_a_new_file_gets_the_mode_of_the_umask_and_its_directories() {
    let fixture = Fixture::new();
    let plain = fixture.file("plain", "");
    let path = fixture.path("a/b/new");
    let response = fixture.write(&path, &"line\n".repeat(1000)).await.expect("written");
    assert_eq!((response.path.as_str(), response.size_bytes), (path.to_str().expect("path"), 5000));
    assert_eq!(std::fs::read_to_string(&path).expect("read"), "line\n".repeat(1000));
    assert_eq!(mode(&path), mode(&plain));
    assert_eq!(mode(&fixture.path("a")) & 0o755, 0o755 & mode(&fixture.path("a")));
    fixture.write(&fixture.path("empty"), "").await.expect("an empty file is one");
}

#[tokio::test]
async fn f02_an_existing_file_keeps_its_mode() {
    let fixture = Fixture::new();
    for wanted in [0o755, 0o600, 0o664] {
        let path = fixture.file("script", "old");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(wanted)).expect("mode");
        fixture.write(&path, "new").await.expect("written");
        assert_eq!((mode(&path), content(&path).as_str()), (wanted, "1\tnew"));
    }
    assert_eq!(fixture.names(), ["script"]);
}

#[tokio::test]
async fn f02_links_are_written_through_also_where_they_lead_nowhere_yet() {
    let fixture = Fixture::new();
    let target = fixture.file("target", "old");
    symlink("target", fixture.path("link")).expect("link");
    let response = fixture.write(&fixture.path("link"), "new").await.expect("written");
    assert_eq!(Path::new(&response.path), target);
    assert_eq!(content(&target), "1\tnew");

    symlink("not/yet", fixture.path("dangling")).expect("link");
    fixture.write(&fixture.path("dangling"), "made").await.expect("written");
    assert_eq!(content(&fixture.path("not/yet")), "1\tmade");
    for link in ["link", "dangling"] {
        assert!(std::fs::symlink_metadata(fixture.path(link)).expect("link").is_symlink());
    }

    symlink("circle", fixture.path("circle")).expect("link");
    assert_eq!(code(fixture.write(&fixture.path("circle"), "x").await), Code::FailedPrecondition);
}

#[tokio::test]
async fn f02_what_can_not_be_replaced_is_refused() {
    let fixture = Fixture::new();
    assert_eq!(code(fixture.write(fixture.dir.path(), "x").await), Code::FailedPrecondition);
    assert_eq!(code(fixture.write(Path::new("/dev/null"), "x").await), Code::FailedPrecondition);
    let below = fixture.file("file", "").join("below");
    assert_eq!(code(fixture.write(&below, "x").await), Code::FailedPrecondition);
    assert_eq!(code(fixture.write(Path::new("relative"), "x").await), Code::InvalidArgument);
    assert_eq!(code(fixture.write(Path::new("/tmp/"), "x").await), Code::InvalidArgument);
}

#[tokio::test]
async fn f02_a_stream_that_is_wrong_changes_nothing() {
    let fixture = Fixture::new();
    let path = fixture.file("f", "old");
    let data = |size: usize| message(Body::Data(Bytes::from(vec![b'x'; size])));
    let wrong = [
        vec![],
        vec![data(1)],
        vec![header(&path, 10, "")],
        vec![header(&path, 10, ""), data(9)],
        vec![header(&path, 10, ""), data(5), data(6)],
        vec![header(&path, 10, ""), header(&path, 10, "")],
        vec![header(&path, 64 * 1024 + 1, ""), data(64 * 1024 + 1)],
        vec![header(&path, 64 * 1024 * 1024 + 1, "")],
        vec![header(&path, 0, &"k".repeat(513))],
    ];
    for messages in wrong {
        assert_eq!(code(fixture.send(messages).await), Code::InvalidArgument);
    }
    let broken = vec![Ok(header(&path, 10, "")), Ok(data(5)), Err(Status::cancelled("gone"))];
    assert_eq!(code(fixture.writer.write(None, futures::stream::iter(broken)).await), Code::Cancelled);
    assert_eq!(content(&path), "1\told");
    assert_eq!(fixture.names(), ["f"], "nothing is left behind");
}

#[tokio::test]
async fn f02_the_same_key_writes_once() {
    let fixture = Fixture::new();
    let path = fixture.path("f");
    let first = fixture.write_with_key(&path, "content", "k").await.expect("written");
    std::fs::write(&path, "changed since").expect("write");
    let again = fixture.write_with_key(&path, "content", "k").await.expect("receipt");
    assert_eq!(again, first);
    assert_eq!(content(&path), "1\tchanged since");
    for (other_path, other_content) in [(path.clone(), "other"), (fixture.path("g"), "content")] {
        assert_eq!(code(fixture.write_with_key(&other_path, other_content, "k").await), Code::AlreadyExists);
    }
    assert_eq!(fixture.names(), ["f"]);
}

/// F02: a decision: the file gets a new inode, so other names keep the old content.
#[tokio::test]
async fn f02_other_hard_links_keep_the_old_content() {
    let fixture = Fixture::new();
    let path = fixture.file("f", "old");
    std::fs::hard_link(&path, fixture.path("other")).expect("link");
    fixture.write(&path, "new").await.expect("written");
    assert_eq!((content(&path).as_str(), content(&fixture.path("other")).as_str()), ("1\tnew", "1\told"));
}

/// F02: owner and group stay where the agent may set them, and set-id bits with them.
#[tokio::test]
async fn f02_owner_and_group_stay() {
    let fixture = Fixture::new();
    let path = fixture.file("f", "old");
    let is_root = std::fs::metadata(&path).expect("metadata").uid() == 0;
    let owner = is_root.then_some((12345, 23456));
    if let Some((user, group)) = owner {
        std::os::unix::fs::chown(&path, Some(user), Some(group)).expect("chown");
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o4751)).expect("mode");
    let before = std::fs::metadata(&path).expect("metadata");
    fixture.write(&path, "new").await.expect("written");
    let after = std::fs::metadata(&path).expect("metadata");
    assert_eq!((after.uid(), after.gid(), after.mode()), (before.uid(), before.gid(), before.mode()));
    assert_ne!(after.ino(), before.ino());
}

/// G25: a chain of links stays, and its end is what changes.
#[tokio::test]
async fn g25_a_link_is_never_replaced_by_a_file() {
    let fixture = Fixture::new();
    std::fs::create_dir(fixture.path("dotfiles")).expect("dir");
    let target = fixture.file("dotfiles/rc", "old");
    symlink("dotfiles/rc", fixture.path("middle")).expect("link");
    symlink(fixture.path("middle"), fixture.path(".rc")).expect("link");
    let response = fixture.write(&fixture.path(".rc"), "new").await.expect("written");
    assert_eq!(Path::new(&response.path), target);
    assert_eq!(std::fs::read_link(fixture.path(".rc")).expect("a link"), fixture.path("middle"));
    assert_eq!(std::fs::read_link(fixture.path("middle")).expect("a link"), Path::new("dotfiles/rc"));
    assert_eq!(content(&target), "1\tnew");
}

/// F02: to remove a draft may take as long as the disk takes; nobody else waits for that.
#[test]
fn f02_a_draft_that_a_caller_gave_up_is_removed_where_it_holds_up_nobody() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build();
    runtime.expect("a runtime").block_on(async {
        let fixture = Fixture::new();
        let messages = futures::stream::iter([Ok(header(&fixture.path("f"), 10, ""))]);
        let (hold, held) = std::sync::mpsc::channel::<()>();
        let (tell, hangs) = tokio::sync::oneshot::channel();
        let mut disk = Some((held, tell));
        // Once the draft is there, the disk hangs, and the caller goes away.
        let waiting = futures::stream::poll_fn(move |_| {
            if let Some((held, tell)) = disk.take() {
                tokio::task::spawn_blocking(move || held.recv());
                tell.send(()).expect("somebody waits");
            }
            std::task::Poll::<Option<Result<pb::WriteFileRequest, Status>>>::Pending
        });
        let pieces = futures::StreamExt::chain(messages, waiting);
        tokio::select! {
            written = fixture.writer.write(None, pieces) => panic!("{written:?}"),
            _ = hangs => {}
        }
        assert_eq!(fixture.names().len(), 1, "the disk hangs");
        drop(hold);
        // After what is to be done by then.
        tokio::task::spawn_blocking(|| {}).await.expect("done");
        assert!(fixture.names().is_empty());
    });
}
