//! The schemas of the two engines say the same.

use chatmesh_db::{DbError, FromRow, Migrations, Row, Sql};
use chatmesh_testkit::databases;

const SERVICES: [Migrations; 6] = [
    chatmesh_chat::MIGRATIONS,
    chatmesh_identity::MIGRATIONS,
    chatmesh_llm::MIGRATIONS,
    chatmesh_relay::MIGRATIONS,
    chatmesh_tools::MIGRATIONS,
    chatmesh_workspaces::MIGRATIONS,
];

/// Each column of each table, in order, with its type in the words of SQLite.
const COLUMNS: Sql = Sql::split(
    "SELECT table_name::text AS owner, column_name::text AS name, is_nullable = 'YES' AS flag, \
     CASE data_type WHEN 'uuid' THEN 'BLOB' WHEN 'bytea' THEN 'BLOB' WHEN 'text' THEN 'TEXT' \
     WHEN 'timestamp with time zone' THEN 'TEXT' WHEN 'bigint' THEN 'INTEGER' WHEN 'boolean' THEN 'INTEGER' \
     ELSE data_type::text END AS kind \
     FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '%\\_migrations' \
     ORDER BY table_name COLLATE \"C\", ordinal_position",
    "SELECT tables.name AS owner, columns.name AS name, columns.\"notnull\" = 0 AND columns.pk = 0 AS flag, \
     columns.type AS kind FROM sqlite_schema AS tables JOIN pragma_table_info(tables.name) AS columns \
     WHERE tables.type = 'table' AND tables.name NOT LIKE '%\\_migrations' ESCAPE '\\' \
     AND tables.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY tables.name, columns.cid",
);

/// Each index that was created by name, and whether it is unique.
const INDEXES: Sql = Sql::split(
    "SELECT tables.relname::text AS owner, indexes.relname::text AS name, indisunique AS flag, \
     CASE WHEN indpred IS NULL THEN 'whole' ELSE 'partial' END AS kind FROM pg_index \
     JOIN pg_class AS tables ON tables.oid = indrelid JOIN pg_class AS indexes ON indexes.oid = indexrelid \
     JOIN pg_namespace ON pg_namespace.oid = tables.relnamespace AND nspname = 'public' \
     WHERE NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u')) \
     ORDER BY tables.relname COLLATE \"C\", indexes.relname COLLATE \"C\"",
    "SELECT tables.name AS owner, indexes.name AS name, indexes.\"unique\" AS flag, \
     CASE WHEN indexes.partial THEN 'partial' ELSE 'whole' END AS kind FROM sqlite_schema AS tables \
     JOIN pragma_index_list(tables.name) AS indexes WHERE tables.type = 'table' AND indexes.origin = 'c' \
     ORDER BY tables.name, indexes.name",
);

/// A column or an index.
#[derive(Debug, PartialEq, Eq)]
struct Thing {
    owner: String,
    name: String,
    /// That a column may be null, or that an index is unique.
    flag: bool,
    kind: String,
}

impl FromRow for Thing {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self { owner: row.get("owner")?, name: row.get("name")?, flag: row.get("flag")?, kind: row.get("kind")? })
    }
}

/// Reads `what` on every engine and compares.
async fn compare(what: Sql, at_least: usize) {
    for service in SERVICES {
        let mut schemas: Vec<(&str, Vec<Thing>)> = Vec::new();
        for database in databases(service).await {
            let things = database.db.fetch_all(what, Vec::new()).await.expect("the schema is read");
            assert!(things.len() >= at_least, "{}: {}: {things:?}", service.service, database.engine);
            schemas.push((database.engine, things));
        }
        let (engine, first) = schemas.remove(0);
        for (other, things) in schemas {
            let differs = first.iter().zip(&things).find(|(one, two)| one != two);
            assert_eq!(differs, None, "{}: {engine} and {other}", service.service);
            assert_eq!(first.len(), things.len(), "{}: {engine} and {other}", service.service);
        }
    }
}

#[tokio::test]
async fn both_engines_have_the_same_columns_in_the_same_order() {
    compare(COLUMNS, 4).await;
}

#[tokio::test]
async fn both_engines_have_the_same_indexes() {
    compare(INDEXES, 0).await;
}

#[test]
fn every_step_of_a_schema_is_there_for_both_engines_and_in_order() {
    for service in SERVICES {
        let versions: Vec<_> = service.steps.iter().map(|step| step.version).collect();
        assert_eq!(versions, (1..).take(versions.len()).collect::<Vec<i64>>(), "{}", service.service);
        for step in service.steps {
            assert!(step.name.starts_with(&format!("{:04}_", step.version)), "{}: {}", service.service, step.name);
            assert!(!step.postgres.trim().is_empty() && !step.sqlite.trim().is_empty(), "{}", step.name);
        }
    }
}

#[tokio::test]
async fn a_schema_may_be_applied_again_and_beside_the_others() {
    for database in databases(SERVICES[0]).await {
        for service in SERVICES.iter().chain(&SERVICES) {
            let applied = service.apply(&database.db).await;
            applied.unwrap_or_else(|error| panic!("{}: {}: {error:?}", database.engine, service.service));
        }
    }
}

/// A row that goes with another one is found by an index: else each deletion reads the whole table, in a transaction.
#[tokio::test]
async fn what_goes_with_another_row_is_found_by_an_index() {
    const UNINDEXED: Sql = Sql::split(
        "SELECT conrelid::regclass::text AS owner, attname::text AS name, FALSE AS flag, 'cascade' AS kind \
         FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1] \
         WHERE contype = 'f' AND confdeltype = 'c' AND NOT EXISTS (SELECT 1 FROM pg_index \
         WHERE indrelid = conrelid AND indkey[0] = conkey[1])",
        "SELECT tables.name AS owner, \"references\".\"from\" AS name, FALSE AS flag, 'cascade' AS kind \
         FROM sqlite_schema AS tables JOIN pragma_foreign_key_list(tables.name) AS \"references\" \
         WHERE tables.type = 'table' AND \"references\".on_delete = 'CASCADE' AND NOT EXISTS (SELECT 1 \
         FROM pragma_index_list(tables.name) AS indexes JOIN pragma_index_info(indexes.name) AS columns \
         WHERE columns.seqno = 0 AND columns.name = \"references\".\"from\")",
    );
    for database in databases(chatmesh_workspaces::MIGRATIONS).await {
        let unindexed: Vec<Thing> = database.db.fetch_all(UNINDEXED, Vec::new()).await.expect("the schema is read");
        assert_eq!(unindexed, [], "{}", database.engine);
    }
}
