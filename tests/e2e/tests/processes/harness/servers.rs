//! What a cluster does not bring itself: a database server and a bus.

mod nats;
mod postgres;

use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_db::{Db, DbConfig};
use chatmesh_testkit::{nats_url, postgres_url};

pub(crate) use nats::Nats;
pub(crate) use postgres::Postgres;

/// Where the servers are.
#[derive(Debug, Clone)]
pub(crate) struct Servers {
    pub(super) postgres: String,
    pub(super) nats: String,
}

impl Servers {
    /// The servers for tests, where they are named. Says loudly where one is not.
    pub(crate) fn find() -> Option<Self> {
        Some(Self { postgres: postgres_url()?, nats: nats_url()? })
    }

    /// The same with a database server of the test's own.
    pub(crate) fn with_postgres(self, postgres: &Postgres) -> Self {
        Self { postgres: postgres.url(), ..self }
    }

    /// The same with a bus of the test's own.
    pub(crate) fn with_nats(self, nats: &Nats) -> Self {
        Self { nats: nats.url(), ..self }
    }

    /// Creates a database and returns its url.
    pub(super) async fn create_database(&self) -> String {
        let admin = open(&format!("{}/postgres", self.postgres)).await;
        let name = format!("t_{}", SystemIds.next().simple());
        admin.create_database(&name).await.expect("a database is created");
        admin.close().await;
        format!("{}/{name}", self.postgres)
    }
}

/// Opens a database for a look into it.
pub(crate) async fn open(url: &str) -> Db {
    let config = DbConfig::Postgres { url: url.to_owned(), max_connections: 2 };
    Db::open(&config).await.expect("the database opens")
}
