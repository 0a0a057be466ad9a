//! What is kept of a server.

use std::collections::BTreeMap;
use std::fmt;

use chatmesh_core::{Timestamp, Uuid, typed_id};
use chatmesh_proto::tools::v1 as pb;
use serde::{Deserialize, Serialize};

typed_id!(
    /// An MCP server outside of the mesh.
    ServerId
);

/// A configured server.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    /// Its identifier.
    pub id: ServerId,
    /// Its unique name.
    pub slug: String,
    /// False where it is switched off.
    pub enabled: bool,
    /// Grows by one with every change.
    pub version: u32,
    /// Everything else that is no secret; the fields that are beside it here are empty in it.
    pub settings: pb::McpServer,
    /// [`Secrets`], sealed.
    pub sealed_secrets: Option<Vec<u8>>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What names a server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reference {
    /// Its identifier.
    Id(Uuid),
    /// Its slug.
    Slug(String),
}

impl From<&str> for Reference {
    fn from(text: &str) -> Self {
        Uuid::try_parse(text).map_or_else(|_| Self::Slug(text.to_owned()), Self::Id)
    }
}

/// What only the server itself may see.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Secrets {
    /// Signs what it is told of the caller.
    pub signing_secret: String,
    /// The value of the one header.
    pub api_key: String,
    /// Any headers.
    pub custom_headers: BTreeMap<String, String>,
    /// Goes with the mesh's identifier at the authorization server.
    pub oauth2_client_secret: String,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

impl Secrets {
    /// True where there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes away what the kind of authentication needed.
    pub(super) fn clear_auth(&mut self) {
        *self = Self { signing_secret: std::mem::take(&mut self.signing_secret), ..Self::default() };
    }

    /// True where there is something that the kind of authentication needs.
    pub(super) fn has_auth(&self) -> bool {
        !(self.api_key.is_empty() && self.custom_headers.is_empty() && self.oauth2_client_secret.is_empty())
    }
}
