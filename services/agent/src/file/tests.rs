use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::write_file_request::Body;
use chatmesh_rpc::Code;
use proptest::prelude::*;
use tempfile::TempDir;
use tonic::Status;

use super::error::Error;
use super::lines::Selection;
use super::locks::Locks;
use super::read::read_lines;
use super::write::Writer;
use crate::receipts::Receipts;

/// Names that break when they are put into addresses, shells or lists.
const NAMES: [&str; 9] = ["a b", "100%", "#tag", "a&b", "1+1", "it's \"quoted\"", "日本 é 🦀", "two\nlines", "-rf"];

struct Fixture {
    dir: TempDir,
    writer: Writer,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("dir");
        let receipts = Receipts::open(&dir.path().join("state"), Duration::ZERO).expect("receipts");
        Self { dir, writer: Writer::new(receipts, Locks::new()) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().expect("dir").join(name)
    }

    /// Makes a file.
    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).expect("file");
        path
    }

    async fn write(&self, path: &Path, content: &str) -> Result<pb::WriteFileResponse, Error> {
        self.write_with_key(path, content, "").await
    }

    async fn write_with_key(&self, path: &Path, content: &str, key: &str) -> Result<pb::WriteFileResponse, Error> {
        let header = header(path, content.len() as u64, key);
        let pieces = content.as_bytes().chunks(1000).map(|piece| message(Body::Data(Bytes::copy_from_slice(piece))));
        self.send(std::iter::once(header).chain(pieces).collect()).await
    }

    async fn send(&self, messages: Vec<pb::WriteFileRequest>) -> Result<pb::WriteFileResponse, Error> {
        let messages = messages.into_iter().map(Ok::<_, Status>);
        self.writer.write(None, futures::stream::iter(messages)).await
    }

    /// What is in the directory, apart from the agent's state.
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir.path()).expect("dir");
        let names = entries.map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.filter(|name| name != "state").collect();
        names.sort();
        names
    }
}

fn message(body: Body) -> pb::WriteFileRequest {
    pb::WriteFileRequest { body: Some(body) }
}

fn header(path: &Path, size_bytes: u64, key: &str) -> pb::WriteFileRequest {
    let path = path.to_str().expect("path").to_owned();
    message(Body::Header(pb::WriteFileHeader { path, size_bytes, idempotency_key: key.to_owned() }))
}

fn read(path: &Path) -> Result<pb::ReadFileLinesResponse, Error> {
    read_range(path, 0, 0)
}

fn read_range(path: &Path, offset: u32, limit: u32) -> Result<pb::ReadFileLinesResponse, Error> {
    let path = path.to_str().expect("path").to_owned();
    read_lines(&pb::ReadFileLinesRequest { path, offset, limit, ..Default::default() })
}

fn content(path: &Path) -> String {
    read(path).expect("read").content
}

fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> Code {
    Status::from(result.expect_err("an error")).code()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("metadata").mode() & 0o7777
}

#[test]
fn f01_offset_and_limit_select_lines() {
    let fixture = Fixture::new();
    let path = fixture.file("f", "one\ntwo\nthree\n");
    for (offset, limit, expected) in [
        (0, 0, "1\tone\n2\ttwo\n3\tthree"),
        (1, 1, "1\tone"),
        (2, 0, "2\ttwo\n3\tthree"),
        (3, 100, "3\tthree"),
        (2, 1, "2\ttwo"),
    ] {
        let response = read_range(&path, offset, limit).expect("read");
        assert_eq!(response.content, expected, "offset {offset}, limit {limit}");
        assert_eq!((response.file_bytes, response.total_lines), (14, 3));
        assert_eq!(response.lines_read as usize, expected.lines().count());
    }
    let error = read_range(&path, 4, 0).expect_err("past the end");
    assert!(error.to_string().contains("the file has 3 lines"), "{error}");
    assert_eq!(Status::from(error).code(), Code::OutOfRange);
}

#[test]
fn f01_line_ends_are_not_content() {
    let fixture = Fixture::new();
    for (text, expected, total) in [
        ("a\nb", "1\ta\n2\tb", 2),
        ("a\nb\n", "1\ta\n2\tb", 2),
        ("a\r\nb\r\n", "1\ta\n2\tb", 2),
        ("a\rb\n", "1\ta\rb", 1),
        ("a\r", "1\ta\r", 1),
        ("\n", "1\t", 1),
        ("a\n\n", "1\ta\n2\t", 2),
        ("", "", 0),
    ] {
        let response = read(&fixture.file("f", text)).expect("read");
        assert_eq!((response.content.as_str(), response.total_lines), (expected, total), "{text:?}");
    }
    assert_eq!(code(read_range(&fixture.file("f", ""), 2, 0)), Code::OutOfRange);
}

#[test]
fn f01_a_long_line_is_cut_on_a_character_border() {
    let fixture = Fixture::new();
    for (line, kept) in [("x".repeat(1025), 1024), (format!("x{}", "日".repeat(1000)), 1024), ("🦀".repeat(500), 1024)]
    {
        let text = content(&fixture.file("f", format!("{line}\r\nnext\n")));
        assert_eq!(text, format!("1\t{}... [truncated]\n2\tnext", &line[..kept]));
    }
    let exact = "x".repeat(1024);
    assert_eq!(content(&fixture.file("f", format!("{exact}\r\n"))), format!("1\t{exact}"));
    let cut = content(&fixture.file("f", format!("xy{}", "日".repeat(400))));
    assert!(cut.ends_with("日... [truncated]") && !cut.contains('\u{FFFD}'));
}

#[test]
fn f01_what_is_over_a_limit_is_an_error_that_says_what_to_do() {
    let fixture = Fixture::new();
    let lines = fixture.file("lines", "x\n".repeat(2001));
    let wide = fixture.file("wide", format!("{}\n", "x".repeat(1000)).repeat(40));
    for result in [read_range(&lines, 1, 2001), read(&wide)] {
        let error = result.expect_err("over the limit");
        assert!(error.to_string().contains("`offset` and `limit`"), "{error}");
        assert_eq!(Status::from(error).code(), Code::InvalidArgument);
    }
    assert_eq!(read(&lines).expect("the default is the limit").lines_read, 2000);
    assert_eq!(read_range(&wide, 30, 10).expect("a part").lines_read, 10);

    let large = fixture.file("large", vec![b'x'; 1024 * 1024 + 1]);
    let error = read_range(&large, 1, 1).expect_err("too large");
    assert!(error.to_string().contains("1048577 bytes"), "{error}");
    assert_eq!(Status::from(error).code(), Code::FailedPrecondition);
    let path = large.to_str().expect("path").to_owned();
    let request = pb::ReadFileLinesRequest { path, max_file_bytes: 2 << 20, ..Default::default() };
    assert_eq!(read_lines(&request).expect("the caller decides").total_lines, 1);
}

#[test]
fn f01_what_is_no_text_file_is_refused() {
    let fixture = Fixture::new();
    assert_eq!(code(read(Path::new("relative"))), Code::InvalidArgument);
    assert_eq!(code(read(&fixture.path("missing"))), Code::NotFound);
    assert_eq!(code(read(fixture.dir.path())), Code::FailedPrecondition);
    assert_eq!(code(read(Path::new("/dev/null"))), Code::FailedPrecondition);
    let binary = read(&fixture.file("binary", b"text\0more")).expect_err("binary");
    assert!(binary.to_string().contains("binary"), "{binary}");
    let inside_file = fixture.file("file", "").join("below");
    assert_eq!(code(read(&inside_file)), Code::FailedPrecondition);
    assert_eq!(content(&fixture.file("latin", b"caf\xe9\n")), "1\tcaf\u{FFFD}");
    let secret = fixture.file("secret", "x");
    let is_root = std::fs::metadata(&secret).expect("metadata").uid() == 0;
    if !is_root {
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o000)).expect("mode");
        assert_eq!(code(read(&secret)), Code::PermissionDenied);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn f01_lines_are_those_of_the_text_however_it_is_read(
        lines in proptest::collection::vec("[a-zé日 ]{0,30}", 0..20),
        ends_with_newline in any::<bool>(),
        piece in 1usize..20,
    ) {
        let mut text = lines.join("\n");
        if ends_with_newline {
            text.push('\n');
        }
        let selection =
            Selection { offset: 1, limit: 1000, max_line_bytes: 1000, max_lines: 1000, max_response_bytes: 1 << 20 };
        let source = std::io::BufReader::with_capacity(piece, text.as_bytes());
        let taken = selection.take(source).expect("lines");
        let expected: Vec<String> = text.lines().enumerate().map(|(at, line)| format!("{}\t{line}", at + 1)).collect();
        prop_assert_eq!(taken.content, expected.join("\n"));
        prop_assert_eq!(taken.total as usize, expected.len());
        prop_assert_eq!(taken.bytes as usize, text.len());
    }
}

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

#[tokio::test]
async fn f05_any_name_can_be_written_and_read() {
    let fixture = Fixture::new();
    for name in NAMES.iter().map(|name| (*name).to_owned()).chain(["n".repeat(255)]) {
        let path = fixture.path(&name);
        fixture.write(&path, &name).await.expect("written");
        assert_eq!(std::fs::read_to_string(&path).expect("read"), name);
        assert_eq!(read(&path).expect("read").file_bytes, name.len() as u64);
    }
    assert_eq!(fixture.names().len(), NAMES.len() + 1);
}
