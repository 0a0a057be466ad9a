//! Where a process runs.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use super::error::Error;

/// Returns the directory that the request names; where it names none, the agent's directory if
/// there is one, else the home directory.
///
/// # Errors
/// There is no such directory; the error says what is there instead.
pub(crate) async fn resolve(requested: &str, directory: &Path, home: Option<PathBuf>) -> Result<PathBuf, Error> {
    if requested.is_empty() {
        if check(directory).await.is_ok() {
            return Ok(directory.to_owned());
        }
        let home = home.unwrap_or_else(|| PathBuf::from("/"));
        return check(&home).await.map(|()| home);
    }
    let path = PathBuf::from(requested);
    check(&path).await.map(|()| path)
}

async fn check(path: &Path) -> Result<(), Error> {
    let checked = path.to_owned();
    let problem = tokio::task::spawn_blocking(move || problem(&checked)).await;
    match problem.unwrap_or_else(|error| Some(format!("can not be looked at: {error}"))) {
        None => Ok(()),
        Some(problem) => Err(Error::Workdir { path: path.to_owned(), problem }),
    }
}

/// What keeps a process from running in `path`. Blocks.
fn problem(path: &Path) -> Option<String> {
    match std::fs::metadata(path) {
        Ok(metadata) if !metadata.is_dir() => Some("is not a directory".to_owned()),
        Ok(_) => access(path, AccessFlags::X_OK).err().map(|_| "may not be entered by the agent".to_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound => Some("does not exist".to_owned()),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Some("may not be entered by the agent".to_owned()),
        Err(error) => Some(format!("can not be used: {error}")),
    }
}
