//! Transactions. One that is dropped without a commit is rolled back.

use sqlx::{Postgres, Sqlite, Transaction};

use crate::row::EngineRow;
use crate::{DbError, FromRow, Row, Sql, Value};

/// A transaction on either engine.
#[derive(Debug)]
pub struct Tx(EngineTx);

#[derive(Debug)]
enum EngineTx {
    Postgres(Transaction<'static, Postgres>),
    Sqlite(Transaction<'static, Sqlite>),
}

impl Tx {
    pub(crate) fn postgres(tx: Transaction<'static, Postgres>) -> Self {
        Self(EngineTx::Postgres(tx))
    }

    pub(crate) fn sqlite(tx: Transaction<'static, Sqlite>) -> Self {
        Self(EngineTx::Sqlite(tx))
    }

    /// Runs a statement and returns how many rows it changed.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn execute(&mut self, sql: Sql, values: Vec<Value>) -> Result<u64, DbError> {
        Ok(match &mut self.0 {
            EngineTx::Postgres(tx) => {
                bind!(sqlx::query(sql.postgres), values).execute(&mut **tx).await?.rows_affected()
            }
            EngineTx::Sqlite(tx) => bind!(sqlx::query(sql.sqlite), values).execute(&mut **tx).await?.rows_affected(),
        })
    }

    /// Runs a statement and decodes its row, where there is one.
    ///
    /// # Errors
    /// Whatever the database says, or the row does not decode.
    pub async fn fetch_optional<R: FromRow>(&mut self, sql: Sql, values: Vec<Value>) -> Result<Option<R>, DbError> {
        let row = match &mut self.0 {
            EngineTx::Postgres(tx) => {
                bind!(sqlx::query(sql.postgres), values).fetch_optional(&mut **tx).await?.map(EngineRow::Postgres)
            }
            EngineTx::Sqlite(tx) => {
                bind!(sqlx::query(sql.sqlite), values).fetch_optional(&mut **tx).await?.map(EngineRow::Sqlite)
            }
        };
        row.map(|row| R::from_row(&Row(row))).transpose()
    }

    /// Runs a statement and decodes its rows.
    ///
    /// # Errors
    /// Whatever the database says, or a row does not decode.
    pub async fn fetch_all<R: FromRow>(&mut self, sql: Sql, values: Vec<Value>) -> Result<Vec<R>, DbError> {
        match &mut self.0 {
            EngineTx::Postgres(tx) => {
                let rows = bind!(sqlx::query(sql.postgres), values).fetch_all(&mut **tx).await?;
                rows.into_iter().map(|row| R::from_row(&Row(EngineRow::Postgres(row)))).collect()
            }
            EngineTx::Sqlite(tx) => {
                let rows = bind!(sqlx::query(sql.sqlite), values).fetch_all(&mut **tx).await?;
                rows.into_iter().map(|row| R::from_row(&Row(EngineRow::Sqlite(row)))).collect()
            }
        }
    }

    /// Makes the changes durable.
    ///
    /// # Errors
    /// The database did not confirm; whether it has the changes is not known where the
    /// connection broke.
    pub async fn commit(self) -> Result<(), DbError> {
        match self.0 {
            EngineTx::Postgres(tx) => Ok(tx.commit().await?),
            EngineTx::Sqlite(tx) => Ok(tx.commit().await?),
        }
    }
}
