//! The crates of the workspace, as cargo sees them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What a dependency is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    Dev,
    Build,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Normal, Self::Dev, Self::Build];
}

/// A crate with the names of what it depends on.
#[derive(Debug)]
pub(crate) struct Crate {
    pub(crate) name: String,
    pub(crate) manifest: PathBuf,
    dependencies: Vec<(Kind, String)>,
}

impl Crate {
    fn read(package: &Value) -> Self {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let dependencies = package["dependencies"].as_array().expect("a list").iter().map(|dependency| {
            let kind = match dependency["kind"].as_str() {
                None => Kind::Normal,
                Some("dev") => Kind::Dev,
                Some("build") => Kind::Build,
                Some(other) => panic!("a dependency of the kind `{other}`"),
            };
            (kind, text(&dependency["name"]))
        });
        Self {
            name: text(&package["name"]),
            manifest: text(&package["manifest_path"]).into(),
            dependencies: dependencies.collect(),
        }
    }

    pub(crate) fn dependencies(&self, kind: Kind) -> impl Iterator<Item = &str> {
        self.dependencies.iter().filter(move |(of, _)| *of == kind).map(|(_, name)| name.as_str())
    }
}

/// All crates.
#[derive(Debug)]
pub(crate) struct Workspace(BTreeMap<String, Crate>);

impl Workspace {
    /// Asks cargo.
    pub(crate) fn load() -> Self {
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
            .current_dir(root())
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let packages = metadata["packages"].as_array().expect("packages");
        Self(packages.iter().map(Crate::read).map(|krate| (krate.name.clone(), krate)).collect())
    }

    pub(crate) fn crates(&self) -> impl Iterator<Item = &Crate> {
        self.0.values()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The crates of ours that are linked into `name`, over any number of steps.
    pub(crate) fn reached_from(&self, name: &str) -> BTreeSet<String> {
        let mut reached = BTreeSet::new();
        let mut open = vec![name];
        while let Some(next) = open.pop() {
            for dependency in self.0[next].dependencies(Kind::Normal).filter(|name| self.has(name)) {
                if reached.insert(dependency.to_owned()) {
                    open.push(dependency);
                }
            }
        }
        reached
    }
}

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
