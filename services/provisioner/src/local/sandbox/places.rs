//! What is hidden on this machine, and what can be read all the same.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::found;
use crate::Config;

/// What a workspace does not see: other people's files, the sockets of services that would do anything for it, and where
/// services keep what is theirs, secrets included.
const HIDDEN: [&str; 9] = ["/tmp", "/var/tmp", "/home", "/root", "/run", "/mnt", "/opt", "/srv", "/var/lib"];

/// Paths on this machine, each below where its links lead. Later ones are put over earlier ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// Directories that are empty.
    pub(super) hidden: BTreeSet<PathBuf>,
    /// What can be read though it is in one of them.
    pub(super) readable: BTreeSet<PathBuf>,
    /// Files that can not be read.
    pub(super) masked: BTreeSet<PathBuf>,
}

impl Places {
    /// Looks at the machine.
    pub(super) fn find(config: &Config) -> io::Result<Self> {
        let hidden = HIDDEN.into_iter().map(PathBuf::from).chain(config.local.hidden.iter().cloned());
        Self::of(hidden, &needed(config))
    }

    fn of(hide: impl Iterator<Item = PathBuf>, show: &[PathBuf]) -> io::Result<Self> {
        let mut places = Self::default();
        for path in hide {
            let target = match fs::canonicalize(&path) {
                Ok(target) => target,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(at(&path, &error.to_string())),
            };
            match target.is_dir() {
                true if target == Path::new("/") => return Err(at(&path, "it leads to `/`")),
                true => places.hidden.insert(target),
                false => places.masked.insert(target),
            };
        }
        places.readable = show.iter().flat_map(|path| ways_to(path)).filter(|path| places.covers(path)).collect();
        // What is in an empty directory is not there.
        let is_there = |path: &PathBuf| !below(&places.hidden, path) || below(&places.readable, path);
        places.masked = places.masked.iter().filter(|path| is_there(path)).cloned().collect();
        Ok(places)
    }

    /// Whether any of it is hidden.
    fn covers(&self, path: &Path) -> bool {
        below(&self.hidden, path) || self.hidden.iter().any(|hidden| hidden.starts_with(path))
    }
}

fn below(directories: &BTreeSet<PathBuf>, path: &Path) -> bool {
    directories.iter().any(|directory| path.starts_with(directory))
}

fn at(path: &Path, problem: &str) -> io::Error {
    io::Error::other(format!("`{}` can not be hidden: {problem}", path.display()))
}

/// The name that something is called by, where that is, and where it leads. It need not be there yet.
fn ways_to(path: &Path) -> Vec<PathBuf> {
    let Ok(path) = std::path::absolute(path) else { return Vec::new() };
    let place = path.parent().and_then(|parent| fs::canonicalize(parent).ok());
    let name = place.zip(path.file_name()).map_or_else(|| path.clone(), |(place, name)| place.join(name));
    [Some(name), fs::canonicalize(&path).ok()].into_iter().flatten().collect()
}

/// What agents need to be able to read: their program, certificates, the way to the name service.
fn needed(config: &Config) -> Vec<PathBuf> {
    let mut needed = config.local.readable.clone();
    needed.extend(found(&config.agent_program));
    needed.extend(config.agent_ca_file.clone());
    // They are links to somewhere that is hidden, often.
    needed.extend(["/etc/resolv.conf", "/etc/localtime"].iter().filter_map(|path| fs::canonicalize(path).ok()));
    // Where the system's programs are on NixOS, and its certificates on openSUSE.
    needed.extend(["/run/current-system", "/var/lib/ca-certificates"].map(PathBuf::from));
    needed
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A machine like one whose home directories and whose configuration are elsewhere.
    #[test]
    fn what_a_link_leads_to_is_hidden_and_comes_back_where_it_is_needed() {
        let machine = tempfile::tempdir().expect("a directory");
        let root = fs::canonicalize(machine.path()).expect("there");
        let at = |path: &str| root.join(path);
        for directory in ["var/home/me/bin", "opt/agent", "etc/real", "usr/lib"] {
            fs::create_dir_all(at(directory)).expect("made");
        }
        for file in ["opt/agent/program", "etc/real/mesh.toml", "var/home/me/mesh.toml", "var/home/me/bin/x"] {
            fs::write(at(file), "").expect("written");
        }
        symlink(at("var/home"), at("home")).expect("linked");
        symlink(at("opt/agent/program"), at("var/home/me/bin/agent")).expect("linked");
        symlink(at("etc/real/mesh.toml"), at("etc/mesh.toml")).expect("linked");
        let hide = ["home", "opt", "none", "etc/mesh.toml", "home/me/mesh.toml", "home/me/bin/x"].map(at);
        let show = ["home/me/bin", "home/me/bin/agent", "usr/lib", "home/later"].map(at);
        let places = Places::of(hide.into_iter(), &show).expect("places");
        assert_eq!(places.hidden, ["opt", "var/home"].map(at).into());
        let readable = ["opt/agent/program", "var/home/later", "var/home/me/bin", "var/home/me/bin/agent"];
        assert_eq!(places.readable, readable.map(at).into());
        assert_eq!(places.masked, ["etc/real/mesh.toml", "var/home/me/bin/x"].map(at).into());
    }

    #[test]
    fn a_machine_is_not_hidden_whole() {
        let machine = tempfile::tempdir().expect("a directory");
        let link = machine.path().join("all");
        symlink("/", &link).expect("linked");
        let error = Places::of([link].into_iter(), &[]).expect_err("refused").to_string();
        assert!(error.contains("can not be hidden: it leads to `/`"), "{error}");
    }
}
