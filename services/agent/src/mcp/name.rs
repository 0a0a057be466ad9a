//! Names of servers and tools.

use super::error::Error;

/// What stands between the name of a server and that of its tool.
const SEPARATOR: &str = "__";
/// The longest name of a server in bytes.
const MAX_SERVER_BYTES: usize = 64;
/// The longest name of a tool in bytes, its server's included: model providers take no longer ones.
pub(super) const MAX_BYTES: usize = 128;

/// Checks the name of a server; the error follows the name.
pub(super) fn check_server(name: &str) -> Result<(), String> {
    if name.is_empty() || name.len() > MAX_SERVER_BYTES {
        return Err(format!("must have a name of 1 to {MAX_SERVER_BYTES} bytes"));
    }
    if name.contains(SEPARATOR) || name.starts_with('_') || name.ends_with('_') {
        return Err("must have a name without `__` that neither begins nor ends with `_`".to_owned());
    }
    if name.chars().any(char::is_control) {
        return Err("must have a name without control characters".to_owned());
    }
    Ok(())
}

/// The name of a server's tool among all tools.
pub(super) fn join(server: &str, tool: &str) -> String {
    format!("{server}{SEPARATOR}{tool}")
}

/// Takes the name of a tool apart, into its server and the server's own name for it.
///
/// # Errors
/// It is no such name.
pub(super) fn split(name: &str) -> Result<(&str, &str), Error> {
    let parts = name.split_once(SEPARATOR).filter(|(server, tool)| check_server(server).is_ok() && !tool.is_empty());
    parts.filter(|_| name.len() <= MAX_BYTES).ok_or_else(|| {
        let message = format!("`name` must be `server__tool`, as tools are listed, {MAX_BYTES} bytes at most");
        Error::Invalid(message)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// M01, the name rules: what would make a tool's name ambiguous is no name of a server.
    #[test]
    fn m01_names_of_servers_leave_the_separator_alone() {
        for name in ["a", "git-hub", "my_server", "Server 1", "ü", "a.b/c", &"a".repeat(64)] {
            assert_eq!(check_server(name), Ok(()), "{name}");
        }
        for name in ["", "a__b", "__", "_a", "a_", "_", "a\nb", &"a".repeat(65)] {
            assert!(check_server(name).is_err(), "{name:?}");
        }
    }

    /// M01, the name rules: the first separator counts.
    #[test]
    fn m01_a_tool_is_found_behind_the_first_separator() {
        for (name, expected) in [
            ("git__log", Some(("git", "log"))),
            ("git__log__all", Some(("git", "log__all"))),
            ("git___log", Some(("git", "_log"))),
            ("my_git__log_", Some(("my_git", "log_"))),
            ("git", None),
            ("git_log", None),
            ("__log", None),
            ("git__", None),
            ("_git__log", None),
            ("", None),
        ] {
            assert_eq!(split(name).ok(), expected, "{name}");
        }
        assert!(split(&join("git", &"x".repeat(124))).is_err(), "too long");
    }

    proptest! {
        #[test]
        fn every_tool_of_every_server_is_found_again(server in "[a_b-]{1,10}", tool in "[a_.]{1,10}") {
            prop_assume!(check_server(&server).is_ok());
            let name = join(&server, &tool);
            prop_assert_eq!(split(&name).expect("a name"), (server.as_str(), tool.as_str()));
        }
    }
}
