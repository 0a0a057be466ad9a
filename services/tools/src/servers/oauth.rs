//! Tokens of users for servers that speak OAuth.
//!
//! A user is sent to the authorization server with a challenge that only the mesh can answer (PKCE), and brings a code
//! back, which the mesh exchanges: [`connect`]. Where the authorization server is, and who the mesh is there, is found
//! out unless it is configured: [`discover`]. What was granted is kept sealed, for its user alone, and shown to the server
//! that it is for, where that was then: [`token`]. It is renewed when it is about to expire: [`renew`]; whether it is of
//! use, or the user has to connect again, says [`standing`]. Where a server is deleted or becomes another one, it is taken
//! back: [`revoke`]. [`endpoint`] speaks to authorization servers.

mod connect;
mod discover;
mod endpoint;
mod renew;
mod revoke;
mod standing;
mod token;

use chatmesh_core::Uuid;
use chatmesh_rpc::UserId;
use serde::{Deserialize, Serialize};
use url::Url;

use super::domain::{Server, ServerId};
pub(super) use connect::check_redirect;
use endpoint::TokenError;
pub(super) use renew::{Misconfigured, Refused, Renewals};
pub(super) use token::Token;

/// Who says who the mesh is at an authorization server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ClientFrom {
    /// An administrator; also where nobody noted it: a secret is better not used than sent to the wrong place.
    #[default]
    Configuration,
    /// The authorization server, which may have issued a secret for it.
    Registration,
}

/// Where an authorization server is, and who the mesh is there.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Authority {
    pub(super) authorization_url: String,
    pub(super) token_url: String,
    /// Empty where there is none.
    pub(super) revocation_url: String,
    pub(super) client_id: String,
    /// Empty where there is none.
    pub(super) client_secret: String,
    #[serde(default)]
    pub(super) client_from: ClientFrom,
    /// True where the secret goes into the form of a request, and not into its header.
    #[serde(default)]
    pub(super) secret_in_form: bool,
    /// What tokens are for: the server, as it names itself.
    pub(super) resource: String,
    pub(super) scopes: Vec<String>,
}

impl Authority {
    /// True where its tokens are for the server as it is configured now: on another host, somebody else would see them.
    pub(super) fn is_of(&self, server: &Server) -> bool {
        let origin = |url: &str| Url::parse(url).ok().map(|url| url.origin());
        let own = origin(&self.resource);
        let is_there = own.is_some() && own == origin(&server.settings.url);
        // A secret that an administrator gave goes where an administrator says, and not where the server itself once said.
        let configured = server.settings.oauth2.as_ref().map_or("", |oauth2| oauth2.token_url.as_str());
        let has_secret_of_ours = !self.client_secret.is_empty() && self.client_from == ClientFrom::Configuration;
        is_there && (!has_secret_of_ours || self.token_url == configured)
    }
}

/// What a user was granted.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Grant {
    pub(super) authority: Authority,
    pub(super) token_type: String,
    pub(super) access_token: String,
    /// Empty where there is none.
    pub(super) refresh_token: String,
    /// In seconds since 1970; `None` where nobody said.
    pub(super) expires_at: Option<i64>,
}

impl Grant {
    /// As it stands in `Authorization`; `None` where there is no token.
    pub(super) fn header(&self) -> Option<String> {
        let kind = match self.token_type.as_str() {
            "" => "Bearer",
            kind if kind.eq_ignore_ascii_case("bearer") => "Bearer",
            kind => kind,
        };
        (!self.access_token.is_empty()).then(|| format!("{kind} {}", self.access_token))
    }
}

/// A user who is on the way.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Login {
    pub(super) authority: Authority,
    pub(super) verifier: String,
    pub(super) redirect_uri: String,
}

/// What a grant is sealed for.
pub(super) fn row(server: ServerId, user: UserId) -> Uuid {
    Uuid::from_u128(server.0.as_u128() ^ user.0.as_u128())
}

#[cfg(test)]
mod tests;
