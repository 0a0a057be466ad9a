//! The token of a user, as it is shown to a server.

use std::fmt;
use std::sync::Arc;

use chatmesh_core::Timestamp;
use chatmesh_proto::tools::v1::McpAuthType;
use chatmesh_rpc::UserId;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::{debug, warn};

use super::Grant;
use super::standing::Standing;
use crate::Error;
use crate::servers::domain::Server;
use crate::servers::enabled::READ_TIMEOUT;
use crate::servers::state::Servers;
use crate::servers::store::GrantRow;

/// How long before its end a token is renewed.
const MARGIN_SECONDS: i64 = 10;

/// What a user shows a server; nothing where they have nothing to show, or the server takes no such token.
#[derive(Clone, Default, PartialEq, Eq)]
pub(in crate::servers) struct Token {
    /// Which version of the grant it is of: that of another account, or a renewed one, has another. 0 where there is none.
    pub(in crate::servers) version: u32,
    /// As it stands in `Authorization`.
    pub(in crate::servers) header: Option<String>,
    /// In seconds since 1970; `None` where nobody said.
    expires_at: Option<i64>,
    /// True where there is none because the user has to connect again.
    pub(in crate::servers) has_ended: bool,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("version", &self.version).finish_non_exhaustive()
    }
}

impl Token {
    /// That of a grant; none where it is empty.
    pub(super) fn of(version: u32, grant: &Grant) -> Self {
        match grant.header() {
            Some(header) => Self { version, header: Some(header), expires_at: grant.expires_at, has_ended: false },
            None => Self::default(),
        }
    }

    /// That of a user who has to connect again: none.
    pub(super) fn ended() -> Self {
        Self { has_ended: true, ..Self::default() }
    }

    /// The same as long as it lasts.
    pub(super) fn lasting(self, now: Timestamp) -> Self {
        if self.expires_at.is_none_or(|at| at > now.timestamp()) { self } else { Self::default() }
    }
}

impl Servers {
    /// The user's token for a server.
    pub(in crate::servers) async fn token(self: &Arc<Self>, server: &Server, user: UserId) -> Token {
        // Users sign in with tokens of the mesh, which are nobody else's to see: there is none of OpenID to pass on.
        if server.settings.auth_type() != McpAuthType::Oauth2 {
            return Token::default();
        }
        self.current(server, user).await.unwrap_or_else(|error| {
            warn!(server = %server.slug, %error, "the token of a user cannot be read");
            Token::default()
        })
    }

    async fn current(self: &Arc<Self>, server: &Server, user: UserId) -> Result<Token, Error> {
        let Ok(standing) = timeout(READ_TIMEOUT, self.standing(server, user)).await else {
            warn!(server = %server.slug, "the token of a user cannot be read: the database does not answer");
            return Ok(Token::default());
        };
        let (kept, grant) = match standing? {
            Standing::Good(good) => *good,
            none @ (Standing::Nothing | Standing::Ended) => return Ok(none.token()),
        };
        let now = self.clock.now();
        if grant.is_over(now) {
            return Ok(self.end(server, kept).await);
        }
        let lasts = grant.expires_at.is_none_or(|at| at > now.timestamp() + MARGIN_SECONDS);
        if lasts || grant.refresh_token.is_empty() {
            return Ok(Token::of(kept.version, &grant));
        }
        Ok(self.renewal(server, kept, grant).await.lasting(self.clock.now()))
    }

    /// What comes of a renewal, which all who need the same one share.
    async fn renewal(self: &Arc<Self>, server: &Server, kept: GrantRow, grant: Grant) -> Token {
        // Whoever asked may go away: what the authorization server answers must not be lost with them.
        let (sender, receiver) = oneshot::channel();
        let (servers, server) = (Arc::clone(self), server.clone());
        self.tasks.spawn("tools.mcp.renew", async move {
            let renewals = servers.renewals.clone();
            let key = (server.id, kept.user_id, kept.version);
            let renewal = Box::pin(servers.renew(&server, kept, grant));
            drop(sender.send(renewals.0.get_with(key, renewal).await));
        });
        receiver.await.unwrap_or_default()
    }

    /// The token that takes the place of one that the server refuses, though it may be said to last; `None` where there is
    /// none.
    pub(in crate::servers) async fn another_token(
        self: &Arc<Self>,
        server: &Server,
        user: UserId,
        refused: &Token,
    ) -> Option<Token> {
        let granted = self.granted(server, user).await.inspect_err(|error| {
            warn!(server = %server.slug, %error, "the token of a user cannot be read");
        });
        let (kept, grant) = granted.ok()??;
        let token = if kept.version != refused.version {
            // It was renewed in the meantime, or its user connected anew.
            Token::of(kept.version, &grant)
        } else if grant.refresh_token.is_empty() || self.refused.contains(server.id, user, kept.version) {
            return None;
        } else {
            debug!(server = %server.slug, "an MCP server refuses a token: it is renewed");
            self.renewal(server, kept, grant).await
        };
        let is_another = token.header.is_some() && token.version != refused.version;
        is_another.then_some(token)
    }

    /// Notes that a server refuses a token that was renewed for it just now: another renewal would not help for a while. The
    /// grant stays, for it is the authorization server that says when it is worth nothing.
    pub(in crate::servers) fn give_up(&self, server: &Server, user: UserId, refused: &Token) {
        warn!(server = %server.slug, "an MCP server refuses a renewed token");
        self.refused.note(server.id, user, refused.version);
    }
}
