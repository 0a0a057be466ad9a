//! The programs under test, which cargo has built beside this one.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where commands in workspaces find their programs.
const SEARCH_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The path of a program of the workspace.
///
/// # Panics
/// It is not built.
pub(crate) fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let directory = test.parent().and_then(Path::parent).expect("tests are in `deps` of the target directory");
    let program = directory.join(name);
    assert!(program.is_file(), "{} is missing: run `cargo build --workspace` first", program.display());
    program
}

/// A program of the workspace, with nothing of our environment: a provider's key in it would
/// change what the program does.
pub(crate) fn command(name: &str) -> Command {
    let mut command = Command::new(binary(name));
    command.env_clear().env("PATH", SEARCH_PATH);
    command
}
