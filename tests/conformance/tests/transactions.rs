//! What transactions promise to callers that go away in the middle of one.

use chatmesh_db::{Db, DbError, FromRow, Row, Sql, values};
use chatmesh_identity::MIGRATIONS;
use chatmesh_testkit::databases;
use futures::poll;

const CREATE: Sql = Sql::portable("CREATE TABLE notes (id BIGINT PRIMARY KEY)");
const INSERT: Sql = Sql::portable("INSERT INTO notes (id) VALUES ($1)");
const COUNT: Sql = Sql::portable("SELECT COUNT(*) AS number FROM notes");

/// How many callers go away.
const CALLERS: u32 = 400;

struct Count(u32);

impl FromRow for Count {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        row.u32("number").map(Self)
    }
}

/// Begins a transaction and goes away after a number of polls, which is somewhere in the middle of it.
async fn go_away(db: &Db, number: u32) {
    let mut begun: std::pin::Pin<Box<dyn Future<Output = ()> + Send>> = match number % 2 {
        0 => Box::pin(async { drop(db.begin_read().await) }),
        _ => Box::pin(async { drop(db.begin().await) }),
    };
    // The runtime looks at its sockets every few dozen polls, so this is up to a whole exchange with the server.
    for _ in 0..(number % 97) * 10 {
        if poll!(&mut begun).is_ready() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// A connection that goes back in the middle of a transaction takes the writes of others with it.
#[tokio::test]
async fn callers_that_go_away_leave_no_transaction_to_others() {
    for database in databases(MIGRATIONS).await {
        let db = &database.db;
        db.execute(CREATE, values![]).await.expect("a table");
        for number in 0..CALLERS {
            go_away(db, number).await;
            let written = db.execute(INSERT, values![i64::from(number)]).await;
            assert_eq!(written.expect("no transaction of another"), 1, "{}", database.engine);
        }
        for _ in 0..20 {
            let count: Option<Count> = db.fetch_optional(COUNT, values![]).await.expect("counted");
            assert_eq!(count.map(|count| count.0), Some(CALLERS), "{}", database.engine);
        }
    }
}
