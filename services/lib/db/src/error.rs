//! What can go wrong with a database, as callers decide by it.

/// A database operation failed.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// A row with the same unique key exists.
    #[error("a row with the same key exists")]
    Unique(#[source] sqlx::Error),
    /// The database cannot be reached, or has no connection free in time. The same call may succeed later.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// A parameter is a text that the engine cannot hold, such as one with NUL on PostgreSQL.
    #[error("a text contains characters that cannot be stored")]
    Text(#[source] sqlx::Error),
    /// A column holds what its type does not allow.
    #[error("column {column} holds an invalid value")]
    Inconsistent {
        /// The column.
        column: String,
        /// Why the value is not allowed.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The schema cannot be brought, or is not, up to date.
    #[error("the schema is not up to date: {0}")]
    Schema(String),
    /// Anything else.
    #[error("database error")]
    Driver(#[source] sqlx::Error),
}

impl DbError {
    /// A column holds what its type does not allow.
    pub fn inconsistent(
        column: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Inconsistent { column: column.into(), source: source.into() }
    }

    /// True where a row with the same unique key exists.
    #[must_use]
    pub fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Unique(_))
    }
}

/// SQLSTATE classes of PostgreSQL that mean "not now": connection trouble, a transaction that lost against another
/// one (deadlock), too many connections or a full disk, operator intervention (shutdown, crash recovery).
const UNAVAILABLE_CLASSES: [&str; 4] = ["08", "40", "53", "57"];

/// Waiting for a lock, or in a transaction, took longer than it may.
const TIMEOUTS_IN_POSTGRES: [&str; 2] = ["55P03", "25P03"];

/// What SQLite says of a database that is locked or whose disk is full: BUSY, LOCKED and their kinds, FULL.
const UNAVAILABLE_IN_SQLITE: [&str; 7] = ["5", "6", "13", "261", "262", "517", "773"];

/// SQLSTATE of PostgreSQL for a text with NUL or broken UTF-8.
const CHARACTER_NOT_IN_REPERTOIRE: &str = "22021";

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) if database.is_unique_violation() => Self::Unique(error),
            sqlx::Error::Database(database)
                if database.code().is_some_and(|code| code == CHARACTER_NOT_IN_REPERTOIRE) =>
            {
                Self::Text(error)
            }
            sqlx::Error::Database(database) if database.code().is_some_and(|code| means_not_now(&code)) => {
                Self::Unavailable(error)
            }
            // A connection that was cut in the middle of an answer shows up as a broken protocol, too.
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::BeginFailed
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            _ => Self::Driver(error),
        }
    }
}

fn means_not_now(code: &str) -> bool {
    match code.len() {
        // Only SQLSTATE has five characters.
        5 => TIMEOUTS_IN_POSTGRES.contains(&code) || UNAVAILABLE_CLASSES.iter().any(|class| code.starts_with(class)),
        _ => UNAVAILABLE_IN_SQLITE.contains(&code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_succeed_later_is_told_from_what_is_wrong() {
        for code in ["08006", "40001", "40P01", "53300", "57P01", "55P03", "25P03", "5", "517", "13"] {
            assert!(means_not_now(code), "{code}");
        }
        for code in ["23505", "22021", "42P01", "57", "53", "1", "19", "2067", ""] {
            assert!(!means_not_now(code), "{code}");
        }
    }
}
