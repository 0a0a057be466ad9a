//! Whether what a user was granted is of use, or they have to connect again.

use chatmesh_core::{Timestamp, Uuid};
use chatmesh_proto::tools::v1::McpAuthType;
use chatmesh_rpc::UserId;
use tokio::time::timeout;
use tracing::{debug, info, warn};

use super::token::Token;
use super::{Grant, row};
use crate::Error;
use crate::servers::domain::Server;
use crate::servers::enabled::READ_TIMEOUT;
use crate::servers::state::Servers;
use crate::servers::store::GrantRow;

/// What a user has at a server.
pub(super) enum Standing {
    /// Nothing: they never connected, or took it back.
    Nothing,
    /// What is of no use any more: they have to connect again.
    Ended,
    /// This.
    Good(Box<(GrantRow, Grant)>),
}

impl Standing {
    /// What there is to show.
    pub(super) fn token(&self) -> Token {
        match self {
            Self::Nothing => Token::default(),
            Self::Ended => Token::ended(),
            Self::Good(good) => Token::of(good.0.version, &good.1),
        }
    }
}

impl Grant {
    /// True where it has expired and there is nothing to renew it by.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.refresh_token.is_empty() && self.expires_at.is_some_and(|at| at <= now.timestamp())
    }
}

impl Servers {
    /// What a user has at the server as it is now.
    pub(super) async fn standing(&self, server: &Server, user: UserId) -> Result<Standing, Error> {
        match self.grants.get(server.id, user).await? {
            Some(kept) => self.judged(server, kept),
            None => Ok(Standing::Nothing),
        }
    }

    /// The same where that is good.
    pub(super) async fn granted(&self, server: &Server, user: UserId) -> Result<Option<(GrantRow, Grant)>, Error> {
        Ok(match self.standing(server, user).await? {
            Standing::Good(good) => Some(*good),
            Standing::Nothing | Standing::Ended => None,
        })
    }

    /// True where what a user was granted is of use without them. It is opened for that, and nobody is asked.
    pub(in crate::servers) fn is_connected(&self, server: &Server, kept: GrantRow) -> bool {
        if server.settings.auth_type() != McpAuthType::Oauth2 {
            return false;
        }
        match self.judged(server, kept) {
            Ok(Standing::Good(good)) => !good.1.is_over(self.clock.now()),
            Ok(Standing::Nothing | Standing::Ended) => false,
            Err(error) => {
                debug!(server = %server.slug, %error, "the token of a user cannot be read");
                false
            }
        }
    }

    fn judged(&self, server: &Server, kept: GrantRow) -> Result<Standing, Error> {
        if kept.is_dead {
            return Ok(Standing::Ended);
        }
        let grant: Grant = self.open_value(sealed_for(&kept), &kept.sealed)?;
        if !grant.authority.is_of(server) {
            debug!(server = %server.slug, "a token is not sent: the server has moved to another host since it was granted");
            return Ok(Standing::Ended);
        }
        Ok(Standing::Good(Box::new((kept, grant))))
    }

    /// Notes that a grant is over, so that nobody takes it for a good one. Returns what there is to show instead.
    pub(super) async fn end(&self, server: &Server, kept: GrantRow) -> Token {
        let (user, version, updated_at) = (kept.user_id, kept.version + 1, self.clock.now());
        let over = GrantRow { is_dead: true, version, updated_at, ..kept };
        let noted = async {
            if self.grants.replace(&over).await? {
                info!(server = %server.slug, "what a user was granted has expired: they have to connect again");
                return Ok(Token::ended());
            }
            // Another process noted it, or the user connected anew in the meantime: what there is now is what counts.
            self.standing(server, user).await.map(|standing| standing.token().lasting(self.clock.now()))
        };
        let problem = match timeout(READ_TIMEOUT, noted).await {
            Ok(Ok(token)) => return token,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the database does not answer".to_owned(),
        };
        warn!(server = %server.slug, %problem, "it is not noted that what a user was granted has expired");
        Token::ended()
    }
}

/// What the value of a row is sealed for.
pub(super) fn sealed_for(kept: &GrantRow) -> Uuid {
    row(kept.server_id, kept.user_id)
}
