//! Connections: which engine, how many, and the statements that need no transaction.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Executor as _, Postgres, SqlSafeStr, Transaction};

use crate::row::EngineRow;
use crate::{DbError, FromRow, Row, Sql, Tx, Value};

/// How long a caller waits for a free connection before the database counts as unavailable.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// No statement and no lock waits for ever, and a client that vanished in a transaction does not
/// keep its locks: not for as long as others wait for them.
const POSTGRES_LIMITS: [(&str, &str); 4] = [
    ("statement_timeout", "30s"),
    ("lock_timeout", "10s"),
    ("idle_in_transaction_session_timeout", "8s"),
    ("tcp_user_timeout", "20000"),
];

const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Begins a transaction in a task of its own. Of a caller that goes away while the server begins one, the driver
/// does not know that there is a transaction: the connection would go back to the pool in the middle of it, and
/// whoever took it next would work in a transaction that nobody commits.
#[expect(clippy::disallowed_methods, reason = "one statement long, and bounded by the limits of the connection")]
async fn begin(pool: &PgPool, statement: Option<&'static str>) -> Result<Transaction<'static, Postgres>, DbError> {
    let connection = pool.acquire().await?;
    let begun = tokio::spawn(Transaction::begin(connection, statement.map(SqlSafeStr::into_sql_str)));
    match begun.await {
        Ok(begun) => Ok(begun?),
        // The runtime ends.
        Err(_) => Err(DbError::Unavailable(sqlx::Error::WorkerCrashed)),
    }
}

/// Which database to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DbConfig {
    /// A PostgreSQL server, and the most connections to hold.
    Postgres {
        /// `postgres://user:password@host/database`.
        url: String,
        /// At least 1.
        max_connections: u32,
    },
    /// A file, made where it is missing.
    Sqlite {
        /// The file.
        path: PathBuf,
    },
}

/// Which engine a handle talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// PostgreSQL.
    Postgres,
    /// SQLite.
    Sqlite,
}

/// A handle to a database; clones share its connections.
#[derive(Clone, Debug)]
pub struct Db(pub(crate) Pools);

#[derive(Clone, Debug)]
pub(crate) enum Pools {
    Postgres(PgPool),
    /// One connection writes, the others read: SQLite has one writer at a time anyway, and
    /// queueing for it in the pool is fair, while queueing in the engine is not.
    Sqlite {
        write: SqlitePool,
        read: SqlitePool,
    },
}

impl Db {
    /// Opens a database.
    ///
    /// # Errors
    /// The configuration makes no sense, or the database cannot be reached.
    pub async fn open(config: &DbConfig) -> Result<Self, DbError> {
        match config {
            DbConfig::Postgres { url, max_connections } => {
                let options = PgConnectOptions::from_str(url)?.options(POSTGRES_LIMITS);
                let pool = PgPoolOptions::new()
                    .max_connections(*max_connections)
                    .acquire_timeout(ACQUIRE_TIMEOUT)
                    .connect_with(options)
                    .await?;
                Ok(Self(Pools::Postgres(pool)))
            }
            DbConfig::Sqlite { path } => open_sqlite(path).await,
        }
    }

    /// Which engine this is.
    #[must_use]
    pub fn engine(&self) -> Engine {
        match self.0 {
            Pools::Postgres(_) => Engine::Postgres,
            Pools::Sqlite { .. } => Engine::Sqlite,
        }
    }

    /// Begins a transaction that may write. On SQLite it is the only writer from here on.
    ///
    /// # Errors
    /// No connection in time.
    pub async fn begin(&self) -> Result<Tx, DbError> {
        Ok(match &self.0 {
            Pools::Postgres(pool) => Tx::postgres(begin(pool, None).await?),
            Pools::Sqlite { write, .. } => Tx::sqlite(write.begin_with("BEGIN IMMEDIATE").await?),
        })
    }

    /// Begins a transaction that reads one moment of the database and must not write.
    ///
    /// # Errors
    /// No connection in time.
    pub async fn begin_read(&self) -> Result<Tx, DbError> {
        Ok(match &self.0 {
            Pools::Postgres(pool) => Tx::postgres(begin(pool, Some(BEGIN_READ)).await?),
            Pools::Sqlite { read, .. } => Tx::sqlite(read.begin_with("BEGIN").await?),
        })
    }

    /// Runs a statement and returns how many rows it changed.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn execute(&self, sql: Sql, values: Vec<Value>) -> Result<u64, DbError> {
        Ok(match &self.0 {
            Pools::Postgres(pool) => bind!(sqlx::query(sql.postgres), values).execute(pool).await?.rows_affected(),
            Pools::Sqlite { write, .. } => bind!(sqlx::query(sql.sqlite), values).execute(write).await?.rows_affected(),
        })
    }

    /// Runs a statement and decodes its row, where there is one.
    ///
    /// # Errors
    /// Whatever the database says, or the row does not decode.
    pub async fn fetch_optional<R: FromRow>(&self, sql: Sql, values: Vec<Value>) -> Result<Option<R>, DbError> {
        let row = match &self.0 {
            Pools::Postgres(pool) => {
                bind!(sqlx::query(sql.postgres), values).fetch_optional(pool).await?.map(EngineRow::Postgres)
            }
            Pools::Sqlite { write, read } => {
                let pool = if sql.only_reads() { read } else { write };
                bind!(sqlx::query(sql.sqlite), values).fetch_optional(pool).await?.map(EngineRow::Sqlite)
            }
        };
        row.map(|row| R::from_row(&Row(row))).transpose()
    }

    /// Runs a statement and decodes its rows.
    ///
    /// # Errors
    /// Whatever the database says, or a row does not decode.
    pub async fn fetch_all<R: FromRow>(&self, sql: Sql, values: Vec<Value>) -> Result<Vec<R>, DbError> {
        match &self.0 {
            Pools::Postgres(pool) => {
                let rows = bind!(sqlx::query(sql.postgres), values).fetch_all(pool).await?;
                rows.into_iter().map(|row| R::from_row(&Row(EngineRow::Postgres(row)))).collect()
            }
            Pools::Sqlite { write, read } => {
                let pool = if sql.only_reads() { read } else { write };
                let rows = bind!(sqlx::query(sql.sqlite), values).fetch_all(pool).await?;
                rows.into_iter().map(|row| R::from_row(&Row(EngineRow::Sqlite(row)))).collect()
            }
        }
    }

    /// Asks the engine to parse a statement against the schema without running it.
    ///
    /// # Errors
    /// The statement is not valid for this engine and schema.
    pub async fn prepare(&self, sql: Sql) -> Result<(), DbError> {
        match &self.0 {
            Pools::Postgres(pool) => drop(pool.prepare(sql.postgres.into_sql_str()).await?),
            Pools::Sqlite { read, .. } => drop(read.prepare(sql.sqlite.into_sql_str()).await?),
        }
        Ok(())
    }

    /// Creates a database on the same server, for tests. Only PostgreSQL has servers.
    ///
    /// # Errors
    /// The name is not a word, or the server refuses.
    #[doc(hidden)]
    pub async fn create_database(&self, name: &str) -> Result<(), DbError> {
        let word = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        match &self.0 {
            Pools::Postgres(pool) if word => {
                let sql = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
                sqlx::query(sql).execute(pool).await?;
                Ok(())
            }
            _ => Err(DbError::Schema(format!("cannot create a database named `{name}`"))),
        }
    }

    /// Answers where the database does.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), DbError> {
        self.execute(Sql::portable("SELECT 1"), Vec::new()).await.map(drop)
    }

    /// Closes the connections after their statements have ended.
    pub async fn close(&self) {
        match &self.0 {
            Pools::Postgres(pool) => pool.close().await,
            Pools::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
        }
    }
}

async fn open_sqlite(path: &Path) -> Result<Db, DbError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5));
    let pool = |connections| {
        SqlitePoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
    };
    let write = pool(1).connect_with(options.clone()).await?;
    let read = pool(4).connect_with(options).await?;
    Ok(Db(Pools::Sqlite { write, read }))
}
