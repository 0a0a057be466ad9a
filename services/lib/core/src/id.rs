//! Typed identifiers and where new ones come from.

use std::fmt::Debug;

use uuid::Uuid;

/// Makes identifiers.
pub trait IdSource: Debug + Send + Sync + 'static {
    /// Returns a new UUIDv7 (RFC 9562); later ones sort after earlier ones.
    fn next(&self) -> Uuid;
}

/// Identifiers from the machine's clock and randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemIds;

impl IdSource for SystemIds {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that makes identifiers")]
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }
}

/// A text is not an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a UUID like 01890a5d-ac96-774b-bcce-b302099a8057")]
pub struct ParseIdError;

/// Declares a UUID newtype: `typed_id!(/// A chat. ChatId)`.
#[macro_export]
macro_rules! typed_id {
    ($($(#[$meta:meta])* $name:ident),* $(,)?) => { $(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $crate::Uuid);

        impl From<$crate::Uuid> for $name {
            fn from(id: $crate::Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for $crate::Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&self.0, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::Uuid::try_parse(text).map(Self).map_err(|_| $crate::ParseIdError)
            }
        }
    )* };
}

#[cfg(test)]
mod tests {
    use super::*;

    typed_id!(
        /// An identifier for the tests.
        ThingId
    );

    #[test]
    fn new_identifiers_sort_in_the_order_in_which_they_were_made() {
        let ids: Vec<Uuid> = (0..100).map(|_| SystemIds.next()).collect();
        assert!(ids.is_sorted());
    }

    #[test]
    fn a_typed_id_parses_what_it_prints_and_nothing_else() {
        let id = ThingId(SystemIds.next());
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("thing-1".parse::<ThingId>(), Err(ParseIdError));
    }
}
