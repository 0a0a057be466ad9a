//! What an agent, and with it every command of a workspace, inherits of our environment.

use std::ffi::OsString;

/// The only variables that pass. The rest of our environment is nobody's business: it may hold
/// the keys of the whole mesh.
const ALLOWED: [&str; 4] = ["PATH", "LANG", "TZ", "USER"];

/// Where programs are found where nobody says.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The variables of this process that agents inherit.
pub(super) fn inherited() -> Vec<(OsString, OsString)> {
    scrub(std::env::vars_os())
}

fn scrub(variables: impl Iterator<Item = (OsString, OsString)>) -> Vec<(OsString, OsString)> {
    let mut kept: Vec<_> = variables.filter(|(name, _)| ALLOWED.iter().any(|allowed| name == allowed)).collect();
    if !kept.iter().any(|(name, _)| name == "PATH") {
        kept.push(("PATH".into(), DEFAULT_PATH.into()));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_allowed_passes() {
        let ours = [("CHATMESH_MESH_SECRET", "s"), ("LANG", "C"), ("LD_PRELOAD", "x"), ("HOME", "/root")];
        let kept = scrub(ours.into_iter().map(|(name, value)| (name.into(), value.into())));
        assert_eq!(kept, [("LANG".into(), "C".into()), ("PATH".into(), OsString::from(DEFAULT_PATH))]);
    }
}
