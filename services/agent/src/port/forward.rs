//! One connection to a port, in both directions.

use std::time::Duration;

use bytes::{BufMut as _, BytesMut};
use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::forward_port_response::Body;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _, stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tonic::Status;

use super::connect::connect;
use super::error::Error;
use super::forwards::Forwards;
use super::input::{MAX_DATA, Target, data};

/// How long the first message may take.
const FIRST_MESSAGE: Duration = Duration::from_secs(10);

/// What the caller receives.
type Response = Result<pb::ForwardPortResponse, Status>;

/// Connects the caller, who sends `messages`, to the port that the first of them names, and
/// returns what the caller receives.
///
/// # Errors
/// The first message is missing or wrong, or there is no connection.
pub(super) async fn forward(
    forwards: &Forwards,
    mut messages: impl Stream<Item = Result<pb::ForwardPortRequest, Status>> + Send + Unpin + 'static,
) -> Result<BoxStream<'static, Response>, Error> {
    let permit = forwards.admit()?;
    let first = timeout(FIRST_MESSAGE, messages.next()).await;
    let first = first.map_err(|_| Error::Silent(FIRST_MESSAGE.as_secs()))?;
    let target = Target::read(first.transpose().map_err(Box::new)?)?;
    let connecting = forwards.closing().run_until_cancelled(connect(target));
    let stream = connecting.await.ok_or(Error::ShuttingDown)??;
    let address = stream.peer_addr().map_err(|source| Error::Broken { target, source })?.to_string();
    let (reader, writer) = stream.into_split();
    let upload = upload(messages, Writer(Some(writer)), target);
    let download = Download {
        connected: Some(pb::ForwardPortConnected { address }),
        target,
        reader,
        buffer: BytesMut::new(),
        is_read: false,
        upload: AbortOnDropHandle::new(forwards.tasks().spawn(upload)),
        is_written: false,
        closing: forwards.closing().clone(),
        _permit: permit,
    };
    Ok(stream::unfold(Some(download), |download| async move {
        let mut download = download?;
        let response = download.next().await.transpose()?;
        let goes_on = response.is_ok();
        let response = response.map(|body| pb::ForwardPortResponse { body: Some(body) }).map_err(Status::from);
        Some((response, goes_on.then_some(download)))
    })
    .boxed())
}

/// Writes what the caller sends to the port, then the end.
async fn upload(
    mut messages: impl Stream<Item = Result<pb::ForwardPortRequest, Status>> + Unpin,
    mut writer: Writer,
    target: Target,
) -> Result<(), Error> {
    while let Some(message) = messages.next().await {
        let Some(bytes) = data(message.map_err(Box::new)?)? else { break };
        writer.write(&bytes).await.map_err(|source| Error::Broken { target, source })?;
    }
    writer.end().await.map_err(|source| Error::Broken { target, source })
}

/// The direction to the port. Dropped without its end it says nothing to the port, so that a
/// broken call does not look like a complete one.
struct Writer(Option<OwnedWriteHalf>);

impl Writer {
    async fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match &mut self.0 {
            Some(half) => half.write_all(bytes).await,
            None => Ok(()),
        }
    }

    async fn end(mut self) -> std::io::Result<()> {
        match self.0.take() {
            Some(mut half) => half.shutdown().await,
            None => Ok(()),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(half) = self.0.take() {
            half.forget();
        }
    }
}

/// The direction from the port, and the end of both.
struct Download {
    connected: Option<pb::ForwardPortConnected>,
    target: Target,
    reader: OwnedReadHalf,
    buffer: BytesMut,
    /// The port has sent everything.
    is_read: bool,
    upload: AbortOnDropHandle<Result<(), Error>>,
    /// The caller has sent everything.
    is_written: bool,
    closing: CancellationToken,
    _permit: OwnedSemaphorePermit,
}

impl Download {
    async fn next(&mut self) -> Result<Option<Body>, Error> {
        if let Some(connected) = self.connected.take() {
            return Ok(Some(Body::Connected(connected)));
        }
        while !(self.is_read && self.is_written) {
            // Takes no new memory once the pieces before are sent.
            self.buffer.reserve(MAX_DATA);
            let mut room = (&mut self.buffer).limit(MAX_DATA);
            tokio::select! {
                read = self.reader.read_buf(&mut room), if !self.is_read => match read {
                    Ok(0) => {
                        self.is_read = true;
                        return Ok(Some(Body::End(pb::ForwardPortEnd {})));
                    }
                    Ok(_) => return Ok(Some(Body::Data(self.buffer.split().freeze()))),
                    Err(source) => return Err(Error::Broken { target: self.target, source }),
                },
                written = &mut self.upload, if !self.is_written => {
                    self.is_written = true;
                    // It does not panic, and is aborted only from here.
                    written.unwrap_or(Err(Error::ShuttingDown))?;
                }
                () = self.closing.cancelled() => return Err(Error::ShuttingDown),
            }
        }
        Ok(None)
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        if !(self.is_read && self.is_written) {
            // The port sees a reset, not an end.
            let _ = self.reader.as_ref().set_zero_linger();
        }
    }
}
