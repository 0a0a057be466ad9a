//! How programs are started with limits.
//!
//! Limits are set by the program itself, between its start and its first instruction. Code that
//! runs there in a copy of the agent would have to be unsafe, so another program does it: the
//! agent's own, under a hidden command ([`super::limited`]), which then becomes the program.

use std::ffi::OsString;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tokio::process::Command;

use super::resources::ResourceLimits;

/// The name under which every binary that holds the agent is the agent.
const AGENT_NAME: &str = "chatmesh-agent";
/// The hidden command of the agent.
pub(crate) const RUN_LIMITED: &str = "run-limited";

/// What [`super::limited`] is to set.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Plan {
    /// Defaults of the agent: set as far as the system permits.
    pub(super) preferred: ResourceLimits,
    /// What the caller asked for: without it nothing runs.
    pub(super) required: ResourceLimits,
}

/// Starts programs within limits.
#[derive(Debug, Clone)]
pub(crate) struct Launcher {
    executable: PathBuf,
    defaults: ResourceLimits,
}

impl Launcher {
    /// A launcher that uses the agent's program `executable`; `defaults` hold where a call says nothing else.
    pub(crate) fn new(executable: PathBuf, defaults: ResourceLimits) -> Self {
        Self { executable, defaults }
    }

    /// Returns the command that runs `program` within `limits` and the defaults.
    pub(crate) fn command(
        &self,
        program: &str,
        args: impl IntoIterator<Item = OsString>,
        limits: &ResourceLimits,
    ) -> Command {
        let plan = Plan { preferred: self.defaults.without(limits), required: *limits };
        let encoded = serde_json::to_string(&plan).unwrap_or_default();
        let mut command = if plan.preferred.is_empty() && plan.required.is_empty() {
            Command::new(program)
        } else {
            let mut command = Command::new(&self.executable);
            command.arg0(AGENT_NAME).args([RUN_LIMITED, &encoded, program]);
            command
        };
        command.args(args);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(launcher: &Launcher, limits: &ResourceLimits) -> Vec<String> {
        let command = launcher.command("/bin/sh", ["-c".into(), "true".into()], limits);
        let command = command.as_std();
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        words.map(|word| word.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_program_without_limits_is_started_directly() {
        let none = ResourceLimits::default();
        assert_eq!(line(&Launcher::new("/agent".into(), none), &none), ["/bin/sh", "-c", "true"]);
    }

    #[test]
    fn a_program_with_limits_is_started_by_the_agent_and_the_request_wins() {
        let none = ResourceLimits::default();
        let launcher = Launcher::new("/agent".into(), ResourceLimits { niceness: Some(5), ..none });
        let words = line(&launcher, &ResourceLimits { niceness: Some(7), open_files: Some(64), ..none });
        assert_eq!((&*words[0], &*words[1]), ("/agent", RUN_LIMITED));
        assert_eq!(words[3..], ["/bin/sh", "-c", "true"]);
        let plan: Plan = serde_json::from_str(&words[2]).expect("a plan");
        assert!(plan.preferred.is_empty());
        assert_eq!((plan.required.niceness, plan.required.open_files), (Some(7), Some(64)));
    }
}
