//! What a version of a template says of waiting, of cost, and of stopping what is not used.

use std::time::Duration;

use chatmesh_core::Violations;
use humantime_serde::re::humantime::format_duration;
use serde::{Deserialize, Serialize};

use super::{Manifest, Timeouts};

/// How much longer a workspace runs that is used, in seconds, where its template does not say.
const DEFAULT_BUMP: u32 = 3600;

/// What a version of a template says beside what a workspace is made of; settled together with the build. In the
/// database it is JSON; what is added later has a default there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Terms {
    /// How long those wait who wait.
    pub timeouts: Timeouts,
    /// What a workspace takes of its owner's credits.
    pub daily_cost: u32,
    /// How long a workspace runs without being used, in seconds; 0 for ever.
    pub ttl_seconds: u32,
    /// How much longer it runs at least once it was used, in seconds.
    pub bump_seconds: u32,
    /// How long it runs after each start at most, in seconds; 0 without a bound.
    pub max_lifetime_seconds: u32,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            timeouts: Timeouts::default(),
            daily_cost: 0,
            ttl_seconds: 0,
            bump_seconds: DEFAULT_BUMP,
            max_lifetime_seconds: 0,
        }
    }
}

impl From<&Manifest> for Terms {
    fn from(manifest: &Manifest) -> Self {
        let seconds = |duration: Duration| u32::try_from(duration.as_secs()).unwrap_or(u32::MAX);
        Self {
            timeouts: manifest.timeouts.clone(),
            daily_cost: manifest.daily_cost,
            ttl_seconds: manifest.default_ttl.map_or(0, seconds),
            bump_seconds: manifest.activity_bump.map_or(DEFAULT_BUMP, seconds),
            max_lifetime_seconds: manifest.max_lifetime.map_or(0, seconds),
        }
    }
}

impl Terms {
    /// The time to live of its own for a workspace of which `ttl` is asked without knowing the template: no longer than
    /// that lets workspaces run.
    pub(crate) fn bounded_ttl(&self, ttl: Option<u32>) -> Option<u32> {
        match self.max_lifetime_seconds {
            0 => ttl,
            most => ttl.map(|ttl| ttl.min(most)),
        }
    }

    /// Checks the time to live that a workspace is to have of its own.
    ///
    /// # Errors
    /// It may not run for as long.
    pub(crate) fn check_ttl(&self, ttl: Option<u32>) -> Result<(), Violations> {
        let most = self.max_lifetime_seconds;
        if most == 0 || ttl.is_none_or(|ttl| ttl <= most) {
            return Ok(());
        }
        let lifetime = format_duration(Duration::from_secs(most.into()));
        let demands = format!(
            "must be {most} at most: the template lets workspaces run for {lifetime} after each start, however much \
             they are used"
        );
        Err(Violations::one("ttl_seconds", demands))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_live_is_bounded_by_the_lifetime_or_refused() {
        for (most, ttl, bounded) in [
            (0, None, None),
            (0, Some(9000), Some(9000)),
            (7200, None, None),
            (7200, Some(0), Some(0)),
            (7200, Some(7200), Some(7200)),
            (7200, Some(7201), Some(7200)),
        ] {
            let terms = Terms { max_lifetime_seconds: most, ..Terms::default() };
            assert_eq!(terms.bounded_ttl(ttl), bounded, "{ttl:?} of {most}");
            assert_eq!(terms.check_ttl(ttl).is_ok(), ttl == bounded, "{ttl:?} of {most}");
        }
    }
}
