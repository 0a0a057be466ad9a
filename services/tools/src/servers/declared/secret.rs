//! Secrets that the configuration points to.

use std::path::Path;

use tokio::io::AsyncReadExt as _;

use super::Variables;
use crate::config::SecretReference;

/// The largest file with a secret.
const MAX_BYTES: u64 = 64 * 1024;

/// Reads the secrets of one server.
pub(super) struct Reader<'a> {
    /// Where the server stands in the configuration.
    pub(super) place: &'a str,
    pub(super) variables: Variables<'a>,
}

impl Reader<'_> {
    /// Reads a secret; empty where there is none.
    ///
    /// # Errors
    /// It is not where it should be; says which and where, and never what was found.
    pub(super) async fn read(&self, field: &str, reference: Option<&SecretReference>) -> Result<String, String> {
        let found = match reference {
            None => return Ok(String::new()),
            Some(SecretReference::Env(name)) => {
                (self.variables)(name).ok_or_else(|| format!("the variable `{name}` is not set"))
            }
            Some(SecretReference::File(path)) => {
                file(path).await.map_err(|problem| format!("the file `{}` {problem}", path.display()))
            }
        };
        let secret = found.and_then(|text| match text.trim_end() {
            "" => Err("what it points to is empty".to_owned()),
            secret => Ok(secret.to_owned()),
        });
        secret.map_err(|problem| format!("{}.{field}: {problem}", self.place))
    }
}

async fn file(path: &Path) -> Result<String, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).await.map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("has more than {MAX_BYTES} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "is no text".to_owned())
}
