//! Migrations: numbered files per engine, carried in the binary.

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration as SqlxMigration, MigrationType, Migrator};

use crate::connect::Pools;
use crate::{Db, DbError};

/// One step of a schema.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// 1, 2, 3, ... within the service.
    pub version: i64,
    /// The file's name.
    pub name: &'static str,
    /// The text for PostgreSQL.
    pub postgres: &'static str,
    /// The text for SQLite.
    pub sqlite: &'static str,
}

/// The schema of one service. Each service keeps its own record of what was applied, so that
/// several services may share a database.
#[derive(Debug, Clone, Copy)]
pub struct Migrations {
    /// The service.
    pub service: &'static str,
    /// The steps, in order.
    pub steps: &'static [Migration],
}

/// Names the migrations of a service: `migrations!("chat", [1 => "0001_chats"])` carries
/// `migrations/{postgres,sqlite}/chat/0001_chats.sql` of the workspace.
#[macro_export]
macro_rules! migrations {
    ($service:literal, [$($version:literal => $name:literal),* $(,)?]) => {
        $crate::Migrations {
            service: $service,
            steps: &[$($crate::Migration {
                version: $version,
                name: $name,
                postgres: include_str!(concat!(
                    env!("CARGO_MANIFEST_DIR"), "/../../migrations/postgres/", $service, "/", $name, ".sql"
                )),
                sqlite: include_str!(concat!(
                    env!("CARGO_MANIFEST_DIR"), "/../../migrations/sqlite/", $service, "/", $name, ".sql"
                )),
            }),*],
        }
    };
}

impl Migrations {
    /// Applies what is missing. Safe to call from several processes at once.
    ///
    /// # Errors
    /// A step fails, or an applied step differs from the one that this binary carries.
    pub async fn apply(&self, db: &Db) -> Result<(), DbError> {
        let result = match &db.0 {
            Pools::Postgres(pool) => self.migrator(|step| step.postgres).run(pool).await,
            Pools::Sqlite { write, .. } => self.migrator(|step| step.sqlite).run(write).await,
        };
        result.map_err(|error| DbError::Schema(format!("{}: {error}", self.service)))
    }

    fn migrator(&self, text: impl Fn(&Migration) -> &'static str) -> Migrator {
        let steps = self.steps.iter().map(|step| {
            let sql = text(step).into_sql_str();
            SqlxMigration::new(step.version, step.name.into(), MigrationType::Simple, sql, false)
        });
        let mut migrator = Migrator::with_migrations(steps.collect());
        migrator.dangerous_set_table_name(format!("{}_migrations", self.service));
        migrator
    }
}
