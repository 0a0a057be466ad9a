//! The binaries of the workspace, as they were built beside the tests.

use std::path::PathBuf;

/// The binary `name` of the workspace, in the profile of the tests.
///
/// # Panics
/// It was not built.
#[must_use]
pub fn built_program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own program");
    // …/target/debug/deps/TEST-HASH
    let profile = test.parent().and_then(|deps| deps.parent()).expect("tests are built below the profile's directory");
    let program = profile.join(name);
    assert!(program.is_file(), "{} is missing: run `cargo build --workspace` first", program.display());
    program
}
