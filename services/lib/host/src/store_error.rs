//! How a database error looks to the callers of a service.

use chatmesh_db::DbError;
use chatmesh_rpc::Code;

/// UNAVAILABLE where the database is not there, INTERNAL otherwise: everything that a caller
/// could act on is an error of the service's own.
#[must_use]
pub fn db_code(error: &DbError) -> Code {
    match error {
        DbError::Unavailable(_) => Code::Unavailable,
        DbError::Text(_) => Code::InvalidArgument,
        DbError::Unique(_) | DbError::Inconsistent { .. } | DbError::Schema(_) | DbError::Driver(_) => Code::Internal,
    }
}

/// The stable word for a database error.
#[must_use]
pub fn db_reason(error: &DbError) -> &'static str {
    match error {
        DbError::Unavailable(_) => "DATABASE_UNAVAILABLE",
        DbError::Text(_) => "INVALID_TEXT",
        DbError::Unique(_) | DbError::Inconsistent { .. } | DbError::Schema(_) | DbError::Driver(_) => "INTERNAL",
    }
}
