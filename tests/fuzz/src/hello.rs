//! Greetings: what agents say to a relay, and what a relay answers.

use std::io;
use std::panic::panic_any;
use std::time::Duration;

use bytes::Bytes;
use chatmesh_agent::greeted;
use chatmesh_proto::relay::v1::hello_reply::Reply;
use chatmesh_proto::relay::v1::{Hello, HelloReply, Welcome};
use chatmesh_relay::carrier::{AcceptError, Carrier, MAX_VERSION, MIN_VERSION, accept};
use prost::Message;
use tokio::io::{AsyncRead, AsyncWrite, join, sink};
use tokio::runtime::{Builder, Runtime};
use tokio_util::io::StreamReader;

use crate::cuts;

/// The longest message.
const MAX_MESSAGE: usize = 64 * 1024;
/// Nobody waits for what can not come: where time stands still this is over at once.
const STUCK: Duration = Duration::from_secs(3600);

thread_local! {
    static RUNTIME: Option<Runtime> = Builder::new_current_thread().enable_all().start_paused(true).build().ok();
}

/// Lets an agent say these bytes to a relay, and a relay answer them to an agent: as they are, with what comes
/// after the greeting, and as one message.
///
/// # Panics
/// Something that must hold does not.
pub fn greeting(bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    for said in [bytes.to_vec(), [&length.to_be_bytes(), bytes].concat()] {
        let (to_relay, to_agent) = (expected_of_relay(&said), expected_of_agent(&said));
        for chunks in [vec![said.as_slice()]].into_iter().chain(cuts(&said)) {
            assert_eq!(run(hear(carrier(&chunks))), to_relay, "by the relay, in {} pieces", chunks.len());
            assert_eq!(run(answered(carrier(&chunks))), to_agent, "by the agent, in {} pieces", chunks.len());
        }
    }
}

/// How a greeting was taken.
#[derive(Debug, PartialEq, Eq)]
enum Taken {
    /// The relay goes on in this version.
    Welcome(u32),
    /// It was understood and refused.
    Refused,
    /// It is no greeting.
    Malformed,
    /// It ends too early.
    Cut,
}

fn message<M: Message + Default>(said: &[u8]) -> Result<M, Taken> {
    let (length, rest) = said.split_first_chunk().ok_or(Taken::Cut)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    if length > MAX_MESSAGE {
        return Err(Taken::Malformed);
    }
    M::decode(rest.get(..length).ok_or(Taken::Cut)?).map_err(|_| Taken::Malformed)
}

fn expected_of_relay(said: &[u8]) -> Taken {
    match message::<Hello>(said) {
        Ok(hello) => match hello.max_version.min(MAX_VERSION) {
            version if version >= hello.min_version.max(MIN_VERSION) => Taken::Welcome(version),
            _ => Taken::Refused,
        },
        Err(taken) => taken,
    }
}

async fn hear(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Taken {
    let decide = async |_, version| Ok(Welcome { version, ..Welcome::default() });
    match accept(io, decide).await {
        Ok(Carrier { welcome, connection, .. }) => {
            // What follows is no HTTP/2, or ends: so does the connection.
            assert!(tokio::time::timeout(STUCK, connection).await.is_ok(), "the connection does not end");
            Taken::Welcome(welcome.version)
        }
        Err(AcceptError::Refused(refusal)) => {
            assert!(refusal.permanent, "another version does not come by itself");
            Taken::Refused
        }
        Err(AcceptError::Malformed(_)) => Taken::Malformed,
        Err(AcceptError::Io(_)) => Taken::Cut,
        Err(other) => panic_any(format!("{other:?}")),
    }
}

/// The version, or whether the refusal is final.
fn expected_of_agent(said: &[u8]) -> Result<u32, bool> {
    match message::<HelloReply>(said).ok().and_then(|reply| reply.reply) {
        Some(Reply::Welcome(welcome)) if welcome.version == MAX_VERSION => Ok(welcome.version),
        Some(Reply::Refusal(refusal)) => Err(refusal.permanent),
        Some(Reply::Welcome(_)) | None => Err(false),
    }
}

async fn answered(mut io: impl AsyncRead + AsyncWrite + Unpin) -> Result<u32, bool> {
    greeted(&mut io).await
}

/// A connection on which these bytes come, and then its end.
fn carrier(chunks: &[&[u8]]) -> impl AsyncRead + AsyncWrite + Unpin + Send + 'static {
    let chunks: Vec<io::Result<Bytes>> = chunks.iter().map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    join(StreamReader::new(futures::stream::iter(chunks)), sink())
}

fn run<T>(work: impl Future<Output = T>) -> T {
    RUNTIME.with(|runtime| match runtime {
        Some(runtime) => runtime.block_on(work),
        None => panic_any("there is no runtime"),
    })
}
