//! What comes from outside may be anything: each row of a table of bad requests gets an answer
//! that says what to do, in the one form that errors have, and changes nothing.

mod case;
mod cases;
mod raw;
mod world;

use std::collections::BTreeSet;

use case::Case;
use chatmesh_mesh_tests::Mesh;
use serde_json::Value;
use world::World;

/// The least number of rows.
const MIN_CASES: usize = 500;
/// How many requests are made between two looks at the databases: a look costs much more than a request.
const CASES_PER_LOOK: usize = 12;
/// Columns that a running mesh writes by itself, whatever clients do: signs of life.
const SIGNS_OF_LIFE: [&str; 3] = ["last_connected_at=", "heartbeat_at=", "seen_at="];

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_get_an_answer_that_helps_and_change_nothing() {
    Mesh::run(world::scripts(), async |mesh| {
        let world = World::new(mesh).await;
        let cases = cases::all(&world);
        assert!(cases.len() >= MIN_CASES);
        let names: BTreeSet<&str> = cases.iter().map(|case| case.name).collect();
        assert_eq!(names.len(), cases.len(), "two rows have the same name");

        let mut wrong = Vec::new();
        let mut before = rows(mesh).await;
        for some in cases.chunks(CASES_PER_LOOK) {
            for case in some {
                let answer = raw::send(mesh.url(), &case.bytes()).await;
                print_row(case, answer.status, &answer.body);
                wrong.extend(case.check(&answer).into_iter().map(|what| format!("{}: {what}", case.name)));
            }
            let after = rows(mesh).await;
            let names: Vec<&str> = some.iter().map(|case| case.name).collect();
            wrong.extend(changes(&before, &after).map(|row| format!("one of {names:?}: changed {row}")));
            before = after;
        }
        // The comparison sees a change where there is one.
        mesh.member("one-more").await;
        assert!(changes(&before, &rows(mesh).await).count() >= 2);
        assert!(wrong.is_empty(), "{} of {} rows: {wrong:#?}", wrong.len(), cases.len());
    })
    .await;
}

/// Everything in all databases but signs of life.
async fn rows(mesh: &Mesh) -> BTreeSet<String> {
    let still = |row: String| {
        let columns = row.split(' ').filter(|column| !SIGNS_OF_LIFE.iter().any(|sign| column.starts_with(sign)));
        columns.collect::<Vec<_>>().join(" ")
    };
    mesh.dump().await.into_iter().map(still).collect()
}

fn changes<'a>(before: &'a BTreeSet<String>, after: &'a BTreeSet<String>) -> impl Iterator<Item = &'a String> {
    before.symmetric_difference(after)
}

#[expect(clippy::print_stdout, reason = "the table is read with --nocapture")]
fn print_row(case: &Case, status: u16, body: &Value) {
    let code = body["code"].as_i64().map_or_else(|| "-".to_owned(), |code| code.to_string());
    println!("{} -> {status}, {code}, {}", case.name, body["message"].as_str().unwrap_or("-"));
}
