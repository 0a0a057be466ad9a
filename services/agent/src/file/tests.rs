mod download;
mod edit;
mod edit_repeats;
mod list;
mod names;
mod read;
mod space;
mod stat;
mod write;

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::write_file_request::Body;
use chatmesh_rpc::Code;
use tempfile::TempDir;
use tonic::Status;

use super::editor::Editor;
use super::error::Error;
use super::locks::Locks;
use super::read::read_lines;
use super::write::Writer;
use crate::receipts::Receipts;

struct Fixture {
    dir: TempDir,
    writer: Writer,
    editor: Editor,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("dir");
        let receipts = Receipts::open(&dir.path().join("state"), Duration::ZERO).expect("receipts");
        let locks = Locks::new();
        Self { dir, writer: Writer::new(receipts.clone(), locks.clone()), editor: Editor::new(receipts, locks) }
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

fn lines(path: &Path) -> Result<pb::ReadFileLinesResponse, Error> {
    lines_from(path, 0, 0)
}

fn lines_from(path: &Path, offset: u32, limit: u32) -> Result<pb::ReadFileLinesResponse, Error> {
    let path = path.to_str().expect("path").to_owned();
    read_lines(&pb::ReadFileLinesRequest { path, offset, limit, ..Default::default() })
}

fn content(path: &Path) -> String {
    lines(path).expect("read").content
}

fn code<T>(result: Result<T, Error>) -> Code {
    Status::from(result.err().expect("an error")).code()
}

/// The message of an error, as a caller gets it.
fn message_of<T>(result: Result<T, Error>) -> String {
    Status::from(result.err().expect("an error")).message().to_owned()
}

/// The reason of an error, which callers match on.
fn reason<T>(result: Result<T, Error>) -> &'static str {
    result.err().expect("an error").code().1
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("metadata").mode() & 0o7777
}
