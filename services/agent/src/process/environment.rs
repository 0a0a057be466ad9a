//! The environment of processes.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use crate::chat::ChatId;

/// Names of variables that only the mesh sets.
pub(super) const RESERVED_PREFIX: &str = "CHATMESH_";

/// What every process gets; later ones win: the agent's own environment, the agent's additions,
/// the request's variables, and who it runs for.
///
/// Variables of the mesh are not passed on from the agent's own environment, and so neither its
/// token nor anything else that is meant for a part of the mesh reaches a process.
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
        let mut base: BTreeMap<_, _> = os.into_iter().filter(|(name, _)| !is_reserved(name)).collect();
        base.insert("CHATMESH_AGENT".into(), "true".into());
        Self { base, workspace }
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
}
