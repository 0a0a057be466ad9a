//! What a command may use of the machine.

use chatmesh_proto::agent::v1::ProcessLimits;
use serde::{Deserialize, Serialize};

use super::error::Error;
use crate::receipts::InputDigest;

/// Below this not even a shell starts.
const MIN_MEMORY: u64 = 16 * 1024 * 1024;
/// Standard input, output and error.
const MIN_OPEN_FILES: u64 = 3;

/// Limits of a command; those that are not set are not changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ResourceLimits {
    pub(crate) niceness: Option<i32>,
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) cpu_seconds: Option<u64>,
    pub(crate) open_files: Option<u64>,
    pub(crate) processes: Option<u64>,
    pub(crate) file_size_bytes: Option<u64>,
    pub(crate) oom_score_adj: Option<i32>,
}

impl ResourceLimits {
    /// True where nothing is to be changed.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is set here and not in `other`.
    pub(super) fn without(&self, other: &Self) -> Self {
        Self {
            niceness: self.niceness.filter(|_| other.niceness.is_none()),
            memory_bytes: self.memory_bytes.filter(|_| other.memory_bytes.is_none()),
            cpu_seconds: self.cpu_seconds.filter(|_| other.cpu_seconds.is_none()),
            open_files: self.open_files.filter(|_| other.open_files.is_none()),
            processes: self.processes.filter(|_| other.processes.is_none()),
            file_size_bytes: self.file_size_bytes.filter(|_| other.file_size_bytes.is_none()),
            oom_score_adj: self.oom_score_adj.filter(|_| other.oom_score_adj.is_none()),
        }
    }

    /// Adds what is set to the digest of an input, which stays as it is where nothing is.
    pub(super) fn add_to(&self, digest: InputDigest) -> InputDigest {
        if self.is_empty() {
            return digest;
        }
        let fields = [
            ("niceness", self.niceness.map(i64::from)),
            ("memory_bytes", self.memory_bytes.map(u64::cast_signed)),
            ("cpu_seconds", self.cpu_seconds.map(u64::cast_signed)),
            ("open_files", self.open_files.map(u64::cast_signed)),
            ("processes", self.processes.map(u64::cast_signed)),
            ("file_size_bytes", self.file_size_bytes.map(u64::cast_signed)),
            ("oom_score_adj", self.oom_score_adj.map(i64::from)),
        ];
        let set = fields.into_iter().filter_map(|(name, value)| Some((name, value?)));
        set.fold(digest.field(b"limits"), |digest, (name, value)| {
            digest.field(name.as_bytes()).field(&value.to_be_bytes())
        })
    }
}

impl TryFrom<ProcessLimits> for ResourceLimits {
    type Error = Error;

    fn try_from(limits: ProcessLimits) -> Result<Self, Error> {
        let niceness = limits.niceness.map(i64::from);
        let oom_score_adj = limits.oom_score_adj.map(i64::from);
        check("niceness", niceness, -20, 19)?;
        check("oom_score_adj", oom_score_adj, -1000, 1000)?;
        check("memory_bytes", limits.memory_bytes, MIN_MEMORY, u64::MAX)?;
        check("cpu_seconds", limits.cpu_seconds, 1, u64::MAX)?;
        check("open_files", limits.open_files, MIN_OPEN_FILES, u64::MAX)?;
        check("processes", limits.processes, 1, u64::MAX)?;
        Ok(Self {
            niceness: limits.niceness,
            memory_bytes: limits.memory_bytes,
            cpu_seconds: limits.cpu_seconds,
            open_files: limits.open_files,
            processes: limits.processes,
            file_size_bytes: limits.file_size_bytes,
            oom_score_adj: limits.oom_score_adj,
        })
    }
}

fn check<N: Copy + PartialOrd + std::fmt::Display>(name: &str, value: Option<N>, min: N, max: N) -> Result<(), Error> {
    match value {
        Some(value) if value < min || value > max => {
            Err(Error::Invalid(format!("`limits.{name}` must be from {min} to {max}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_out_of_range_are_refused_and_those_at_the_border_are_not() {
        let none = ProcessLimits::default;
        let wrong = [
            ProcessLimits { niceness: Some(20), ..none() },
            ProcessLimits { niceness: Some(-21), ..none() },
            ProcessLimits { oom_score_adj: Some(1001), ..none() },
            ProcessLimits { memory_bytes: Some(MIN_MEMORY - 1), ..none() },
            ProcessLimits { cpu_seconds: Some(0), ..none() },
            ProcessLimits { open_files: Some(2), ..none() },
            ProcessLimits { processes: Some(0), ..none() },
        ];
        for limits in wrong {
            let error = ResourceLimits::try_from(limits).expect_err("refused").to_string();
            assert!(error.starts_with("`limits."), "{error}");
        }
        let border = ProcessLimits {
            niceness: Some(-20),
            oom_score_adj: Some(-1000),
            memory_bytes: Some(MIN_MEMORY),
            file_size_bytes: Some(0),
            ..none()
        };
        assert!(!ResourceLimits::try_from(border).expect("valid").is_empty());
        assert!(ResourceLimits::try_from(none()).expect("valid").is_empty());
    }

    #[test]
    fn only_limits_that_are_set_change_the_digest_and_each_changes_it_differently() {
        let digest = |limits: ResourceLimits| limits.add_to(InputDigest::default()).finish();
        let none = ResourceLimits::default();
        assert_eq!(digest(none), InputDigest::default().finish());
        let open_files = ResourceLimits { open_files: Some(5), ..none };
        let processes = ResourceLimits { processes: Some(5), ..none };
        assert_ne!(digest(open_files), digest(processes));
        assert_ne!(digest(open_files), digest(none));
    }

    #[test]
    fn what_a_request_sets_replaces_the_default() {
        let defaults = ResourceLimits { niceness: Some(5), oom_score_adj: Some(100), ..ResourceLimits::default() };
        let request = ResourceLimits { niceness: Some(0), ..ResourceLimits::default() };
        let expected = ResourceLimits { oom_score_adj: Some(100), ..ResourceLimits::default() };
        assert_eq!(defaults.without(&request), expected);
    }
}
