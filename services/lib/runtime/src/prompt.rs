//! Connections that say what they want.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// As many bytes as HTTP/2 begins with (RFC 9113, 3.4): by then it is known which protocol it is, and the limits of
/// that protocol count.
const PREFACE_BYTES: usize = 24;

/// Fails to read where not even the beginning of a protocol comes in time: whoever sends nothing would otherwise be
/// waited for, for ever.
#[derive(Debug)]
pub(crate) struct Prompt<Io> {
    io: Io,
    /// How long is left, and how many bytes are missing.
    waiting: Option<(Pin<Box<Sleep>>, usize)>,
}

impl<Io> Prompt<Io> {
    pub(crate) fn new(io: Io, limit: Duration) -> Self {
        Self { io, waiting: Some((Box::pin(sleep(limit)), PREFACE_BYTES)) }
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for Prompt<Io> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        let Some((limit, missing)) = &mut self.waiting else { return read };
        if read.is_pending() {
            return limit.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()));
        }
        *missing = missing.saturating_sub(buf.filled().len() - before);
        if *missing == 0 {
            self.waiting = None;
        }
        read
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Prompt<Io> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
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
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn a_connection_on_which_too_little_comes_ends_and_another_one_may_be_idle() {
        for (said, is_known) in [(&b""[..], false), (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r", false), (&[b'x'; 24], true)] {
            let (mut far, near) = duplex(64);
            far.write_all(said).await.expect("written");
            let mut near = Prompt::new(near, LIMIT);
            let mut heard = vec![0; said.len()];
            near.read_exact(&mut heard).await.expect("what was said");
            let more = tokio::time::timeout(LIMIT * 10, near.read_u8()).await;
            match more {
                Ok(ended) => {
                    assert_eq!(ended.expect_err("nothing comes").kind(), io::ErrorKind::TimedOut);
                    assert!(!is_known, "{said:?}");
                }
                Err(_) => assert!(is_known, "{said:?}"),
            }
        }
    }
}
