//! Response bodies: bytes, pauses and accidents, in order.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio_util::sync::CancellationToken;

use super::journal::{Outcome, Ticket};

/// How long events get to reach the client before an accident. A connection that closes
/// and a stream that is reset both discard what is not yet written.
const SETTLE: Duration = Duration::from_millis(20);

/// A response body of the simulator.
pub(super) type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, h2::Error>;

/// How bodies are cut into chunks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunks {
    pub(super) size: Option<NonZeroUsize>,
    pub(super) delay: Duration,
}

/// What happens next in a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Beat {
    /// Bytes are sent.
    Send(Bytes),
    /// Time passes.
    Wait(Duration),
    /// The connection closes.
    Cut,
    /// The stream is reset.
    Reset(h2::Reason),
    /// Nothing happens any more.
    Stall,
}

impl Chunks {
    /// Cuts the bytes of a body.
    pub(super) fn cut(self, beats: Vec<Beat>) -> VecDeque<Beat> {
        let Some(size) = self.size else { return beats.into() };
        let mut cut = VecDeque::new();
        for beat in beats {
            let Beat::Send(mut bytes) = beat else {
                cut.push_back(beat);
                continue;
            };
            while !bytes.is_empty() {
                if !cut.is_empty() && !self.delay.is_zero() {
                    cut.push_back(Beat::Wait(self.delay));
                }
                cut.push_back(Beat::Send(bytes.split_to(size.get().min(bytes.len()))));
            }
        }
        cut
    }
}

/// A body that plays the beats and then closes its ticket.
pub(super) fn play(beats: VecDeque<Beat>, ticket: Ticket, hang_up: CancellationToken) -> Body {
    let player = Player { beats, ticket, hang_up };
    let frames = stream::unfold(player, |mut player| async move {
        let next = player.next().await?;
        Some((next.map(Frame::data), player))
    });
    StreamBody::new(frames).boxed_unsync()
}

struct Player {
    beats: VecDeque<Beat>,
    ticket: Ticket,
    hang_up: CancellationToken,
}

impl Player {
    async fn next(&mut self) -> Option<Result<Bytes, h2::Error>> {
        loop {
            match self.beats.pop_front() {
                Some(Beat::Send(bytes)) => return Some(Ok(bytes)),
                Some(Beat::Wait(delay)) => self.ticket.wait(delay).await,
                Some(Beat::Cut) => {
                    self.ticket.wait(SETTLE).await;
                    self.ticket.close(Outcome::Broken);
                    self.hang_up.cancel();
                    futures::future::pending::<()>().await;
                }
                Some(Beat::Reset(reason)) => {
                    self.ticket.wait(SETTLE).await;
                    self.ticket.close(Outcome::Broken);
                    return Some(Err(reason.into()));
                }
                Some(Beat::Stall) => futures::future::pending::<()>().await,
                None => {
                    self.ticket.close(Outcome::Completed);
                    return None;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_cut_into_chunks_of_the_size() {
        let send = |text: &'static str| Beat::Send(Bytes::from_static(text.as_bytes()));
        let delay = Duration::from_millis(1);
        let chunks = Chunks { size: NonZeroUsize::new(2), delay };
        let cut = chunks.cut(vec![send("abc"), Beat::Stall]);
        assert_eq!(cut, [send("ab"), Beat::Wait(delay), send("c"), Beat::Stall]);
        let whole = Chunks { size: None, delay };
        assert_eq!(whole.cut(vec![send("abc")]), [send("abc")]);
    }
}
