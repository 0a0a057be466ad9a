//! Writes that wait for each other.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::together::Rounds;

/// Lets all other parts of the connection run before the first byte after a flush is written: the head of a call is
/// written when it is there, and its body only follows when the stream is open. Together they are one record of TLS
/// and one packet.
#[derive(Debug)]
pub(super) struct Gather<Io> {
    io: Io,
    rounds: Arc<Rounds>,
    /// The round in which the first byte was there.
    since: Option<u64>,
}

impl<Io> Gather<Io> {
    pub(super) fn new(io: Io, rounds: Arc<Rounds>) -> Self {
        Self { io, rounds, since: None }
    }

    fn poll_gathered(&mut self, cx: &Context<'_>) -> Poll<()> {
        // Nobody else is there during the handshake.
        let Some(round) = self.rounds.number() else { return Poll::Ready(()) };
        if *self.since.get_or_insert(round) < round {
            return Poll::Ready(());
        }
        self.rounds.wake_in_next(cx);
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
        self.since = None;
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
    use hyper::rt::Executor as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::sync::mpsc;

    use super::super::together::together;
    use super::*;

    /// A part writes what others gave it by then, as HTTP/2 does with frames.
    #[tokio::test]
    async fn what_other_parts_add_in_a_round_goes_out_in_one_piece() {
        let (mut far, near) = duplex(64);
        let (executor, parts) = together();
        let mut near = Gather::new(near, parts.rounds());
        near.write_all(b"hello").await.expect("at once: no parts run yet");
        near.flush().await.expect("flushed");

        let (frames, mut queue) = mpsc::channel::<&[u8]>(4);
        executor.execute(async move {
            let mut buffer = Vec::new();
            while let Some(frame) = queue.recv().await {
                buffer.extend_from_slice(frame);
                let written = std::future::poll_fn(|cx| {
                    while let Ok(frame) = queue.try_recv() {
                        buffer.extend_from_slice(frame);
                    }
                    Pin::new(&mut near).poll_write(cx, &buffer)
                });
                assert_eq!(written.await.expect("written"), buffer.len());
                near.flush().await.expect("flushed");
                buffer.clear();
            }
        });
        let inner = executor.clone();
        executor.execute(async move {
            for call in [["one ", "two"], ["three ", "four"]] {
                frames.send(call[0].as_bytes()).await.expect("taken");
                // The body comes from a part that begins after the head was sent.
                let (frames, done) = (frames.clone(), tokio::sync::oneshot::channel());
                inner.execute(async move {
                    frames.send(call[1].as_bytes()).await.expect("taken");
                    let _ = done.0.send(());
                });
                let _ = done.1.await;
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        });
        let running = tokio_util::task::TaskTracker::new().spawn(parts);
        let mut pieces = Vec::new();
        for _ in 0..3 {
            let mut piece = [0; 64];
            let read = far.read(&mut piece).await.expect("read");
            pieces.push(String::from_utf8_lossy(&piece[..read]).into_owned());
        }
        assert_eq!(pieces, ["hello", "one two", "three four"]);
        running.abort();
    }
}
