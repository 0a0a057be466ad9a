//! The greeting: `Hello` from the agent, `HelloReply` back, each after its length.

use std::time::Duration;

use chatmesh_proto::relay::v1::hello_reply::Reply;
use chatmesh_proto::relay::v1::{Hello, HelloReply, Refusal, Welcome};
use prost::Message as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use super::error::AcceptError;
use super::{MAX_VERSION, MIN_VERSION};

/// The longest message.
const MAX_MESSAGE: u32 = 64 * 1024;
/// How long the agent has for each step.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads the agent's greeting.
pub(super) async fn read_hello(io: &mut (impl AsyncRead + Unpin)) -> Result<Hello, AcceptError> {
    let reading = async {
        let length = io.read_u32().await?;
        if length > MAX_MESSAGE {
            return Err(AcceptError::Malformed(format!("it has {length} bytes")));
        }
        let mut message = vec![0; length as usize];
        io.read_exact(&mut message).await?;
        Hello::decode(message.as_slice()).map_err(|error| AcceptError::Malformed(error.to_string()))
    };
    timeout(STEP_TIMEOUT, reading).await.unwrap_or(Err(AcceptError::Timeout))
}

/// The highest version that both sides speak.
pub(super) fn version(hello: &Hello) -> Result<u32, Refusal> {
    let version = hello.max_version.min(MAX_VERSION);
    if version >= hello.min_version.max(MIN_VERSION) {
        return Ok(version);
    }
    let message = format!(
        "the agent speaks versions {} to {} of the protocol, the relay {MIN_VERSION} to {MAX_VERSION}; \
         install an agent of the relay's release",
        hello.min_version, hello.max_version
    );
    Err(Refusal { message, permanent: true })
}

/// Lets the agent in.
pub(super) async fn welcome(io: &mut (impl AsyncWrite + Unpin), welcome: &Welcome) -> Result<(), AcceptError> {
    write(io, Reply::Welcome(welcome.clone())).await
}

/// Tells the agent why it may not come in, and ends the connection.
pub(super) async fn refuse(io: &mut (impl AsyncWrite + Unpin), refusal: &Refusal) -> Result<(), AcceptError> {
    write(io, Reply::Refusal(refusal.clone())).await?;
    // What matters is said; whether the agent still listens to the goodbye is not.
    let _ = timeout(STEP_TIMEOUT, io.shutdown()).await;
    Ok(())
}

async fn write(io: &mut (impl AsyncWrite + Unpin), reply: Reply) -> Result<(), AcceptError> {
    let message = HelloReply { reply: Some(reply) }.encode_to_vec();
    let length = u32::try_from(message.len()).ok().filter(|&length| length <= MAX_MESSAGE);
    let length = length.ok_or_else(|| std::io::Error::other("the reply is too long"))?;
    let writing = async {
        io.write_all(&[&length.to_be_bytes()[..], &message].concat()).await?;
        io.flush().await
    };
    timeout(STEP_TIMEOUT, writing).await.map_err(|_| AcceptError::Timeout)?.map_err(AcceptError::Io)
}
