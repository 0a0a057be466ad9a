//! Where the container runtime listens.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::docker;
use super::error::Error;

/// The variable that names another place.
const VARIABLE: &str = "DOCKER_HOST";
/// Where runtimes listen as a rule.
const DEFAULT: &str = "/var/run/docker.sock";

/// The socket of the container runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Socket {
    /// It may or may not be there.
    At(PathBuf),
    /// A place that is no socket, without what may be a password in it.
    Unsupported(String),
}

impl Socket {
    /// Reads the variables; an empty one counts as none.
    pub(super) fn of(environment: &[(OsString, OsString)]) -> Self {
        let host = environment.iter().find(|(name, _)| name == VARIABLE).map(|(_, value)| value.to_string_lossy());
        match host.as_deref() {
            None | Some("") => Self::At(PathBuf::from(DEFAULT)),
            Some(host) => match host.strip_prefix("unix://") {
                Some(path) if Path::new(path).is_absolute() => Self::At(PathBuf::from(path)),
                _ => Self::Unsupported(host.rsplit('@').next().unwrap_or_default().to_owned()),
            },
        }
    }

    /// Asks the runtime for a resource.
    pub(super) async fn get(&self, resource: &str) -> Result<Bytes, Error> {
        match self {
            Self::At(path) => docker::get(path, resource).await,
            Self::Unsupported(host) => Err(Error::Unsupported(host.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_that_of_the_variable_or_the_usual_one() {
        for (value, expected) in [
            (None, Socket::At(DEFAULT.into())),
            (Some(""), Socket::At(DEFAULT.into())),
            (Some("unix:///run/user/1000/podman.sock"), Socket::At("/run/user/1000/podman.sock".into())),
            (Some("unix://relative"), Socket::Unsupported("unix://relative".into())),
            (Some("tcp://10.0.0.1:2375"), Socket::Unsupported("tcp://10.0.0.1:2375".into())),
            (Some("ssh://user:secret@host"), Socket::Unsupported("host".into())),
        ] {
            let environment: Vec<_> = value.map(|value| (VARIABLE.into(), value.into())).into_iter().collect();
            assert_eq!(Socket::of(&environment), expected);
        }
    }
}
