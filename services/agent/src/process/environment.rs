//! The environment of processes.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::chat::ChatId;

/// Names of variables that only the mesh sets.
pub(super) const RESERVED_PREFIX: &str = "CHATMESH_";
/// Names of variables of the mesh that are for what runs in the workspace: the values of its template's parameters.
const PARAMETER_PREFIX: &str = "CHATMESH_PARAMETER_";
/// Where programs are found if nothing else says so.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// What every process gets; later ones win: the agent's own environment, the agent's additions,
/// the request's variables, and who it runs for.
///
/// Variables of the mesh are not passed on from the agent's own environment, and so neither its
/// token nor anything else that is meant for a part of the mesh reaches a process. The values of
/// the template's parameters are the exception: they are there for processes to read.
#[derive(Clone)]
pub(crate) struct Environment {
    base: BTreeMap<OsString, OsString>,
    workspace: Option<String>,
}

impl fmt::Debug for Environment {
    /// Names only: values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.base.keys()).finish()
    }
}

impl Environment {
    /// An environment on top of the variables `os`, for the workspace `workspace`.
    pub(crate) fn new(os: impl IntoIterator<Item = (OsString, OsString)>, workspace: Option<String>) -> Self {
        let mut base: BTreeMap<_, _> =
            os.into_iter().filter(|(name, _)| !is_reserved(name) || is_parameter(name)).collect();
        base.insert("CHATMESH_AGENT".into(), "true".into());
        Self { base, workspace }
    }

    /// Lets programs in `dir` be found, after all others.
    pub(crate) fn with_programs_in(mut self, dir: &Path) -> Self {
        let path = self.base.entry("PATH".into()).or_insert_with(|| DEFAULT_PATH.into());
        path.push(":");
        path.push(dir);
        self
    }

    /// Sets a variable of the mesh for everything that runs here.
    pub(crate) fn with(mut self, name: &str, value: &Path) -> Self {
        self.base.insert(name.into(), value.into());
        self
    }

    /// The variables of a script, which has the two directories `data` and `programs`.
    pub(crate) fn of_script(&self, data: &Path, programs: &Path) -> BTreeMap<OsString, OsString> {
        let mut variables = self.of(&BTreeMap::new(), None);
        variables.insert("CHATMESH_SCRIPT_DATA_DIR".into(), data.into());
        variables.insert("CHATMESH_SCRIPT_BIN_DIR".into(), programs.into());
        variables
    }

    /// The variables of a process of `chat`.
    pub(crate) fn of(&self, request: &BTreeMap<String, String>, chat: Option<&ChatId>) -> BTreeMap<OsString, OsString> {
        let mut variables = self.base.clone();
        variables.extend(request.iter().map(|(name, value)| (name.into(), value.into())));
        if let Some(chat) = chat {
            variables.insert("CHATMESH_CHAT_ID".into(), chat.as_str().into());
        }
        if let Some(workspace) = &self.workspace {
            variables.insert("CHATMESH_WORKSPACE_ID".into(), workspace.into());
        }
        variables
    }

    /// The home directory, where one is set.
    pub(crate) fn home(&self) -> Option<PathBuf> {
        self.base.get(OsStr::new("HOME")).filter(|home| !home.is_empty()).map(PathBuf::from)
    }
}

fn is_reserved(name: &OsStr) -> bool {
    name.as_bytes().starts_with(RESERVED_PREFIX.as_bytes())
}

fn is_parameter(name: &OsStr) -> bool {
    name.as_bytes().starts_with(PARAMETER_PREFIX.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn os(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    #[test]
    fn later_sources_win_and_variables_of_the_mesh_stay_with_the_agent() {
        let os = os(&[
            ("PATH", "/bin"),
            ("LANG", "C"),
            ("CHATMESH_AGENT_TOKEN", "secret"),
            ("CHATMESH_AGENT_TOKEN_FILE", "/secret"),
            ("CHATMESH_CHAT_ID", "stale"),
        ]);
        let environment = Environment::new(os, Some("w1".to_owned()));
        let request = BTreeMap::from([("LANG".to_owned(), "de".to_owned())]);

        let variables = environment.of(&request, Some(&ChatId::for_test("c1")));
        let text = |name: &str| variables.get(OsStr::new(name)).and_then(|value| value.to_str());
        assert_eq!(text("PATH"), Some("/bin"));
        assert_eq!(text("LANG"), Some("de"));
        assert_eq!(text("CHATMESH_AGENT"), Some("true"));
        assert_eq!(text("CHATMESH_CHAT_ID"), Some("c1"));
        assert_eq!(text("CHATMESH_WORKSPACE_ID"), Some("w1"));
        assert_eq!(variables.len(), 5);
        assert!(!environment.of(&request, None).contains_key(OsStr::new("CHATMESH_CHAT_ID")));
    }

    #[test]
    fn the_values_of_parameters_reach_processes_and_scripts() {
        let os = os(&[("CHATMESH_PARAMETER_SIZE", "large"), ("CHATMESH_PARAMETERS", "x"), ("CHATMESH_AGENT_URL", "y")]);
        let environment = Environment::new(os, None);
        let of_script = environment.of_script(Path::new("/s/a"), Path::new("/s/bin"));
        for variables in [environment.of(&BTreeMap::new(), None), of_script] {
            assert_eq!(variables[OsStr::new("CHATMESH_PARAMETER_SIZE")], OsStr::new("large"));
            assert!(!variables.contains_key(OsStr::new("CHATMESH_PARAMETERS")));
            assert!(!variables.contains_key(OsStr::new("CHATMESH_AGENT_URL")));
        }
    }

    #[test]
    fn a_script_has_its_directories_and_finds_programs_of_scripts_last() {
        let environment = Environment::new(os(&[("PATH", "/bin")]), None).with_programs_in(Path::new("/s/bin"));
        let variables = environment.of_script(Path::new("/s/a"), Path::new("/s/bin"));
        let text = |name: &str| variables.get(OsStr::new(name)).and_then(|value| value.to_str());
        assert_eq!(text("PATH"), Some("/bin:/s/bin"));
        assert_eq!(text("CHATMESH_SCRIPT_DATA_DIR"), Some("/s/a"));
        assert_eq!(text("CHATMESH_SCRIPT_BIN_DIR"), Some("/s/bin"));
        let none = Environment::new([], None).with_programs_in(Path::new("/s/bin"));
        let variables = none.of(&BTreeMap::new(), None);
        assert_eq!(variables[OsStr::new("PATH")], OsStr::new("/usr/local/bin:/usr/bin:/bin:/s/bin"));
    }
}
