//! Statements.

/// A statement: one text for both engines, or one per engine where they truly differ.
/// Placeholders are `$1`, `$2`, ... on both.
#[derive(Clone, Copy, Debug)]
pub struct Sql {
    pub(crate) postgres: &'static str,
    pub(crate) sqlite: &'static str,
}

impl Sql {
    /// A statement that both engines understand and mean the same by.
    #[must_use]
    pub const fn portable(text: &'static str) -> Self {
        Self { postgres: text, sqlite: text }
    }

    /// A statement that the engines need in different words.
    #[must_use]
    pub const fn split(postgres: &'static str, sqlite: &'static str) -> Self {
        Self { postgres, sqlite }
    }

    /// True for a statement that cannot write: on SQLite it need not wait for the writer.
    pub(crate) fn only_reads(self) -> bool {
        self.sqlite.trim_start().as_bytes().get(..6).is_some_and(|word| word.eq_ignore_ascii_case(b"SELECT"))
    }
}

/// A `SELECT` that locks the row it finds until the transaction ends. On SQLite a transaction
/// is the only writer from its first statement, so the plain text locks already.
#[macro_export]
macro_rules! select_for_update {
    ($text:literal) => {
        $crate::Sql::split(concat!($text, " FOR UPDATE"), $text)
    };
}
