//! A WebSocket on one side, a call to the agent on the other.
//!
//! The two directions wait for nobody but their own receiver, and hold one message each: whoever is
//! slow slows down who sends to them, and nothing else.

use axum::extract::ws::Message;
use bytes::Bytes;
use tonic::{Status, Streaming};

use super::{Ending, Frame, Receiver, Sender};
use crate::activity::Session;
use crate::errors;
use crate::workspace::call::{Closed, Requests};

/// The most bytes in one message to an agent.
const MAX_DATA: usize = 64 * 1024;

/// How the messages of a WebSocket are those of a call.
pub(in crate::workspace) trait Protocol: Send + 'static {
    /// What the agent is sent.
    type Request: Send + 'static;
    /// What it answers.
    type Response: Send + 'static;

    /// Reads a client's message.
    ///
    /// # Errors
    /// It is none of this protocol.
    fn read(frame: Frame) -> Result<Said<Self::Request>, Status>;

    /// Makes a message of bytes, which are never too many for one.
    fn data(bytes: Bytes) -> Self::Request;

    /// Shows an answer to the client.
    ///
    /// # Errors
    /// It is none of this protocol.
    fn show(response: Self::Response) -> Result<Message, Status>;
}

/// What a client's message says.
#[derive(Debug, PartialEq)]
pub(in crate::workspace) enum Said<M> {
    /// Bytes, any number.
    Data(Bytes),
    /// Something else.
    Request(M),
    /// Nothing follows.
    End,
}

/// Carries messages until one side has ended, and ends the other one. Each message is a use of the session; signs of life
/// are none.
pub(in crate::workspace) async fn bridge<P: Protocol>(
    mut sender: Sender,
    mut receiver: Receiver,
    mut requests: Requests<P::Request>,
    mut responses: Streaming<P::Response>,
    session: Session,
) {
    let ending = tokio::select! {
        ending = read::<P>(&mut receiver, &mut requests, &session) => ending,
        ending = write::<P>(&mut sender, &mut responses, &session) => ending,
    };
    // The agent hears of the end first: the client may be slow to listen.
    drop(requests);
    drop(responses);
    drop(session);
    sender.close(ending, receiver).await;
}

async fn read<P: Protocol>(receiver: &mut Receiver, requests: &mut Requests<P::Request>, session: &Session) -> Ending {
    loop {
        let said = match receiver.next().await.map(P::read) {
            Ok(Ok(said)) => said,
            Ok(Err(status)) => return Ending::Failed(status),
            Err(ending) => return ending,
        };
        session.used();
        if requests.is_finished() {
            return Ending::Failed(errors::invalid("end", "was said before: nothing may follow it"));
        }
        if tell::<P>(said, requests).await == Err(Closed) {
            // The agent takes no more; why, its answers say. Until then the client may go on.
            drain(receiver).await;
            return Ending::Left;
        }
    }
}

async fn tell<P: Protocol>(said: Said<P::Request>, requests: &mut Requests<P::Request>) -> Result<(), Closed> {
    match said {
        Said::Request(request) => requests.send(request).await?,
        Said::End => requests.finish(),
        Said::Data(mut bytes) => {
            while !bytes.is_empty() {
                let piece = bytes.split_to(bytes.len().min(MAX_DATA));
                requests.send(P::data(piece)).await?;
            }
        }
    }
    Ok(())
}

async fn drain(receiver: &mut Receiver) {
    while receiver.next().await.is_ok() {}
}

async fn write<P: Protocol>(sender: &mut Sender, responses: &mut Streaming<P::Response>, session: &Session) -> Ending {
    match try_write::<P>(sender, responses, session).await {
        Ok(()) => Ending::Done,
        Err(ending) => ending,
    }
}

async fn try_write<P: Protocol>(
    sender: &mut Sender,
    responses: &mut Streaming<P::Response>,
    session: &Session,
) -> Result<(), Ending> {
    while let Some(response) = sender.until(responses.message()).await?.map_err(Ending::Failed)? {
        sender.send(P::show(response).map_err(Ending::Failed)?).await?;
        session.used();
    }
    Ok(())
}

/// A message as JSON text.
pub(in crate::workspace) fn json(message: &impl serde::Serialize) -> Result<Message, Status> {
    let text = serde_json::to_string(message).map_err(|error| Status::internal(error.to_string()))?;
    Ok(Message::Text(text.into()))
}

/// Reads JSON text.
///
/// # Errors
/// It is none, or not what is expected here, of which `example` is one.
pub(in crate::workspace) fn parse<M: serde::de::DeserializeOwned>(text: &str, example: &str) -> Result<M, Status> {
    serde_json::from_str(text).map_err(|error| unexpected(&error, example))
}

/// The error of a message that is not expected.
pub(in crate::workspace) fn unexpected(why: &dyn std::fmt::Display, example: &str) -> Status {
    errors::invalid("message", &format!("is not expected here: {why}; text is JSON, like {example}"))
}
