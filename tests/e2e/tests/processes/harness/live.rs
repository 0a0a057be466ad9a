//! The live parts of one answer, put together as a client does that shows them.

use std::collections::BTreeMap;

use serde_json::Value;

/// An answer as far as it was shown live.
#[derive(Debug, Default)]
pub(crate) struct Live {
    /// `history_version` and `generation_attempt`.
    episode: (u64, u64),
    seq: u64,
    /// By index within the message.
    pieces: BTreeMap<u64, Piece>,
}

#[derive(Debug, Default, PartialEq)]
struct Piece {
    text: String,
    reasoning: String,
    /// The arguments as they were written, and the whole call.
    args: String,
    call: Option<Value>,
}

impl Live {
    /// Adds a part.
    ///
    /// # Panics
    /// It is not the next one.
    pub(crate) fn push(&mut self, part: &Value) {
        let number = |field: &str| part[field].as_u64().unwrap_or_default();
        let episode = (number("history_version"), number("generation_attempt"));
        if episode != self.episode {
            assert!(episode > self.episode, "{part} comes after {:?}", self.episode);
            *self = Self { episode, ..Self::default() };
        }
        assert_eq!(number("seq"), self.seq + 1, "parts are numbered without a gap: {part}");
        self.seq += 1;
        if part["role"] == "ROLE_ASSISTANT" {
            self.pieces.entry(number("index")).or_default().add(&part["part"]);
        }
    }

    /// The texts, as one.
    pub(crate) fn text(&self) -> String {
        self.pieces.values().map(|piece| piece.text.as_str()).collect()
    }

    /// Checks that the committed message is what was shown.
    pub(crate) fn check(&self, message: &Value) {
        if self.seq == 0 {
            return;
        }
        let mut committed = Self::default();
        for (index, part) in (0..).zip(message["content"].as_array().expect("content")) {
            committed.pieces.entry(index).or_default().add(part);
        }
        let shown: Vec<&Piece> = self.pieces.values().filter(|piece| piece.is_whole()).collect();
        let committed: Vec<&Piece> = committed.pieces.values().collect();
        assert_eq!(shown, committed, "what was shown live is what is committed");
    }
}

impl Piece {
    fn add(&mut self, part: &Value) {
        self.text.push_str(part["text"].as_str().unwrap_or_default());
        self.reasoning.push_str(part["reasoning"]["text"].as_str().unwrap_or_default());
        let call = &part["tool_call"];
        self.args.push_str(call["args_delta"].as_str().unwrap_or_default());
        if let Some(args) = call["args"].as_str() {
            if !self.args.is_empty() {
                assert_eq!(self.args, args, "the pieces of the arguments make the whole");
            }
            args.clone_into(&mut self.args);
            self.call = Some(call.clone());
        }
    }

    /// A call that was cut off is not kept.
    fn is_whole(&self) -> bool {
        self.call.is_some() || !self.text.is_empty() || !self.reasoning.is_empty()
    }
}
