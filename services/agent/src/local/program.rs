//! The agent's program, where commands of the workspace find it.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, symlink};
use std::path::Path;

use tracing::info;

/// The name under which every program that carries the agent is the agent.
const NAME: &str = "chatmesh-agent";

/// Lets commands find the program in a directory of their path, unless something else has its name there. Blocks.
pub(crate) fn offer_program(directory: &Path) {
    if let Err(error) = link(directory) {
        info!(%error, "commands of the workspace may not find `{NAME}`");
    }
}

fn link(directory: &Path) -> io::Result<()> {
    // A program whose file was replaced has no path that leads to it.
    let program = std::env::current_exe()?.canonicalize()?;
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let link = directory.join(NAME);
    if link.is_symlink() {
        std::fs::remove_file(&link)?;
    }
    symlink(program, link)
}
