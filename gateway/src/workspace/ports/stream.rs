//! A connection to a port as bytes to read and write.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::forward_port_request::Body as Sent;
use chatmesh_proto::agent::v1::forward_port_response::Body as Received;
use futures::Stream as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::dial::Connection;
use crate::workspace::call::Closed;

/// The most bytes in one message.
const MAX_DATA: usize = 64 * 1024;

/// A connection to a port. Dropped before it was shut down, it resets the connection.
#[derive(Debug)]
pub(super) struct PortStream {
    connection: Connection,
    unread: Bytes,
    ended: bool,
}

impl PortStream {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection, unread: Bytes::new(), ended: false }
    }
}

impl AsyncRead for PortStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while self.unread.is_empty() && !self.ended {
            let next = ready!(Pin::new(&mut self.connection.responses).poll_next(cx));
            match next.transpose().map_err(io::Error::other)?.map(|response| response.body) {
                Some(Some(Received::Data(bytes))) => {
                    self.connection.session.used();
                    self.unread = bytes;
                }
                Some(Some(Received::Connected(_)) | None) => {}
                Some(Some(Received::End(_))) | None => self.ended = true,
            }
        }
        let count = self.unread.len().min(into.remaining());
        into.put_slice(&self.unread[..count]);
        self.unread.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for PortStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let requests = &mut self.connection.requests;
        ready!(requests.poll_ready(cx)).map_err(|Closed| broken())?;
        let count = bytes.len().min(MAX_DATA);
        let data = Sent::Data(Bytes::copy_from_slice(&bytes[..count]));
        requests.start_send(pb::ForwardPortRequest { body: Some(data) }).map_err(|Closed| broken())?;
        self.connection.session.used();
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.requests.finish();
        Poll::Ready(Ok(()))
    }
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the connection to the port has ended")
}
