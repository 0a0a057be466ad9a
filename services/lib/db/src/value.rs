//! What crosses the SQL boundary on the way in.

use chatmesh_core::Uuid;
use chrono::{DateTime, Utc};

/// A parameter. The set is closed: both engines store each of these exactly.
/// Each is an option, so that a NULL keeps its type.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `UUID`, or a 16-byte `BLOB`.
    Uuid(Option<Uuid>),
    /// `TEXT`.
    Text(Option<String>),
    /// `BIGINT`, or `INTEGER`.
    Int(Option<i64>),
    /// `BOOLEAN`, or `INTEGER`.
    Bool(Option<bool>),
    /// `TIMESTAMPTZ`, or RFC 3339 `TEXT`.
    Time(Option<DateTime<Utc>>),
    /// `BYTEA`, or `BLOB`.
    Bytes(Option<Vec<u8>>),
}

macro_rules! value_from {
    ($($ty:ty => $variant:ident),* $(,)?) => { $(
        impl From<$ty> for Value {
            fn from(value: $ty) -> Self {
                Self::$variant(Some(value.into()))
            }
        }

        impl From<Option<$ty>> for Value {
            fn from(value: Option<$ty>) -> Self {
                Self::$variant(value.map(Into::into))
            }
        }
    )* };
}

value_from! {
    Uuid => Uuid, String => Text, &str => Text, i64 => Int, u32 => Int, bool => Bool,
    DateTime<Utc> => Time, Vec<u8> => Bytes,
}

/// The parameters of a statement, in the order of its placeholders. Typed ids are converted.
#[macro_export]
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::Value::from($value)),*] };
}
