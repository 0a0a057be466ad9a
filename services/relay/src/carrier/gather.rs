//! Writes that wait for each other.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Lets all others of the task run once before the first byte after a flush is written: the head of a call
/// is written when it is there, and its body only follows when the head has left. Together they are
/// one record of TLS and one packet.
#[derive(Debug)]
pub(super) struct Gather<Io> {
    io: Io,
    has_waited: bool,
}

impl<Io> Gather<Io> {
    pub(super) fn new(io: Io) -> Self {
        Self { io, has_waited: false }
    }

    fn poll_gathered(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.has_waited, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for Gather<Io> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Gather<Io> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        std::task::ready!(self.poll_gathered(cx));
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = std::task::ready!(Pin::new(&mut self.io).poll_flush(cx));
        self.has_waited = false;
        Poll::Ready(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        std::task::ready!(self.poll_gathered(cx));
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[tokio::test]
    async fn what_others_add_before_the_first_byte_goes_with_it() {
        let (mut far, near) = tokio::io::duplex(64);
        let mut near = Gather::new(near);
        for _ in 0..2 {
            let mut waits = 0;
            let written = std::future::poll_fn(|cx| {
                let written = Pin::new(&mut near).poll_write(cx, b"head and body");
                waits += usize::from(written.is_pending());
                written
            });
            assert_eq!(written.await.expect("written"), 13);
            assert_eq!(waits, 1, "once, and woken by itself");
            near.write_all(b"!").await.expect("written");
            near.flush().await.expect("flushed");
        }
        let mut read = [0; 28];
        tokio::io::AsyncReadExt::read_exact(&mut far, &mut read).await.expect("read");
        assert_eq!(&read, b"head and body!head and body!");
    }
}
