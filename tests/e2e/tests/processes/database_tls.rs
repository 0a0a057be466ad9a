//! A database that is reached over TLS only.

use crate::harness::{LONG, Postgres, Process, Servers, command};

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_demands_tls_gets_it_and_has_to_prove_who_it_is() {
    if Servers::find().is_none() {
        return;
    }
    let postgres = Postgres::start().await;
    let authority = postgres.demand_tls().await;
    let directory = tempfile::tempdir().expect("a directory");
    let migrate = async |name: &str, query: &str| {
        let mut migrate = command("chatmesh");
        let url = format!("{}/postgres?{query}", postgres.url());
        migrate.args(["migrate", "identity"]).env("CHATMESH_DATABASE__URL", url);
        let mut migrate = Process::start(name, migrate, directory.path());
        (migrate.ended(LONG).await.success(), migrate.output())
    };
    let (done, said) = migrate("plain", "sslmode=disable").await;
    assert!(!done && said.contains("pg_hba.conf"), "{said}");
    let (done, said) = migrate("stranger", "sslmode=verify-full").await;
    assert!(!done && said.to_lowercase().contains("certificate"), "{said}");
    let (done, said) = migrate("trusted", &format!("sslmode=verify-full&sslrootcert={}", authority.display())).await;
    assert!(done, "{said}");
    let (done, said) = migrate("encrypted", "sslmode=require").await;
    assert!(done, "{said}");
}
