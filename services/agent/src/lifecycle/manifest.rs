//! What a workspace runs.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chatmesh_proto::agent::v1 as pb;

use super::cron::Schedule;
use super::error::Error;

/// The most scripts: they may all run at the same time.
const MAX_SCRIPTS: usize = 64;
/// The longest script; the system takes no longer argument than 128 KiB.
const MAX_SCRIPT_BYTES: usize = 96 * 1024;
/// The longest name.
const MAX_NAME: usize = 64;
/// The longest time that a script may run, and how long it may where nothing is said.
const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// What a build runs.
#[derive(Debug)]
pub(super) struct Manifest {
    pub(super) build_id: String,
    pub(super) scripts: Vec<Arc<Script>>,
}

/// A script; valid in itself.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) id: String,
    pub(super) name: String,
    text: String,
    pub(super) on_start: bool,
    pub(super) on_stop: bool,
    pub(super) schedule: Option<Schedule>,
    pub(super) timeout: Duration,
    log: Option<String>,
}

impl Script {
    /// The program that runs it, and its arguments.
    pub(super) fn command(&self) -> (String, Vec<OsString>) {
        let first_line = self.text.lines().next().and_then(|line| line.strip_prefix("#!"));
        let mut words = first_line.unwrap_or_default().split_whitespace();
        let program = words.next().unwrap_or("/bin/sh").to_owned();
        let further = words.map(OsString::from);
        (program, further.chain(["-c".into(), (&self.text).into()]).collect())
    }

    /// The file that it asked for, if it did.
    pub(super) fn log_path(&self, home: Option<&Path>) -> Option<PathBuf> {
        let log = self.log.as_deref()?;
        match (log.strip_prefix("~/"), home) {
            (Some(rest), Some(home)) => Some(home.join(rest)),
            (Some(_), None) => None,
            (None, _) => Some(PathBuf::from(log)),
        }
    }
}

impl TryFrom<pb::Manifest> for Manifest {
    type Error = Error;

    fn try_from(manifest: pb::Manifest) -> Result<Self, Error> {
        let invalid = |message: String| Err(Error::Manifest(message));
        if manifest.build_id.is_empty() || manifest.build_id.len() > 2 * MAX_NAME {
            return invalid(format!("`build_id` must have 1 to {} bytes", 2 * MAX_NAME));
        }
        if manifest.scripts.len() > MAX_SCRIPTS {
            return invalid(format!("there must be {MAX_SCRIPTS} `scripts` at most"));
        }
        let mut ids = HashSet::new();
        if let Some(twice) = manifest.scripts.iter().find(|script| !ids.insert(script.id.clone())) {
            return invalid(format!("two `scripts` have the id `{}`", twice.id));
        }
        let scripts = manifest.scripts.into_iter().map(|script| script.try_into().map(Arc::new));
        Ok(Self { build_id: manifest.build_id, scripts: scripts.collect::<Result<_, Error>>()? })
    }
}

impl TryFrom<pb::Script> for Script {
    type Error = Error;

    fn try_from(script: pb::Script) -> Result<Self, Error> {
        let id = script.id;
        let invalid = |problem: String| Err(Error::Manifest(format!("script `{}`: {problem}", id.escape_debug())));
        if !is_name(&id) {
            let letters = "letters, digits, `-`, `_` and `.`, not with a `.` at the beginning";
            return invalid(format!("`id` must have 1 to {MAX_NAME} characters: {letters}"));
        }
        if script.script.trim().is_empty() || script.script.contains('\0') {
            return invalid("`script` must not be blank, and not contain NUL".to_owned());
        }
        if script.script.len() > MAX_SCRIPT_BYTES {
            return invalid(format!("`script` must have {} KiB at most", MAX_SCRIPT_BYTES / 1024));
        }
        let timeout = match script.timeout_seconds {
            0 => DEFAULT_TIMEOUT,
            seconds => Duration::from_secs(seconds.into()),
        };
        if timeout > MAX_TIMEOUT {
            return invalid(format!("`timeout_seconds` must be {} at most", MAX_TIMEOUT.as_secs()));
        }
        let log = Some(script.log_path).filter(|path| !path.is_empty());
        if log.as_ref().is_some_and(|path| !path.starts_with(['/', '~']) || path.contains('\0')) {
            return invalid("`log_path` must be absolute or begin with `~/`".to_owned());
        }
        let schedule = match script.cron.trim() {
            "" => None,
            cron => match Schedule::parse(cron) {
                Ok(schedule) => Some(schedule),
                Err(problem) => return invalid(format!("`cron`: {problem}")),
            },
        };
        let name = if script.display_name.is_empty() { id.clone() } else { script.display_name };
        let (on_start, on_stop) = (script.run_on_start, script.run_on_stop);
        Ok(Self { id, name, text: script.script, on_start, on_stop, schedule, timeout, log })
    }
}

/// Ids are names of directories, too.
fn is_name(id: &str) -> bool {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=MAX_NAME).contains(&id.len()) && !id.starts_with('.') && id.bytes().all(is_fine)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(id: &str, text: &str) -> pb::Script {
        pb::Script { id: id.to_owned(), script: text.to_owned(), ..Default::default() }
    }

    fn manifest(scripts: Vec<pb::Script>) -> Result<Manifest, Error> {
        Manifest::try_from(pb::Manifest { build_id: "b1".to_owned(), scripts })
    }

    #[test]
    fn a_manifest_that_is_wrong_is_refused_with_the_place() {
        let fine = || script("a", "true");
        for (wrong, expected) in [
            (vec![script("", "true")], "`id`"),
            (vec![script("..", "true")], "`id`"),
            (vec![script("a/b", "true")], "`id`"),
            (vec![script("a", " \n")], "`script`"),
            (vec![script("a", &"x".repeat(MAX_SCRIPT_BYTES + 1))], "96 KiB"),
            (vec![pb::Script { timeout_seconds: 86_401, ..fine() }], "`timeout_seconds`"),
            (vec![pb::Script { log_path: "relative".to_owned(), ..fine() }], "`log_path`"),
            (vec![pb::Script { cron: "* * * * *".to_owned(), ..fine() }], "`cron`"),
            (vec![pb::Script { cron: "61 * * * * *".to_owned(), ..fine() }], "`cron`"),
            (vec![fine(), fine()], "the id `a`"),
            ((0..65).map(|index| script(&index.to_string(), "true")).collect(), "64"),
        ] {
            let error = manifest(wrong).expect_err("refused").to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert!(Manifest::try_from(pb::Manifest::default()).is_err(), "no build");
    }

    #[test]
    fn a_script_is_run_by_the_interpreter_that_it_names_or_by_the_shell() {
        for (text, program, further) in [
            ("echo hi", "/bin/sh", &[][..]),
            ("#!/usr/bin/env bash\necho hi", "/usr/bin/env", &["bash"]),
            ("#! /bin/bash -eu\r\necho hi", "/bin/bash", &["-eu"]),
            ("#!\necho hi", "/bin/sh", &[]),
        ] {
            let script = Script::try_from(script("a", text)).expect("a script");
            let (found, args) = script.command();
            assert_eq!(found, program);
            let expected: Vec<OsString> = further.iter().copied().chain(["-c", text]).map(Into::into).collect();
            assert_eq!(args, expected);
        }
    }

    #[test]
    fn a_log_may_be_in_the_home_directory() {
        let at = |log: &str| {
            let script = Script::try_from(pb::Script { log_path: log.to_owned(), ..script("a", "true") });
            script.expect("a script").log_path(Some(Path::new("/home/me")))
        };
        assert_eq!(at("~/logs/a"), Some("/home/me/logs/a".into()));
        assert_eq!(at("/tmp/a"), Some("/tmp/a".into()));
        assert_eq!(at(""), None);
    }
}
