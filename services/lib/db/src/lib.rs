//! One database handle over two engines. One SQL text serves PostgreSQL and SQLite; where they
//! truly differ, the statement says so with [`Sql::split`]. This is the only crate that names
//! the drivers, and the only one that knows which engine it talks to.

/// Binds each value to a query; a macro because the query's type differs by engine.
macro_rules! bind {
    ($query:expr, $values:expr) => {
        $values.into_iter().fold($query, |query, value| match value {
            $crate::Value::Uuid(value) => query.bind(value),
            $crate::Value::Text(value) => query.bind(value),
            $crate::Value::Int(value) => query.bind(value),
            $crate::Value::Bool(value) => query.bind(value),
            $crate::Value::Time(value) => query.bind(value),
            $crate::Value::Bytes(value) => query.bind(value),
        })
    };
}

mod connect;
mod dump;
mod error;
mod migrate;
mod row;
mod sql;
mod tx;
mod value;

pub use connect::{Db, DbConfig, Engine};
pub use error::DbError;
pub use migrate::{Migration, Migrations};
pub use row::{Column, FromRow, Row};
pub use sql::Sql;
pub use tx::Tx;
pub use value::Value;
