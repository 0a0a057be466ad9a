//! One line.

use std::borrow::Cow;

use chatmesh_core::{ExposeSecret as _, SecretString, Timestamp};
use chatmesh_proto::agent::v1::LogLevel;
use chatmesh_proto::provisioner::v1 as pb;

/// The longest line, in bytes.
const MAX_TEXT: usize = 8 * 1024;
/// Stands for the end of a line that was too long.
const CUT: &str = " [...]";

/// A line that waits.
#[derive(Debug)]
pub(super) struct Line {
    time: Timestamp,
    level: LogLevel,
    stage: &'static str,
    text: String,
    /// How many lines came after this one and were left out.
    pub(super) lost_after: u64,
}

impl Line {
    pub(super) fn new(time: Timestamp, level: LogLevel, stage: &'static str, text: &str) -> Self {
        Self { time, level, stage, text: cut(text), lost_after: 0 }
    }

    #[cfg(test)]
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// Puts the line into a batch whose first line has the number `first`, and what is to be said of those after it.
    pub(super) fn number(self, first: u64, batch: &mut Vec<pb::JobLogLine>) {
        let Self { time, level, stage, text, lost_after } = self;
        let mut put = |level: LogLevel, text| {
            let number = first + u64::try_from(batch.len()).unwrap_or(u64::MAX);
            let (time, level, stage) = (Some(time.into()), level.into(), stage.to_owned());
            batch.push(pb::JobLogLine { number, time, level, stage, text });
        };
        put(level, text);
        if lost_after > 0 {
            let s = if lost_after == 1 { " was" } else { "s were" };
            put(LogLevel::Error, format!("{lost_after} line{s} left out: they came faster than they could be sent"));
        }
    }
}

/// The text without the secrets.
pub(super) fn redacted<'a>(text: &'a str, secrets: &[SecretString]) -> Cow<'a, str> {
    let mut text = Cow::from(text);
    for secret in secrets.iter().map(|secret| secret.expose_secret()).filter(|secret| !secret.is_empty()) {
        if text.contains(secret) {
            text = text.replace(secret, "[token]").into();
        }
    }
    text
}

fn cut(text: &str) -> String {
    if text.len() <= MAX_TEXT {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(MAX_TEXT - CUT.len());
    text[..end].to_owned() + CUT
}
