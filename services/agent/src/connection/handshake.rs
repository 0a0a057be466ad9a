//! The greeting: `Hello` to the relay, `HelloReply` back, each after its length.

use std::io;
use std::time::Duration;

use chatmesh_proto::relay::v1::hello_reply::Reply;
use chatmesh_proto::relay::v1::{Hello, HelloReply, Welcome};
use prost::Message as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use super::error::{AttemptError, ConnectionError};

/// The longest message.
const MAX_MESSAGE: u32 = 64 * 1024;
/// How long the relay has to answer.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);

/// Says hello and returns the relay's welcome.
pub(super) async fn greet<Io>(io: &mut Io, hello: &Hello) -> Result<Welcome, AttemptError>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let reply = async {
        write(io, hello).await?;
        read(io).await
    };
    let reply = timeout(REPLY_TIMEOUT, reply).await.map_err(|_| AttemptError::Timeout)?;
    match reply.map_err(AttemptError::Handshake)?.reply {
        Some(Reply::Welcome(welcome)) if (hello.min_version..=hello.max_version).contains(&welcome.version) => {
            Ok(welcome)
        }
        Some(Reply::Refusal(refusal)) if refusal.permanent => {
            Err(AttemptError::Final(ConnectionError::Refused(refusal.message)))
        }
        Some(Reply::Refusal(refusal)) => Err(AttemptError::Refused(refusal.message)),
        Some(Reply::Welcome(_)) | None => {
            Err(AttemptError::Refused("it answered in a version that was not offered".to_owned()))
        }
    }
}

/// Greets as an agent of today does, for the fuzzer: the version of the welcome, or whether it is refused for good.
///
/// # Errors
/// There is no welcome.
#[cfg(fuzzing)]
pub async fn greeted<Io>(io: &mut Io) -> Result<u32, bool>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let hello = Hello { min_version: super::MIN_VERSION, max_version: super::MAX_VERSION, ..Hello::default() };
    match greet(io, &hello).await {
        Ok(welcome) => Ok(welcome.version),
        Err(error) => Err(matches!(error, AttemptError::Final(_))),
    }
}

async fn write(io: &mut (impl AsyncWrite + Unpin), hello: &Hello) -> io::Result<()> {
    let message = hello.encode_to_vec();
    // A greeting of our own is a few dozen bytes.
    let length = u32::try_from(message.len()).map_err(io::Error::other)?;
    io.write_all(&[&length.to_be_bytes()[..], &message].concat()).await?;
    io.flush().await
}

async fn read(io: &mut (impl AsyncRead + Unpin)) -> io::Result<HelloReply> {
    let length = io.read_u32().await?;
    if length > MAX_MESSAGE {
        return Err(io::Error::other("the answer is too long"));
    }
    let mut message = vec![0; length as usize];
    io.read_exact(&mut message).await?;
    HelloReply::decode(message.as_slice()).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use chatmesh_proto::relay::v1::Refusal;

    use super::*;

    async fn greet_with(reply: Option<Reply>) -> Result<Welcome, AttemptError> {
        let (mut agent, mut relay) = tokio::io::duplex(1024);
        let message = HelloReply { reply }.encode_to_vec();
        let length = u32::try_from(message.len()).expect("length");
        relay.write_u32(length).await.expect("length");
        relay.write_all(&message).await.expect("message");
        let hello = Hello { min_version: 1, max_version: 1, ..Hello::default() };
        greet(&mut agent, &hello).await
    }

    #[tokio::test]
    async fn a_welcome_is_taken_in_an_offered_version_only() {
        let welcome = |version| Some(Reply::Welcome(Welcome { version, ..Welcome::default() }));
        assert_eq!(greet_with(welcome(1)).await.expect("welcome").version, 1);
        assert!(matches!(greet_with(welcome(2)).await, Err(AttemptError::Refused(_))));
        assert!(matches!(greet_with(None).await, Err(AttemptError::Refused(_))));
    }

    #[tokio::test]
    async fn only_a_permanent_refusal_is_final() {
        let refusal = |permanent| Some(Reply::Refusal(Refusal { message: "no".to_owned(), permanent }));
        assert!(matches!(greet_with(refusal(false)).await, Err(AttemptError::Refused(_))));
        assert!(matches!(greet_with(refusal(true)).await, Err(AttemptError::Final(ConnectionError::Refused(_)))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_relay_is_given_up() {
        let (mut agent, _relay) = tokio::io::duplex(1024);
        assert!(matches!(greet(&mut agent, &Hello::default()).await, Err(AttemptError::Timeout)));
    }
}
