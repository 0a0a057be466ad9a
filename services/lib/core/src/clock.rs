//! Time as an argument, so that tests own it.

use std::fmt::Debug;

use chrono::{DateTime, SubsecRound, Utc};

/// A moment in UTC with microsecond precision, the finest that both databases keep.
pub type Timestamp = DateTime<Utc>;

/// Tells the time of day.
pub trait Clock: Debug + Send + Sync + 'static {
    /// Returns the current moment, truncated to microseconds.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clock")]
    fn now(&self) -> Timestamp {
        Utc::now().trunc_subsecs(6)
    }
}
