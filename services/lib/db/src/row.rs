//! What crosses the SQL boundary on the way out.

use chatmesh_core::Uuid;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Postgres, Row as _, Sqlite, Type};

use crate::DbError;

/// One row of either engine, read by column name.
#[derive(Debug)]
pub struct Row(pub(crate) EngineRow);

pub(crate) enum EngineRow {
    Postgres(PgRow),
    Sqlite(SqliteRow),
}

impl std::fmt::Debug for EngineRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EngineRow")
    }
}

/// A type that both engines store: the scalars of [`crate::Value`] and their options.
pub trait Column: for<'d> Decode<'d, Postgres> + Type<Postgres> + for<'d> Decode<'d, Sqlite> + Type<Sqlite> {}

impl<T> Column for T where T: for<'d> Decode<'d, Postgres> + Type<Postgres> + for<'d> Decode<'d, Sqlite> + Type<Sqlite> {}

impl Row {
    /// Reads a column.
    ///
    /// # Errors
    /// The column is missing or holds another type.
    pub fn get<T: Column>(&self, column: &str) -> Result<T, DbError> {
        let value = match &self.0 {
            EngineRow::Postgres(row) => row.try_get(column),
            EngineRow::Sqlite(row) => row.try_get(column),
        };
        value.map_err(DbError::from)
    }

    /// Reads a typed id.
    ///
    /// # Errors
    /// As [`Row::get`].
    pub fn id<I: From<Uuid>>(&self, column: &str) -> Result<I, DbError> {
        self.get::<Uuid>(column).map(I::from)
    }

    /// Reads a typed id that may be absent.
    ///
    /// # Errors
    /// As [`Row::get`].
    pub fn id_or_null<I: From<Uuid>>(&self, column: &str) -> Result<Option<I>, DbError> {
        Ok(self.get::<Option<Uuid>>(column)?.map(I::from))
    }

    /// Reads a number that fits 32 bits.
    ///
    /// # Errors
    /// As [`Row::get`], or the number does not fit.
    pub fn u32(&self, column: &str) -> Result<u32, DbError> {
        self.parse::<i64, u32>(column)
    }

    /// Reads a number that fits 32 bits and may be absent.
    ///
    /// # Errors
    /// As [`Row::u32`].
    pub fn u32_or_null(&self, column: &str) -> Result<Option<u32>, DbError> {
        let value = self.get::<Option<i64>>(column)?;
        value.map(|value| u32::try_from(value).map_err(|source| DbError::inconsistent(column, source))).transpose()
    }

    /// Reads a column that Rust narrows further: an enum stored as text, a bounded number.
    ///
    /// # Errors
    /// As [`Row::get`], or the value is outside of what `U` allows.
    pub fn parse<T: Column, U: TryFrom<T>>(&self, column: &str) -> Result<U, DbError>
    where
        U::Error: std::error::Error + Send + Sync + 'static,
    {
        U::try_from(self.get::<T>(column)?).map_err(|source| DbError::inconsistent(column, source))
    }
}

/// Decodes a domain type from a row.
pub trait FromRow: Sized + Send {
    /// Reads the columns that make up the type.
    ///
    /// # Errors
    /// A column is missing, or holds what the type does not allow.
    fn from_row(row: &Row) -> Result<Self, DbError>;
}
