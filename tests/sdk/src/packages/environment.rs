//! What the environment of a test run says.

use std::path::PathBuf;

/// Set by `tests/run`: nothing may be skipped for want of a program.
const REQUIRED: &str = "CHATMESH_TEST_REQUIRE_BACKENDS";

#[expect(clippy::disallowed_methods, reason = "a test run has no other configuration")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// True where a switch is set.
#[must_use]
pub fn is_on(name: &str) -> bool {
    variable(name).is_some_and(|value| value != "0")
}

/// Where the user keeps what can be made again.
pub(super) fn cache() -> PathBuf {
    let own = variable("XDG_CACHE_HOME").map(PathBuf::from);
    let usual = || variable("HOME").map(|home| PathBuf::from(home).join(".cache"));
    own.or_else(usual).unwrap_or_else(std::env::temp_dir).join("chatmesh").join("sdk")
}

/// A program on the path.
pub(super) fn program(name: &str) -> Option<PathBuf> {
    let path = variable("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(name)).find(|program| program.is_file())
}

/// Says loudly what is not tested.
///
/// # Panics
/// This run requires everything.
#[expect(clippy::print_stderr, reason = "what is skipped must be seen")]
pub(super) fn skip(what: &str, why: &str) {
    assert!(variable(REQUIRED).is_none(), "{what} is required: {why}");
    eprintln!("SKIPPED: {what}: {why}");
}
