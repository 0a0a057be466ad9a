//! The statements that a PostgreSQL server has run, where it counts them.

use std::collections::HashMap;

use chatmesh_db::{Db, DbConfig, DbError, FromRow, Row, Sql, values};
use chatmesh_testkit::fresh_database;

const MAKE: Sql = Sql::portable("CREATE EXTENSION IF NOT EXISTS pg_stat_statements");
const READ: Sql = Sql::portable(
    "SELECT queryid, query, calls, total_exec_time FROM pg_stat_statements \
     JOIN pg_database ON pg_database.oid = dbid WHERE datname = $1 AND queryid IS NOT NULL",
);

/// How many characters of a statement are shown.
const BEGINNING: usize = 40;
const END: usize = 45;

/// A server's counts.
#[derive(Debug)]
pub(crate) struct Statements {
    db: Db,
}

/// How often a statement was run, and for how long.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub(crate) text: String,
    pub(crate) calls: i64,
    pub(crate) millis: f64,
    id: i64,
}

/// The counts of one moment, by database and statement: `COMMIT` is the same in all of them.
#[derive(Debug)]
pub(crate) struct Counts(HashMap<(String, i64), Statement>);

impl FromRow for Statement {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.get("queryid")?,
            text: row.get("query")?,
            calls: row.get("calls")?,
            millis: row.get("total_exec_time")?,
        })
    }
}

impl Statements {
    /// `None` for a server that does not count: it was started without the library.
    pub(crate) async fn of(server: &str) -> Option<Self> {
        let url = fresh_database(server).await;
        let db = Db::open(&DbConfig::Postgres { url, max_connections: 1 }).await.ok()?;
        db.execute(MAKE, Vec::new()).await.ok()?;
        let statements = Self { db };
        statements.counts_of("postgres").await.ok()?;
        Some(statements)
    }

    /// The counts of these databases so far.
    pub(crate) async fn now(&self, databases: &[String]) -> anyhow::Result<Counts> {
        let mut counts = HashMap::new();
        for database in databases {
            let found = self.counts_of(database).await?.into_iter();
            counts.extend(found.map(|statement| ((database.clone(), statement.id), statement)));
        }
        Ok(Counts(counts))
    }

    async fn counts_of(&self, database: &str) -> Result<Vec<Statement>, DbError> {
        self.db.fetch_all(READ, values![database]).await
    }
}

impl Counts {
    /// What was run since `earlier`, the most frequent first.
    pub(crate) fn since(&self, earlier: &Self) -> Vec<Statement> {
        let mut run: Vec<Statement> = self.0.iter().filter_map(|(key, now)| now.since(earlier.0.get(key))).collect();
        run.sort_by_key(|statement| std::cmp::Reverse(statement.calls));
        run
    }
}

impl Statement {
    fn since(&self, earlier: Option<&Self>) -> Option<Self> {
        let (calls, millis) = earlier.map_or((0, 0.0), |earlier| (earlier.calls, earlier.millis));
        let run = Self { calls: self.calls - calls, millis: self.millis - millis, ..self.clone() };
        (run.calls > 0).then_some(run)
    }

    /// How it begins and how it ends.
    pub(crate) fn outline(&self) -> String {
        let words: Vec<&str> = self.text.split_whitespace().collect();
        let text: Vec<char> = words.join(" ").chars().collect();
        if text.len() <= BEGINNING + END {
            return text.into_iter().collect();
        }
        let (beginning, end) = (&text[..BEGINNING], &text[text.len() - END..]);
        format!("{} … {}", beginning.iter().collect::<String>(), end.iter().collect::<String>())
    }
}
