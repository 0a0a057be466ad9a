//! One viewer's call, from its first message to its end.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::attach_terminal_response::Body;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _, stream};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use tonic::Status;

use super::error::Error;
use super::input::{Action, Opening};
use super::session::{Session, Viewer};
use super::terminals::{Attached, Terminals};
use crate::chat::ChatId;

/// How long the first message may take.
const FIRST_MESSAGE: Duration = Duration::from_secs(30);

/// What a viewer receives.
type Response = Result<pb::AttachTerminalResponse, Status>;

/// Attaches a viewer, which sends `messages`, and returns what it receives.
///
/// # Errors
/// The first message is missing or wrong, or there is no terminal for it.
pub(super) async fn attach(
    terminals: &Terminals,
    chat: Option<&ChatId>,
    mut messages: impl Stream<Item = Result<pb::AttachTerminalRequest, Status>> + Send + Unpin + 'static,
) -> Result<BoxStream<'static, Response>, Error> {
    let first = timeout(FIRST_MESSAGE, messages.next()).await;
    let first = first.map_err(|_| Error::Timeout { what: "no header came", seconds: FIRST_MESSAGE.as_secs() })?;
    let first = first.ok_or_else(|| Error::Invalid("the first message must have a header".to_owned()))?;
    let opening = Opening::read(first.map_err(Box::new)?)?;
    let Attached { viewer, created } = terminals.attach(chat, &opening).await?;
    let greeting = pb::TerminalAttached {
        terminal: Some(viewer.session.to_proto()),
        created,
        replayed_bytes: u32::try_from(viewer.replayed).unwrap_or(u32::MAX),
    };
    // On a task of its own: who does not read what the program writes can still interrupt it.
    let acting = terminals.tasks().spawn(act(Arc::clone(&viewer.session), messages));
    let view = View { greeting: Some(greeting), viewer, acting: Some(AbortOnDropHandle::new(acting)) };
    Ok(stream::unfold(Some(view), |view| async move {
        let mut view = view?;
        let response = view.next().await?;
        let goes_on = response.is_ok();
        Some((response, goes_on.then_some(view)))
    })
    .boxed())
}

/// Does what a viewer asks for, until it asks for no more or the terminal has ended.
async fn act(
    session: Arc<Session>,
    mut messages: impl Stream<Item = Result<pb::AttachTerminalRequest, Status>> + Unpin,
) -> Result<(), Error> {
    let mut done = pin!(session.life.done());
    loop {
        let message = tokio::select! {
            message = messages.next() => message,
            () = &mut done => None,
        };
        let Some(message) = message else { return Ok(()) };
        match Action::read(message.map_err(Box::new)?)? {
            Action::Type(data) if data.is_empty() => {}
            Action::Type(data) => session.write(data).await,
            Action::Resize(size) => drop(session.size.send_replace(size)),
        }
    }
}

/// What a viewer has yet to receive.
struct View {
    greeting: Option<pb::TerminalAttached>,
    viewer: Viewer,
    acting: Option<AbortOnDropHandle<Result<(), Error>>>,
}

impl View {
    async fn next(&mut self) -> Option<Response> {
        if let Some(greeting) = self.greeting.take() {
            return Some(response(Body::Attached(greeting)));
        }
        if let Some(acting) = &mut self.acting {
            tokio::select! {
                body = self.viewer.next() => return body.map(response),
                acted = acting => {
                    self.acting = None;
                    if let Ok(Err(error)) = acted {
                        return Some(Err(error.into()));
                    }
                }
            }
        }
        self.viewer.next().await.map(response)
    }
}

fn response(body: Body) -> Response {
    Ok(pb::AttachTerminalResponse { body: Some(body) })
}
