use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

impl Fixture {
    /// Makes one edit in each of some files; a file that comes twice gets both.
    pub(super) async fn edit(&self, edits: &[(&Path, &str, &str)]) -> Result<pb::EditFilesResponse, Error> {
        self.editor.edit(None, request(edits, "")).await
    }
}

pub(super) fn request(edits: &[(&Path, &str, &str)], key: &str) -> pb::EditFilesRequest {
    let files = edits.iter().map(|(path, search, replace)| pb::FileEdits {
        path: path.to_str().expect("path").to_owned(),
        edits: vec![edit(search, replace)],
    });
    pb::EditFilesRequest { files: files.collect(), include_diff: true, idempotency_key: key.to_owned() }
}

pub(super) fn edit(search: &str, replace: &str) -> pb::Edit {
    pb::Edit { search: search.to_owned(), replace: replace.to_owned(), replace_all: false }
}

/// F03: edits of one file follow each other, and the answer says what became of it.
#[tokio::test]
async fn f03_edits_of_a_file_apply_in_order() {
    let fixture = Fixture::new();
    let path = fixture.file("f.rs", "one\ntwo \nthree\n");
    let mut request = request(&[(&path, "one", "1")], "");
    request.files[0].edits.extend([edit("1", "uno"), edit("two\nthree\n", "2\n3\n")]);
    let response = fixture.editor.edit(None, request).await.expect("edited");
    assert_eq!(std::fs::read_to_string(&path).expect("read"), "uno\n2 \n3\n");
    let text = path.to_str().expect("path");
    let expected = pb::EditedFile {
        path: text.to_owned(),
        resolved_path: text.to_owned(),
        size_bytes: 9,
        replacements: 3,
        inexact_replacements: 1,
        diff: format!("--- {text}\n+++ {text}\n@@ -1,3 +1,3 @@\n-one\n-two \n-three\n+uno\n+2 \n+3\n"),
        diff_truncated: false,
    };
    assert_eq!(response, pb::EditFilesResponse { files: vec![expected], repeated: false });
}

/// F03: one edit that fails keeps all files as they are, and all failures are told at once.
#[tokio::test]
async fn f03_all_edits_are_made_or_none() {
    let fixture = Fixture::new();
    let good = fixture.file("good", "a\n");
    let twice = fixture.file("twice", "a\na\n");
    let other = fixture.file("other", "b\n");
    let edits: [(&Path, &str, &str); 4] =
        [(&good, "a", "x"), (&twice, "a", "x"), (&other, "a", "x"), (&fixture.path("missing"), "a", "x")];
    let error = fixture.edit(&edits).await.expect_err("refused");
    let text = error.to_string();
    assert!(text.starts_with("nothing was written: 3 files can not be edited"), "{text}");
    for part in [
        "twice`, edit 1 of 1: `search` is in the file 2 times",
        "other`, edit 1 of 1: `search` is not in the file",
        "missing`: it does not exist",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(Status::from(error).code(), Code::NotFound, "the worst of them");
    for (path, expected) in [(&good, "a\n"), (&twice, "a\na\n"), (&other, "b\n")] {
        assert_eq!(std::fs::read_to_string(path).expect("read"), expected);
    }
    assert_eq!(fixture.names(), ["good", "other", "twice"], "nothing is left behind");
}

/// F03: each failure has its own reason.
#[tokio::test]
async fn f03_reasons_tell_failures_apart() {
    let fixture = Fixture::new();
    let path = fixture.file("f", "a\na\nb \n");
    for (search, replace, expected) in [
        ("", "x", "EDIT_INVALID"),
        ("c", "x", "EDIT_NOT_FOUND"),
        ("a", "x", "EDIT_AMBIGUOUS"),
        ("b\n", "b\r\n", "EDIT_LINE_ENDS"),
    ] {
        assert_eq!(reason(fixture.edit(&[(&path, search, replace)]).await), expected);
    }
    let huge = fixture.file("huge", "");
    std::fs::File::options().write(true).open(&huge).and_then(|file| file.set_len((8 << 20) + 1)).expect("size");
    assert_eq!(reason(fixture.edit(&[(&huge, "a", "x")]).await), "FILE_TOO_LARGE");
    assert_eq!(reason(fixture.edit(&[(fixture.dir.path(), "a", "x")]).await), "FILE_UNSUITABLE");
    assert_eq!(reason(fixture.edit(&[(Path::new("/dev/null"), "a", "x")]).await), "FILE_UNSUITABLE");
}

/// F03, G27: two names of one file would lose the edits of the first.
#[tokio::test]
async fn g27_two_paths_to_one_file_are_refused_and_both_named() {
    let fixture = Fixture::new();
    let path = fixture.file("f", "a\nb\n");
    symlink("f", fixture.path("link")).expect("link");
    symlink(".", fixture.path("here")).expect("link");
    let dotted = fixture.path("here/./missing/../f");
    for alias in [&path, &fixture.path("link"), &fixture.path("here/f"), &dotted] {
        let edits = [(path.as_path(), "a", "x"), (alias.as_path(), "b", "y")];
        let error = fixture.edit(&edits).await.expect_err("refused");
        let text = error.to_string();
        assert!(text.contains(path.to_str().expect("path")), "{text}");
        assert!(text.contains(alias.to_str().expect("path")), "{text}");
        assert_eq!(error.code(), (Code::InvalidArgument, "FILE_DUPLICATE"));
    }
    assert_eq!(std::fs::read_to_string(&path).expect("read"), "a\nb\n");
}

/// G25: an edit goes through links and keeps the mode, like a write.
#[tokio::test]
async fn g25_an_edit_goes_through_links_and_keeps_the_mode() {
    let fixture = Fixture::new();
    let path = fixture.file("target", "a");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o751)).expect("mode");
    symlink("target", fixture.path("link")).expect("link");
    let response = fixture.edit(&[(&fixture.path("link"), "a", "b")]).await.expect("edited");
    assert!(response.files[0].path.ends_with("/link"), "the caller's own words");
    assert_eq!(Path::new(&response.files[0].resolved_path), path);
    assert!(response.files[0].diff.starts_with(&format!("--- {}\n", fixture.path("link").display())));
    assert!(std::fs::symlink_metadata(fixture.path("link")).expect("link").is_symlink());
    assert_eq!((std::fs::read_to_string(&path).expect("read").as_str(), mode(&path)), ("b", 0o751));
}

/// F03: what does not change is not written.
#[tokio::test]
async fn f03_an_edit_that_changes_nothing_leaves_the_file_alone() {
    let fixture = Fixture::new();
    let path = fixture.file("f", "a");
    let before = std::fs::metadata(&path).expect("metadata");
    let response = fixture.edit(&[(&path, "a", "a")]).await.expect("edited");
    assert_eq!((response.files[0].diff.as_str(), response.files[0].replacements), ("", 1));
    assert_eq!(std::fs::metadata(&path).expect("metadata").ino(), before.ino());
}

/// F03: many calls at once for one file: each sees what the others left.
#[tokio::test]
async fn f03_edits_of_one_file_at_once_lose_nothing() {
    let fixture = Fixture::new();
    let lines: Vec<String> = (0..20).map(|number| format!("line {number:02}")).collect();
    let path = fixture.file("f", lines.join("\n"));
    symlink("f", fixture.path("link")).expect("link");
    let link = fixture.path("link");
    let edits = lines.iter().enumerate().map(|(number, line)| {
        let request = request(&[(if number % 2 == 0 { &path } else { &link }, line, &format!("new {number:02}"))], "");
        fixture.editor.edit(None, request)
    });
    assert!(futures::future::join_all(edits).await.into_iter().all(|edited| edited.is_ok()));
    let expected: Vec<String> = (0..20).map(|number| format!("new {number:02}")).collect();
    assert_eq!(std::fs::read_to_string(&path).expect("read"), expected.join("\n"));
}

/// F03: bytes that are no text.
#[tokio::test]
async fn f03_a_binary_file_can_be_edited() {
    let fixture = Fixture::new();
    let path = fixture.file("f", b"\x00\xFFname=old\x80\r\n");
    let response = fixture.edit(&[(&path, "old", "new")]).await.expect("edited");
    assert_eq!(std::fs::read(&path).expect("read"), b"\x00\xFFname=new\x80\r\n");
    assert!(response.files[0].diff.contains("name=new"));
}

/// F.6 item 5: numbers and sizes have limits, which are told.
#[tokio::test]
async fn limits_of_requests_are_told() {
    let fixture = Fixture::new();
    let path = fixture.file("f", "a");
    let file = |edits: usize| pb::FileEdits {
        path: path.to_str().expect("path").to_owned(),
        edits: vec![edit("a", "a"); edits],
    };
    let large = |edit: pb::Edit| pb::FileEdits { edits: vec![edit], ..file(0) };
    for (files, expected) in [
        (vec![], "1 to 100 entries"),
        (vec![file(1); 101], "1 to 100 entries"),
        (vec![file(1001)], "1000 edits"),
        (vec![file(1), file(0)], "`files[1].edits` is empty"),
        (vec![large(edit(&"x".repeat(256 * 1024 + 1), ""))], "262144 bytes"),
        (vec![large(edit("x", &"x".repeat(1024 * 1024 + 1)))], "1048576 bytes"),
        (vec![pb::FileEdits { path: "relative".to_owned(), ..file(1) }], "`files[0]`: `path` must be absolute"),
        (vec![pb::FileEdits { path: "/tmp/".to_owned(), ..file(1) }], "must name a file"),
    ] {
        let request = pb::EditFilesRequest { files, ..Default::default() };
        let error = fixture.editor.edit(None, request).await.expect_err("refused");
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(Status::from(error).code(), Code::InvalidArgument);
    }
}

/// F.6 item 5: much to search through in a large file takes several calls.
#[tokio::test]
async fn work_has_a_limit() {
    let fixture = Fixture::new();
    let path = fixture.file("f", vec![b'a'; 8 << 20]);
    let path = path.to_str().expect("path").to_owned();
    let files = vec![pb::FileEdits { path, edits: vec![edit("aa\n", "a"); 1] }];
    let error = fixture.editor.edit(None, pb::EditFilesRequest { files: files.clone(), ..Default::default() }).await;
    assert_eq!(reason(error), "EDIT_NOT_FOUND");
    let edits = vec![pb::Edit { replace_all: true, ..edit(&"a".repeat(1 << 17), &"a".repeat(1 << 17)) }; 17];
    let files = vec![pb::FileEdits { edits, ..files[0].clone() }];
    let error = fixture.editor.edit(None, pb::EditFilesRequest { files, ..Default::default() }).await;
    let error = error.expect_err("refused");
    assert!(error.to_string().contains("make fewer in one call"), "{error}");
}

/// Statuses travel in headers, which have limits.
#[tokio::test]
async fn a_message_of_many_failures_fits_into_a_header() {
    let fixture = Fixture::new();
    let paths: Vec<PathBuf> = (0..100).map(|number| fixture.path(&format!("{number}{}", "é".repeat(100)))).collect();
    let edits: Vec<_> = paths.iter().map(|path| (path.as_path(), "a", "b")).collect();
    let message = message_of(fixture.edit(&edits).await);
    assert!(message.len() < 3010 && message.contains("more"), "{message}");
    let deep = Path::new("/").join("日".repeat(80)).join("日".repeat(1200));
    let message = message_of(fixture.edit(&[(&deep, "a", "b")]).await);
    assert!(message.len() < 3010, "{message}");
}
