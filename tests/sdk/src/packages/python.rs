//! Packages of Python, in a virtual environment.

use std::path::Path;
use std::process::Command;

use super::environment::{program, skip};
use super::kept::{kept, read, run};
use super::{Runtime, is_on, sources};

/// LiteLLM is large: it is installed where this is set.
const LITELLM: &str = "CHATMESH_TEST_LITELLM";

/// Python with the SDKs; `None` where it cannot be had, which is said.
#[must_use]
pub fn python() -> Option<Runtime> {
    with_packages("the SDKs for Python", "requirements.txt")
}

/// Python with the MCP SDK and an MCP server; `None` where it cannot be had, which is said.
#[must_use]
pub fn mcp_python() -> Option<Runtime> {
    with_packages("the MCP SDK for Python", "mcp.txt")
}

/// Python with LiteLLM; `None` where it is not asked for or cannot be had, which is said.
#[must_use]
pub fn litellm() -> Option<Runtime> {
    if !is_on(LITELLM) {
        // Also in a run that requires everything else: it takes most of a gigabyte.
        note(&format!("LiteLLM is not tested, {LITELLM} is not set"));
        return None;
    }
    with_packages("LiteLLM", "litellm.txt")
}

/// Python with the schemas of Kubernetes; `None` where it cannot be had, which is said.
#[must_use]
pub fn kubernetes_schemas() -> Option<Runtime> {
    with_packages("the schemas of Kubernetes", "kubernetes.txt")
}

#[expect(clippy::print_stderr, reason = "what is skipped must be seen")]
fn note(text: &str) {
    eprintln!("SKIPPED: {text}");
}

fn with_packages(what: &str, lock: &str) -> Option<Runtime> {
    let Some(python) = program("python3") else {
        skip(what, "there is no `python3`");
        return None;
    };
    match install(&python, &sources("python").join(lock)) {
        Ok(runtime) => Some(runtime),
        Err(error) => {
            skip(what, &format!("{error:#}"));
            None
        }
    }
}

fn install(python: &Path, lock: &Path) -> anyhow::Result<Runtime> {
    let version = Command::new(python).arg("-VV").output()?.stdout;
    let name = lock.file_stem().unwrap_or_default().to_string_lossy();
    let directory = kept(&format!("python-{name}"), &[version, read(lock)?], |directory| {
        run(Command::new(python).args(["-m", "venv"]).arg(directory))?;
        let pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--disable-pip-version-check"];
        run(Command::new(directory.join("bin/python")).args(pip).arg("-r").arg(lock))
    })?;
    Ok(Runtime { program: directory.join("bin/python"), directory })
}
