//! Where a process runs.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

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
    let problem = match tokio::fs::metadata(path).await {
        Ok(metadata) if metadata.is_dir() => return Ok(()),
        Ok(_) => "is not a directory".to_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => "does not exist".to_owned(),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => "may not be entered by the agent".to_owned(),
        Err(error) => format!("can not be used: {error}"),
    };
    Err(Error::Workdir { path: path.to_owned(), problem })
}
