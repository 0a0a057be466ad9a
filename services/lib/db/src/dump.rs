//! Everything that a database holds, as text: for tests that something did not change.

use sqlx::AssertSqlSafe;

use crate::connect::Pools;
use crate::{Db, DbError};

const SQLITE_TABLES: &str =
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
const POSTGRES_TABLES: &str = "SELECT table_name::text FROM information_schema.tables \
                               WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' ORDER BY 1";

impl Db {
    /// Returns every row of every table as one line each, `TABLE: ROW`, in order. For tests.
    ///
    /// # Errors
    /// Whatever the database says.
    #[doc(hidden)]
    pub async fn dump(&self) -> Result<Vec<String>, DbError> {
        let tables: Vec<String> = match &self.0 {
            Pools::Postgres(pool) => sqlx::query_scalar(POSTGRES_TABLES).fetch_all(pool).await?,
            Pools::Sqlite { read, .. } => sqlx::query_scalar(SQLITE_TABLES).fetch_all(read).await?,
        };
        let mut lines = Vec::new();
        for table in tables {
            let mut rows = self.dump_table(&table).await?;
            rows.sort_unstable();
            lines.extend(rows.into_iter().map(|row| format!("{table}: {row}")));
        }
        Ok(lines)
    }

    async fn dump_table(&self, table: &str) -> Result<Vec<String>, DbError> {
        Ok(match &self.0 {
            Pools::Postgres(pool) => {
                let sql = AssertSqlSafe(format!("SELECT to_jsonb(t)::text FROM \"{table}\" t"));
                sqlx::query_scalar(sql).fetch_all(pool).await?
            }
            Pools::Sqlite { read, .. } => {
                let columns: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info($1) ORDER BY cid")
                    .bind(table)
                    .fetch_all(read)
                    .await?;
                let columns = columns.iter().map(|column| format!("'{column}=' || quote(\"{column}\")"));
                let columns = columns.collect::<Vec<_>>().join(" || ' ' || ");
                let sql = AssertSqlSafe(format!("SELECT {columns} FROM \"{table}\""));
                sqlx::query_scalar(sql).fetch_all(read).await?
            }
        })
    }
}
