//! Fresh databases on both engines for a test.

use chatmesh_db::{Db, DbConfig, Migrations, Sql};
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// Names a PostgreSQL server for tests: `postgres://user@host:port` of a role that may create databases.
const POSTGRES_VARIABLE: &str = "CHATMESH_TEST_POSTGRES";
/// Set where a missing server is a failure and not a reason to skip.
const REQUIRED_VARIABLE: &str = "CHATMESH_TEST_REQUIRE_BACKENDS";

/// A database of its own for one test; it goes with the test's process or directory.
#[derive(Debug)]
pub struct TestDb {
    /// `sqlite` or `postgres`.
    pub engine: &'static str,
    /// The database, its schema up to date.
    pub db: Db,
    _directory: Option<TempDir>,
}

/// A fresh database per engine: SQLite always, PostgreSQL where `CHATMESH_TEST_POSTGRES` names a
/// server. Says loudly where it skips one.
///
/// # Panics
/// A database cannot be made.
pub async fn databases(migrations: Migrations) -> Vec<TestDb> {
    let mut found = vec![sqlite(migrations).await];
    if let Some(server) = postgres_url() {
        found.push(postgres(&server, migrations).await);
    }
    found
}

/// Asks every engine whether it understands the statements of a store: what the compiler cannot check.
///
/// # Panics
/// One does not; the message names engine and statement.
pub async fn statements_are_valid(migrations: Migrations, statements: &[Sql]) {
    for database in databases(migrations).await {
        for statement in statements {
            let prepared = database.db.prepare(*statement).await;
            prepared.unwrap_or_else(|error| panic!("{}: {statement:?}: {error:?}", database.engine));
        }
    }
}

/// A fresh SQLite database in a directory of its own.
///
/// # Panics
/// It cannot be made.
pub async fn sqlite(migrations: Migrations) -> TestDb {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("test.db");
    let db = Db::open(&DbConfig::Sqlite { path }).await.expect("sqlite opens");
    migrations.apply(&db).await.expect("migrations apply to sqlite");
    TestDb { engine: "sqlite", db, _directory: Some(directory) }
}

async fn postgres(server: &str, migrations: Migrations) -> TestDb {
    let db = Db::open(&DbConfig::Postgres { url: fresh_database(server).await, max_connections: 8 }).await;
    let db = db.expect("postgres opens");
    migrations.apply(&db).await.expect("migrations apply to postgres");
    TestDb { engine: "postgres", db, _directory: None }
}

/// Creates a database with a name of its own on `server` and returns its url.
///
/// # Panics
/// The server refuses.
pub async fn fresh_database(server: &str) -> String {
    static ADMIN: OnceCell<Db> = OnceCell::const_new();
    let admin = ADMIN
        .get_or_init(async || {
            let url = format!("{server}/postgres");
            Db::open(&DbConfig::Postgres { url, max_connections: 2 }).await.expect("the test server answers")
        })
        .await;
    let name = format!("t_{}", chatmesh_core::IdSource::next(&chatmesh_core::SystemIds).simple());
    admin.create_database(&name).await.expect("a database is created");
    format!("{server}/{name}")
}

/// The test server, where one is named.
#[must_use]
pub fn server() -> Option<String> {
    variable(POSTGRES_VARIABLE)
}

/// The test server, where one is named. Says loudly where none is.
///
/// # Panics
/// One is required and not named.
#[must_use]
pub fn postgres_url() -> Option<String> {
    let url = server();
    if url.is_none() {
        report_skip("postgres", POSTGRES_VARIABLE);
    }
    url
}

#[expect(clippy::disallowed_methods, reason = "tests find their servers through the environment")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[expect(clippy::print_stderr, reason = "a skipped backend must be seen")]
pub(crate) fn report_skip(backend: &str, name: &str) {
    assert!(variable(REQUIRED_VARIABLE).is_none(), "{backend} is required and {name} is not set");
    eprintln!("SKIPPED: {backend} is not tested, {name} is not set");
}
