//! Isolation with bubblewrap.
//!
//! An isolated workspace sees the system, but may not change it; it has a `/tmp` of its own and sees no processes but
//! its own. Home directories, `/run`, where services and further programs are (`/opt`, `/srv`, `/var/lib`), and what
//! belongs to the mesh and to other workspaces are not there, wherever links lead to them; nor is what the configuration
//! adds. The network is the machine's. What is *not* kept from it: files elsewhere that the provisioner's user may read.

mod places;
mod probe;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use places::Places;
pub(super) use probe::find;

use super::directory::{AgentFiles, Directory};
use super::environment;

/// How programs are run in isolation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sandbox {
    /// Leaves the terminal, so that nobody types into it from within.
    setsid: PathBuf,
    bubblewrap: PathBuf,
    /// What is hidden on this machine, and what can be read all the same.
    places: Places,
    /// Where workspaces are, and everything else that the mesh keeps. Without links.
    data_dir: PathBuf,
}

impl Sandbox {
    /// The program that runs others in isolation.
    pub(super) fn program(&self) -> &Path {
        &self.setsid
    }

    /// What it is called with before the program that is run for a workspace, for one of its agents.
    pub(super) fn args(&self, directory: &Directory, agent: &AgentFiles) -> Vec<OsString> {
        let mut args = self.system();
        args.extend(bind("--bind", &directory.home()));
        args.extend(bind("--bind", agent.state_dir()));
        // Of what we keep of the workspace this is all: we run programs that are not isolated as the rest says.
        args.extend(bind("--ro-bind", &agent.token_file()));
        args.extend(["--chdir".into(), directory.home().into(), "--".into()]);
        args
    }

    /// Everything but the workspace's own directory.
    fn system(&self) -> Vec<OsString> {
        let mut args: Vec<OsString> = vec![self.bubblewrap.clone().into()];
        args.extend(["--unshare-user-try", "--unshare-pid", "--unshare-ipc", "--cap-drop", "ALL"].map(Into::into));
        args.extend(["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"].map(Into::into));
        for path in &self.places.hidden {
            args.extend(["--tmpfs".into(), path.into()]);
        }
        for path in &self.places.readable {
            args.extend(bind("--ro-bind-try", path));
        }
        for path in &self.places.masked {
            args.extend(["--ro-bind-try".into(), "/dev/null".into(), path.into()]);
        }
        // Last, so that nothing brings it back.
        args.extend(["--tmpfs".into(), self.data_dir.clone().into()]);
        args
    }
}

fn bind(how: &str, path: &Path) -> [OsString; 3] {
    [how.into(), path.into(), path.into()]
}

/// Fails where there is no such program: the sandbox would start, and find out by itself.
pub(super) fn require(program: &Path) -> io::Result<()> {
    found(program).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Where a program is that may be named without its directory.
fn found(program: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return std::path::absolute(program).ok().filter(|program| program.is_file());
    }
    let path = environment::inherited().into_iter().find(|(name, _)| name == "PATH");
    let mut candidates = path.iter().flat_map(|(_, path)| std::env::split_paths(path)).map(|path| path.join(program));
    candidates.find(|candidate| candidate.is_file())
}

#[cfg(test)]
mod tests {
    use chatmesh_core::{IdSource as _, SystemIds};

    use super::*;
    use crate::job::{AgentName, WorkspaceId};

    #[test]
    fn what_is_hidden_comes_back_only_where_it_is_needed_and_data_of_the_mesh_never() {
        let sandbox = Sandbox {
            setsid: "/usr/bin/setsid".into(),
            bubblewrap: "/usr/bin/bwrap".into(),
            places: Places {
                hidden: [PathBuf::from("/home")].into(),
                readable: [PathBuf::from("/home/me/agent")].into(),
                masked: [PathBuf::from("/etc/chatmesh.toml")].into(),
            },
            data_dir: "/home/me/data".into(),
        };
        let directory = Directory::new(Path::new("/home/me/data"), WorkspaceId(SystemIds.next()));
        let agent = directory.agent(&AgentName::main());
        let args: Vec<_> =
            sandbox.args(&directory, &agent).iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
        let at = |word: &str| args.iter().rposition(|arg| arg == word).expect(word);
        let order = [at("/proc"), at("/home"), at("/home/me/agent"), at("/etc/chatmesh.toml"), at("/home/me/data")];
        assert!(order.is_sorted(), "{args:?}");
        assert_eq!(args[at("/etc/chatmesh.toml") - 1], "/dev/null");
        assert_eq!(args.iter().filter(|arg| *arg == "--bind").count(), 2);
        assert!(at("--bind") > at("/home/me/data"), "{args:?}");
        // Nothing that we believe later can be written to.
        let control = |arg: &&String| arg.contains("/control");
        let token = agent.token_file().to_string_lossy().into_owned();
        assert_eq!(args.iter().filter(control).collect::<Vec<_>>(), [&token, &token]);
        assert_eq!(args[at(&token) - 2], "--ro-bind");
        assert_eq!(args.last().map(String::as_str), Some("--"));
        // An agent outlives its provisioner, to be adopted by the next one.
        assert!(!args.iter().any(|arg| arg == "--die-with-parent" || arg == "--unshare-net"), "{args:?}");
    }
}
