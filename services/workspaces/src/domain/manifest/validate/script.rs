//! Scripts: what is allowed is what agents take.

use std::collections::HashSet;

use chatmesh_core::Violations;
use croner::parser::{CronParser, Seconds, Year};

use super::{MAX_RUN, is_time};
use crate::domain::ScriptManifest;

/// The most scripts of an agent, as agents have it: all of them may run at the same time.
const MAX_SCRIPTS: usize = 64;
/// The most bytes of all scripts of an agent together: they go to the agent in one message.
const MAX_SCRIPTS_BYTES: usize = 512 * 1024;
/// The longest script.
const MAX_SCRIPT_BYTES: usize = 96 * 1024;
/// The longest id.
const MAX_ID: usize = 64;
/// The longest name for people, and the longest path of a log.
const MAX_TEXT: usize = 1024;

/// Checks the scripts of an agent, which stand at `place`.
pub(super) fn check_scripts(place: &str, scripts: &[ScriptManifest], violations: &mut Violations) {
    violations.require(scripts.len() <= MAX_SCRIPTS, place, format!("must be {MAX_SCRIPTS} at most"));
    let mut ids = HashSet::new();
    for (index, script) in scripts.iter().take(MAX_SCRIPTS).enumerate() {
        let place = format!("{place}[{index}]");
        check(&place, script, violations);
        let is_only = ids.insert(&script.id);
        violations.require(is_only, place + ".id", format!("is the one of another script, too: `{}`", script.id));
    }
    let bytes: usize = scripts.iter().map(|script| script.script.len()).sum();
    let limit = MAX_SCRIPTS_BYTES / 1024;
    let demands = format!("must have {limit} KiB at most together: fetch what is long");
    violations.require(bytes <= MAX_SCRIPTS_BYTES, place, demands);
}

fn check(place: &str, script: &ScriptManifest, violations: &mut Violations) {
    let demands = format!("must be 1 to {MAX_ID} letters, digits, `-`, `_` or `.`, not with a `.` at the beginning");
    violations.require(is_id(&script.id), format!("{place}.id"), demands);

    let text = &script.script;
    let is_blank = text.trim().is_empty() || text.contains('\0');
    violations.require(!is_blank, format!("{place}.script"), "must not be blank, and not contain NUL");
    let demands = format!("must have {} KiB at most: fetch what is long", MAX_SCRIPT_BYTES / 1024);
    violations.require(text.len() <= MAX_SCRIPT_BYTES, format!("{place}.script"), demands);

    for (field, text) in [("display_name", &script.display_name), ("log_path", &script.log_path)] {
        let fits = text.len() <= MAX_TEXT && !text.contains('\0');
        let demands = format!("must have {MAX_TEXT} bytes at most, and none that is NUL");
        violations.require(fits, format!("{place}.{field}"), demands);
    }
    let path = &script.log_path;
    let is_path = path.is_empty() || path.starts_with('/') || path.starts_with("~/");
    violations.require(is_path, format!("{place}.log_path"), "must be absolute or begin with `~/`");
    let fits = is_time(script.timeout, MAX_RUN);
    violations.require(fits, format!("{place}.timeout"), "must be whole seconds, more than 0s and 24h at most");
    check_times(place, script, violations);
}

fn check_times(place: &str, script: &ScriptManifest, violations: &mut Violations) {
    let cron = script.cron.trim();
    if cron.is_empty() {
        let runs = script.run_on_start || script.run_on_stop;
        violations.require(runs, place, "never runs: set run_on_start, run_on_stop or cron");
        return;
    }
    let parser = CronParser::builder().seconds(Seconds::Required).year(Year::Disallowed).build();
    let parsed = parser
        .parse(cron)
        .map_err(|error| format!("must have six fields that begin with seconds, like `0 30 4 * * *`: {error}"));
    violations.check(format!("{place}.cron"), parsed);
}

/// Ids are names of directories, too.
fn is_id(id: &str) -> bool {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=MAX_ID).contains(&id.len()) && !id.starts_with('.') && id.bytes().all(is_fine)
}
