//! What all tests of terminals share.

mod closing;
mod requests;
mod scope;
mod sharing;

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::attach_terminal_request::Body as Request;
use chatmesh_proto::agent::v1::attach_terminal_response::Body;
use chatmesh_rpc::Code;
use futures::StreamExt as _;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use futures::stream::BoxStream;
use proptest::prelude::*;
use tempfile::TempDir;
use tonic::Status;

use super::attach::attach;
use super::error::Error;
use super::*;
use crate::chat::ChatId;
use crate::process::Environment;

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);
/// Ids of terminals.
const ONE: &str = "00000000-0000-4000-8000-000000000001";
const TWO: &str = "00000000-0000-4000-8000-000000000002";

struct Fixture {
    _dir: TempDir,
    terminals: Terminals,
}

impl Fixture {
    fn new() -> Self {
        Self::with(Limits::default())
    }

    fn with(limits: Limits) -> Self {
        let dir = tempfile::tempdir().expect("dir");
        let os = std::env::vars_os().chain([("CHATMESH_AGENT_TOKEN".into(), "secret".into())]);
        let environment = Environment::new(os, Some("w1".to_owned()));
        let terminals = Terminals::new(dir.path().to_owned(), environment, limits);
        Self { _dir: dir, terminals }
    }

    /// A terminal with this command, which is opened.
    async fn open(&self, command: &str) -> Caller {
        let caller = self.attach(None, header(ONE, command)).await.expect("attached");
        assert!(caller.attached.created);
        caller
    }

    async fn attach(&self, chat: Option<&str>, header: pb::TerminalHeader) -> Result<Caller, Error> {
        self.call(chat, Request::Header(header)).await
    }

    async fn call(&self, chat: Option<&str>, first: Request) -> Result<Caller, Error> {
        let (messages, received) = unbounded();
        let mut caller = Caller { messages, ..Caller::nobody() };
        caller.send(first);
        let chat = chat.map(ChatId::for_test);
        caller.responses = attach(&self.terminals, chat.as_ref(), received).await?;
        match caller.next().await.expect("greeted") {
            Body::Attached(attached) => caller.attached = attached,
            other => panic!("{other:?}"),
        }
        Ok(caller)
    }
}

/// One who looks at a terminal.
struct Caller {
    messages: UnboundedSender<Result<pb::AttachTerminalRequest, Status>>,
    responses: BoxStream<'static, Result<pb::AttachTerminalResponse, Status>>,
    attached: pb::TerminalAttached,
    /// What it saw.
    seen: Vec<u8>,
    /// How many bytes it missed.
    missed: u64,
}

impl Caller {
    fn nobody() -> Self {
        Self {
            messages: unbounded().0,
            responses: futures::stream::empty().boxed(),
            attached: pb::TerminalAttached::default(),
            seen: Vec::new(),
            missed: 0,
        }
    }

    fn send(&self, body: Request) {
        self.messages.unbounded_send(Ok(pb::AttachTerminalRequest { body: Some(body) })).expect("it listens");
    }

    fn write(&self, text: &str) {
        self.send(Request::Data(Bytes::copy_from_slice(text.as_bytes())));
    }

    async fn next(&mut self) -> Option<Body> {
        let next = tokio::time::timeout(LONG, self.responses.next()).await;
        let next = next.unwrap_or_else(|_| panic!("nothing comes after {:?}", String::from_utf8_lossy(&self.seen)))?;
        Some(next.expect("no error").body.expect("a body"))
    }

    /// Waits until the terminal has shown `text`.
    async fn until(&mut self, text: &str) {
        while !String::from_utf8_lossy(&self.seen).contains(text) {
            match self.next().await {
                Some(Body::Data(data)) => self.seen.extend_from_slice(&data),
                other => panic!("{other:?} after {:?}", String::from_utf8_lossy(&self.seen)),
            }
        }
    }

    /// Reads to the end.
    async fn exit(&mut self) -> pb::TerminalExited {
        let exited = loop {
            match self.next().await.expect("an end") {
                Body::Data(data) => self.seen.extend_from_slice(&data),
                Body::Skipped(skipped) => self.missed += skipped.bytes,
                Body::Exited(exited) => break exited,
                Body::Attached(_) => panic!("attached twice"),
            }
        };
        assert!(self.responses.next().await.is_none(), "nothing comes after the end");
        exited
    }

    /// The error that ends the call.
    async fn error(&mut self) -> Status {
        loop {
            let next = tokio::time::timeout(LONG, self.responses.next()).await.expect("something comes");
            if let Err(error) = next.expect("an error") {
                return error;
            }
        }
    }
}

fn header(id: &str, command: &str) -> pb::TerminalHeader {
    pb::TerminalHeader { terminal_id: id.to_owned(), command: command.to_owned(), ..Default::default() }
}

fn size(rows: u32, cols: u32) -> pb::TerminalSize {
    pb::TerminalSize { rows, cols }
}

fn code<T>(result: Result<T, Error>) -> Code {
    Status::from(result.err().expect("an error")).code()
}

proptest! {
    /// T01: whatever is written, whoever comes, reads and goes: everyone sees what was written, in
    /// order, or learns how much is missing; bounds hold; nobody begins inside of a character.
    #[test]
    fn t01_viewers_see_what_was_written_or_learn_what_is_missing(
        bytes in prop::collection::vec(any::<u8>(), 0..3000),
    ) {
        check::check(&bytes);
    }
}
