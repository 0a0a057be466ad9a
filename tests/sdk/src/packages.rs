//! Packages from the registries of Python and Node: installed once for each lock file, in the
//! user's cache, and kept.

mod environment;
mod kept;
mod node;
mod python;

pub use environment::is_on;
pub use node::{mcp_node, node, node_scripts};
pub use python::{kubernetes_schemas, litellm, mcp_python, python};

use std::path::PathBuf;

/// A program with the packages that it finds.
#[derive(Debug, Clone)]
pub struct Runtime {
    /// The interpreter.
    pub program: PathBuf,
    /// Where the packages are.
    pub directory: PathBuf,
}

/// The folder with the scripts and lock files of a language.
#[must_use]
pub fn sources(language: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(language)
}
