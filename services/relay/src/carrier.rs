//! The carrier: HTTP/2 with the relay as the client, on a connection that an agent dialled.
//!
//! [`accept`] greets the agent and returns a [`Carrier`]: a [`Connection`] to be polled as long
//! as the agent is connected, and an [`AgentChannel`] through which generated clients call it.
//! Nothing here knows what a token or a database is: whether an agent is welcome is the caller's
//! decision, and so is where the byte stream comes from.

mod channel;
mod connection;
mod error;
mod gather;
mod handshake;
mod remains;
#[cfg(test)]
mod tests;
mod together;

use std::future::Future;

use chatmesh_proto::relay::v1::{Hello, Refusal, Welcome};
use tokio::io::{AsyncRead, AsyncWrite};

pub use channel::AgentChannel;
pub use connection::Connection;
pub use error::{AcceptError, Closed};

/// The protocol versions that this relay speaks.
pub const MIN_VERSION: u32 = 1;
/// The highest of them.
pub const MAX_VERSION: u32 = 1;

/// An agent that was welcomed.
#[derive(Debug)]
pub struct Carrier {
    /// How it introduced itself.
    pub hello: Hello,
    /// What it was answered.
    pub welcome: Welcome,
    /// Calls it.
    pub channel: AgentChannel,
    /// Carries the calls: nothing moves while it is not polled, and dropping it cuts the connection.
    pub connection: Connection,
}

/// Greets the agent that dialled `io` and begins HTTP/2. `decide` gets the agent's greeting and
/// the version that both speak, to be put into the welcome; it may look things up, but must end
/// in time by itself.
///
/// # Errors
/// The agent did not greet within ten seconds or did so in another protocol, `decide` refused it
/// (it has been told), or the connection broke.
pub async fn accept<Io, Decide, Decision>(mut io: Io, decide: Decide) -> Result<Carrier, AcceptError>
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    Decide: FnOnce(Hello, u32) -> Decision,
    Decision: Future<Output = Result<Welcome, Refusal>>,
{
    let hello = handshake::read_hello(&mut io).await?;
    let decision = match handshake::version(&hello) {
        Ok(version) => decide(hello.clone(), version).await,
        Err(refusal) => Err(refusal),
    };
    match decision {
        Ok(welcome) => {
            handshake::welcome(&mut io, &welcome).await?;
            let (channel, connection) = connection::open(io).await?;
            Ok(Carrier { hello, welcome, channel, connection })
        }
        Err(refusal) => {
            handshake::refuse(&mut io, &refusal).await?;
            Err(AcceptError::Refused(refusal))
        }
    }
}
