//! Names on the bus.

use std::fmt::{self, Display};

/// Where a hint is published: dot-separated words, the last of them often an identifier.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject(String);

impl Subject {
    /// The subject of `topic` as a whole.
    #[must_use]
    pub fn topic(topic: &str) -> Self {
        Self(topic.to_owned())
    }

    /// The subject of one thing under `topic`.
    #[must_use]
    pub fn of(topic: &str, id: impl Display) -> Self {
        Self(format!("{topic}.{id}"))
    }

    /// The words as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last word.
    #[must_use]
    pub fn last_word(&self) -> &str {
        self.0.rsplit('.').next().unwrap_or_default()
    }
}

impl Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which subjects to hear: one, or all things under a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter(String);

impl Filter {
    /// Exactly this subject.
    #[must_use]
    pub fn only(subject: &Subject) -> Self {
        Self(subject.0.clone())
    }

    /// Every subject with one more word than `topic`.
    #[must_use]
    pub fn under(topic: &str) -> Self {
        Self(format!("{topic}.*"))
    }

    /// The filters that `subject` passes.
    pub(crate) fn all_matching(subject: &Subject) -> impl Iterator<Item = Self> {
        let topic = subject.0.rsplit_once('.').map(|(topic, _)| Self::under(topic));
        std::iter::once(Self::only(subject)).chain(topic)
    }

    /// The filter in the language of NATS.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// True where `subject` passes.
    #[must_use]
    pub fn matches(&self, subject: &Subject) -> bool {
        match self.0.strip_suffix(".*") {
            Some(topic) => subject
                .0
                .strip_prefix(topic)
                .and_then(|rest| rest.strip_prefix('.'))
                .is_some_and(|word| !word.is_empty() && !word.contains('.')),
            None => self.0 == subject.0,
        }
    }
}
