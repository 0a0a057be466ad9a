//! What a manifest says to one kind of provisioner alone.

use super::Manifest;

impl Manifest {
    /// The part that is for its kind of provisioner, as JSON; empty where there is none.
    ///
    /// # Errors
    /// It can not be written as JSON.
    pub(crate) fn settings(&self) -> Result<String, serde_json::Error> {
        match (self.provisioner.as_str(), &self.kubernetes) {
            ("kubernetes", Some(pod)) => serde_json::to_string(pod),
            _ => Ok(String::new()),
        }
    }
}
