//! Readers of all kinds.

use std::fmt::Write as _;

use rand::Rng as _;
use rand::rngs::StdRng;

use crate::domain::ChatId;
use crate::testing::{Client, Reader, Replica};

/// A reader with its habits.
pub(super) struct Viewer {
    pub(super) reader: Reader,
    replica: usize,
    /// How often it reads when it could.
    attention: f64,
    /// How many events it reads at once.
    bite: usize,
    /// How often its connection breaks.
    breaks: f64,
}

/// As many on one replica as on the other.
pub(super) fn all(chat: ChatId, replicas: &[Replica; 2]) -> Vec<Viewer> {
    let habits = [(1.0, 1000, 0.0), (0.8, 20, 0.1), (0.1, 5, 0.02)];
    let viewer = |replica: usize, (attention, bite, breaks): (f64, usize, f64)| Viewer {
        reader: Reader::new(chat, replicas[replica].truth.clone()),
        replica,
        attention,
        bite,
        breaks,
    };
    [0, 1].into_iter().flat_map(|replica| habits.map(|habits| viewer(replica, habits))).collect()
}

impl Viewer {
    /// Does what it does at a moment.
    pub(super) async fn act(&mut self, dice: &mut StdRng, replicas: &[Replica; 2]) {
        if !self.reader.is_connected() {
            if dice.random_bool(0.5) {
                self.connect(replicas).await;
            }
        } else if dice.random_bool(self.breaks) {
            self.reader.drop_connection();
            if dice.random_bool(0.2) {
                self.replica = 1 - self.replica;
            }
        } else if dice.random_bool(self.attention) {
            self.reader.read(dice.random_range(1..=self.bite));
        }
    }

    pub(super) async fn connect(&mut self, replicas: &[Replica; 2]) {
        self.reader.connect(&replicas[self.replica]).await;
    }
}

/// What a reader should show.
#[derive(Debug)]
pub(super) struct Expected {
    /// What is in the database; its live parts are those that may be shown.
    pub(super) client: Client,
    /// True where all of the live parts are to be shown, false where some may be missing.
    pub(super) all_live: bool,
}

/// In what a reader differs from what it should show; empty where it does not.
pub(super) fn difference(seen: &Client, expected: &Expected) -> String {
    let mut text = String::new();
    let wanted = &expected.client;
    if seen.messages != wanted.messages {
        let ids = |client: &Client| client.messages.keys().copied().collect::<Vec<_>>();
        let _ = writeln!(text, "messages {:?} and not {:?}", ids(seen), ids(wanted));
    }
    if seen.status != wanted.status {
        let _ = writeln!(text, "status {:?} and not {:?}", seen.status, wanted.status);
    }
    if seen.queue != wanted.queue {
        let _ = writeln!(text, "queue {:?} and not {:?}", seen.queue, wanted.queue);
    }
    if (&seen.error, &seen.retry) != (&wanted.error, &wanted.retry) {
        let _ = writeln!(text, "{:?} {:?} and not {:?} {:?}", seen.error, seen.retry, wanted.error, wanted.retry);
    }
    if seen.calls != wanted.calls {
        let _ = writeln!(text, "calls {:?} and not {:?}", seen.calls, wanted.calls);
    }
    let (shown, said) = (seen.live_text(), wanted.live_text());
    let is_live = if expected.all_live { seen.live.len() == wanted.live.len() } else { said.starts_with(&shown) };
    if !is_live {
        let _ = writeln!(text, "live {:?} {shown:?} and not {said:?}", seen.live_key());
    }
    text
}
