//! What becomes of what this release can not read, because a newer one has written it.
//!
//! Nobody would get any other build while the oldest one stands in the way that can not be handed out, so it fails. What
//! is done for many at a time is done for the others.

use chatmesh_core::Uuid;
use chatmesh_db::{Db, DbError, FromRow, Row, Sql, values};
use tracing::warn;

use super::Claim;
use super::builds::{touch, update};
use super::retries::settle;
use super::statements::LOCK_BUILD;
use crate::domain::{Build, BuildId, BuildStatus, Failure};

/// The most characters of what is wrong.
const MAX_REASON: usize = 500;

/// Fails a build of which not even its own row can be read, unless somebody else has it by now.
pub(super) const FAIL_UNREADABLE: Sql = Sql::portable(
    "UPDATE builds SET status = 'failed', error = $2, lease_expires_at = NULL, completed_at = $3, \
     leased_by = coalesce(leased_by, '') WHERE id = $1 \
     AND (status = 'pending' OR (status = 'running' AND lease_expires_at <= $3 AND NOT canceled))",
);

/// A row that is passed over where it can not be read, whose `id` can be.
pub(super) struct Readable<T>(pub(super) Option<T>);

impl<T: FromRow> FromRow for Readable<T> {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        match T::from_row(row) {
            Err(error @ DbError::Inconsistent { .. }) => {
                let id: Uuid = row.get("id")?;
                warn!(%id, error = reason(&error), "passed over, because it can not be read");
                Ok(Self(None))
            }
            read => read.map(Some).map(Self),
        }
    }
}

/// Those of the rows that can be read.
pub(super) fn only_readable<T>(rows: Vec<Readable<T>>) -> impl Iterator<Item = T> {
    rows.into_iter().filter_map(|Readable(read)| read)
}

/// Fails the build that `claim` would have got. It is returned where at least its own row can be read, and nobody else
/// has it by now.
pub(super) async fn fail(db: &Db, id: BuildId, error: &DbError, claim: &Claim) -> Result<Option<Build>, DbError> {
    let message = message(error);
    warn!(build = %id, message, "a build fails that can not be read");
    let mut tx = db.begin().await?;
    let found = match tx.fetch_optional::<Build>(LOCK_BUILD, values![id.0]).await {
        Err(DbError::Inconsistent { .. }) => {
            tx.execute(FAIL_UNREADABLE, values![id.0, message, claim.now]).await?;
            tx.commit().await?;
            return Ok(None);
        }
        found => found?,
    };
    let was_leased = found.as_ref().is_some_and(|build| build.status != BuildStatus::Pending);
    let leased = found.and_then(|build| build.lease(&claim.holder, claim.expires_at, claim.now));
    let Some(build) = leased else { return Ok(None) };
    let build = build.refuse(Failure::other(message), claim.now);
    touch(&mut tx, build.workspace_id, false, claim.now).await?;
    let build = settle(&mut tx, build, was_leased, claim.now).await?;
    update(&mut tx, &build).await?;
    tx.commit().await?;
    Ok(Some(build))
}

fn reason(error: &DbError) -> String {
    match error {
        DbError::Inconsistent { column, source } => format!("{column}: {source}"),
        other => other.to_string(),
    }
}

fn message(error: &DbError) -> String {
    let why = reason(error);
    // What is written into the database again must be something that it keeps.
    let why: String = why.replace('\0', " ").chars().take(MAX_REASON).collect();
    format!(
        "this release can not read what the build is of ({why}): while another release is being rolled out, try again \
         once that is done; else push a version of the template that is in order"
    )
}
