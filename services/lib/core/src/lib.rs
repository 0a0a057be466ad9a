//! The vocabulary that every part of the mesh shares: time, identifiers, pages, back-off, field
//! violations, and what text must be like that a model reads. Nothing here does IO, and nothing here knows a service.

mod backoff;
mod clock;
mod id;
pub mod page;
pub mod prompt_text;
pub mod skill;
mod violations;

pub use backoff::Backoff;
pub use clock::{Clock, SystemClock, Timestamp};
pub use id::{IdSource, ParseIdError, SystemIds};
pub use secrecy::{ExposeSecret, SecretString};
#[doc(hidden)]
pub use uuid;
pub use uuid::Uuid;
pub use violations::{Violation, Violations};
