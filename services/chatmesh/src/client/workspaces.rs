//! Workspaces, by the names that people give them.

use anyhow::{Context as _, bail};
use chatmesh_core::Uuid;

use super::Client;

/// A workspace of the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Workspace {
    pub(crate) id: String,
    pub(crate) name: String,
}

impl Client {
    /// Finds a workspace by its name or identifier. No name is as long as an identifier.
    pub(crate) async fn workspace(&self, name_or_id: &str) -> anyhow::Result<Workspace> {
        if Uuid::try_parse(name_or_id).is_ok() {
            let found = self.get(&format!("/api/v1/workspaces/{name_or_id}")).await?;
            let name = found["name"].as_str().context("the workspace has no name")?.to_owned();
            return Ok(Workspace { id: name_or_id.to_owned(), name });
        }
        let mut path = "/api/v1/workspaces?page_size=200".to_owned();
        loop {
            let page = self.get(&path).await?;
            let listed = page["workspaces"].as_array().map(Vec::as_slice).unwrap_or_default();
            if let Some(found) = listed.iter().find(|workspace| workspace["name"] == name_or_id) {
                let id = found["id"].as_str().context("the workspace has no id")?.to_owned();
                return Ok(Workspace { id, name: name_or_id.to_owned() });
            }
            match page["next_page_token"].as_str() {
                Some(token) if !token.is_empty() => {
                    path = format!("/api/v1/workspaces?page_size=200&page_token={token}");
                }
                _ => bail!("you have no workspace `{name_or_id}`: name one of yours, or its id"),
            }
        }
    }
}
