//! Whether a client is still there.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// How many questions in a row may stay without an answer.
const PATIENCE: u32 = 2;

/// Signs of life of a client.
#[derive(Debug, Default)]
pub(super) struct Life {
    unanswered: AtomicU32,
    /// False while a message of the client waits for its receiver: nothing is read then, so that
    /// nothing can be heard.
    listening: AtomicBool,
}

impl Life {
    /// The client is listened to from here on.
    pub(super) fn listening(&self) {
        self.listening.store(true, Ordering::Relaxed);
    }

    /// Something came; what it says is dealt with before anything else is heard.
    pub(super) fn heard(&self) {
        self.unanswered.store(0, Ordering::Relaxed);
        self.listening.store(false, Ordering::Relaxed);
    }

    /// Counts a question to the client. False where it has not answered several, and could have.
    pub(super) fn ask(&self) -> bool {
        if !self.listening.load(Ordering::Relaxed) {
            return true;
        }
        self.unanswered.fetch_add(1, Ordering::Relaxed) < PATIENCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_gone_where_it_does_not_answer_though_it_is_listened_to() {
        let life = Life::default();
        assert!((0..10).all(|_| life.ask()), "nobody listens yet");
        life.listening();
        assert!(life.ask() && life.ask());
        assert!(!life.ask());
        life.heard();
        assert!((0..10).all(|_| life.ask()), "its last message is still dealt with");
        life.listening();
        assert!(life.ask() && life.ask());
        assert!(!life.ask());
    }
}
