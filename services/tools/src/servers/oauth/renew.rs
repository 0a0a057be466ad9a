//! Renewals of tokens. What is shown for a renewal is often worth nothing afterwards, and a server that sees it twice may
//! take everything back. So of all processes one renews a grant: it claims it first, and the others wait for what comes
//! of that.

use std::time::Duration;

use chatmesh_core::Backoff;
use chatmesh_db::DbError;
use chatmesh_rpc::UserId;
use moka::future::Cache as Renewed;
use moka::sync::Cache;
use tokio::time::{Instant, sleep, timeout};
use tracing::{error, warn};

use super::endpoint::token;
use super::standing::{Standing, sealed_for};
use super::token::Token;
use super::{ClientFrom, Grant, TokenError};
use crate::servers::domain::{Server, ServerId};
use crate::servers::state::Servers;
use crate::servers::store::GrantRow;

/// How long a renewal may take, here or elsewhere: what comes later is of no use to who waits.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long it is tried to keep what was granted.
const KEEP_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a claim lasts: longer than all of that, and not long where a process ends in the middle of it.
const CLAIM: Duration = Duration::from_secs(45);
/// How long what came of a renewal is remembered: one that failed is not tried again until then.
const FRESH: Duration = Duration::from_secs(30);

/// How long a server that refuses a renewed token is left alone.
const REFUSED: Duration = Duration::from_secs(600);

/// What came of renewals a while ago, for all in this process who need the same one.
#[derive(Debug, Clone)]
pub(in crate::servers) struct Renewals(pub(super) Renewed<(ServerId, UserId, u32), Token>);

impl Default for Renewals {
    fn default() -> Self {
        Self(Renewed::builder().max_capacity(10_000).time_to_live(FRESH).build())
    }
}

/// Tokens that a server refused though they had just been renewed: they are not renewed for that again for a while.
#[derive(Debug, Clone)]
pub(in crate::servers) struct Refused(Cache<(ServerId, UserId, u32), ()>);

impl Default for Refused {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(10_000).time_to_live(REFUSED).build())
    }
}

impl Refused {
    pub(super) fn contains(&self, server: ServerId, user: UserId, version: u32) -> bool {
        self.0.contains_key(&(server, user, version))
    }

    pub(super) fn note(&self, server: ServerId, user: UserId, version: u32) {
        self.0.insert((server, user, version), ());
    }
}

/// Users whose tokens are not renewed because of a client that an administrator configured. That is forgotten after a
/// while: only another renewal shows that it is mended.
#[derive(Debug, Clone)]
pub(in crate::servers) struct Misconfigured(Cache<(ServerId, UserId), ()>);

impl Default for Misconfigured {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(10_000).time_to_live(2 * FRESH).build())
    }
}

impl Misconfigured {
    pub(in crate::servers) fn contains(&self, server: ServerId, user: UserId) -> bool {
        self.0.contains_key(&(server, user))
    }

    fn note(&self, server: ServerId, user: UserId, is_so: bool) {
        match is_so {
            true => self.0.insert((server, user), ()),
            false => self.0.invalidate(&(server, user)),
        }
    }
}

/// True where the client of a grant is the one that an administrator has configured. A registered one is of one
/// connection of one user, and one that was configured before is of no use to anybody who connects.
fn is_configured(server: &Server, grant: &Grant) -> bool {
    let configured = server.settings.oauth2.as_ref().map(|configured| configured.client_id.as_str());
    grant.authority.client_from == ClientFrom::Configuration
        && configured.is_some_and(|client| !client.is_empty() && client == grant.authority.client_id)
}

impl Servers {
    /// Renews a token. What fails for a moment leaves the old one as long as it lasts.
    pub(super) async fn renew(&self, server: &Server, kept: GrantRow, grant: Grant) -> Token {
        let now = self.clock.now();
        let still = Token::of(kept.version, &grant).lasting(now);
        match self.grants.claim(&kept, now, now + CLAIM).await {
            Ok(true) => {}
            Ok(false) => {
                let elsewhere = timeout(TIMEOUT, self.renewed_elsewhere(server, &kept)).await;
                return elsewhere.ok().flatten().unwrap_or(still);
            }
            Err(error) => {
                warn!(server = %server.slug, %error, "a token is not renewed: its grant cannot be claimed");
                return still;
            }
        }
        let grant = self.as_configured(server, grant);
        let ends = !is_configured(server, &grant);
        let renewed = self.renewed(&kept, grant, ends).await;
        let is_misconfigured = matches!(renewed, Err(TokenError::UnknownClient));
        self.misconfigured.note(server.id, kept.user_id, is_misconfigured);
        match renewed {
            Ok((changed, token)) => self.keep_renewed(server, &changed, token).await,
            Err(problem) => {
                if is_misconfigured {
                    // What was granted is as good as before once an administrator has mended that.
                    let slug = &server.slug;
                    error!(server = %slug, %problem, "tokens cannot be renewed: look after the server's `oauth2`");
                } else {
                    warn!(server = %server.slug, %problem, "a token could not be renewed");
                }
                if let Err(error) = self.grants.release(&kept).await {
                    warn!(server = %server.slug, %error, "nobody can renew a token for a while: its claim stays");
                }
                still
            }
        }
    }

    /// The grant with the secret that its client is configured with now.
    fn as_configured(&self, server: &Server, mut grant: Grant) -> Grant {
        let (authority, configured) = (&mut grant.authority, server.settings.oauth2.as_ref());
        let is_same = configured.is_some_and(|configured| {
            authority.client_from == ClientFrom::Configuration
                && authority.client_id == configured.client_id
                && authority.token_url == configured.token_url
        });
        if is_same && let Ok(secrets) = self.open(server) {
            authority.client_secret = secrets.oauth2_client_secret;
        }
        grant
    }

    /// Asks for a new token; of a grant that is of no use any more, that is what there is to be kept. It `ends` with
    /// its client: the next connection is made with another one.
    async fn renewed(&self, kept: &GrantRow, grant: Grant, ends: bool) -> Result<(GrantRow, Token), TokenError> {
        let version = kept.version + 1;
        let form = [("grant_type", "refresh_token"), ("refresh_token", grant.refresh_token.as_str())];
        let asked = token(&self.http, &grant.authority, &form, self.clock.now().timestamp());
        let late = |_| Err(TokenError::Failed("it did not answer in time".to_owned()));
        match timeout(TIMEOUT, asked).await.unwrap_or_else(late) {
            Ok(mut renewed) => {
                if renewed.refresh_token.is_empty() {
                    renewed.refresh_token = grant.refresh_token;
                }
                let sealed = self.seal_value(sealed_for(kept), &renewed);
                let sealed = sealed.map_err(|error| TokenError::Failed(error.to_string()))?;
                let changed = GrantRow { sealed, version, updated_at: self.clock.now(), ..kept.clone() };
                Ok((changed, Token::of(version, &renewed)))
            }
            Err(problem) if problem == TokenError::Dead || ends && problem == TokenError::UnknownClient => {
                let changed = GrantRow { is_dead: true, version, updated_at: self.clock.now(), ..kept.clone() };
                Ok((changed, Token::ended()))
            }
            Err(problem) => Err(problem),
        }
    }

    async fn keep_renewed(&self, server: &Server, changed: &GrantRow, token: Token) -> Token {
        match self.write(changed).await {
            Ok(true) if changed.is_dead => {
                warn!(server = %server.slug, "what a user was granted is not valid any more: they have to connect again");
                token
            }
            Ok(true) => token,
            // The user connected anew or took it back in the meantime, or a write counted that seemed to fail: what there
            // is now is what counts.
            Ok(false) => match self.standing(server, changed.user_id).await {
                // What was granted before was taken back with the server, or by its user: nobody knows of the new one.
                Ok(Standing::Nothing) if !changed.is_dead => {
                    self.take_back(&server.slug, vec![changed.clone()]);
                    Token::default()
                }
                standing => standing.map_or_else(|_| Token::default(), |standing| standing.token()),
            },
            Err(error) => {
                warn!(server = %server.slug, %error, "a renewed token could not be kept");
                token
            }
        }
    }

    /// Writes a grant. What it takes the place of may be worth nothing by now: one failed write must not lose it.
    async fn write(&self, changed: &GrantRow) -> Result<bool, DbError> {
        let give_up_at = Instant::now() + KEEP_TIMEOUT;
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
        loop {
            let error = match self.grants.replace(changed).await {
                Ok(written) => return Ok(written),
                Err(error) => error,
            };
            let pause = backoff.next_pause();
            if Instant::now() + pause >= give_up_at {
                return Err(error);
            }
            warn!(%error, "a renewed token could not be kept, trying again");
            sleep(pause).await;
        }
    }

    /// Waits for what another process makes of a grant that it has claimed; `None` where that failed and left it as it
    /// is.
    async fn renewed_elsewhere(&self, server: &Server, before: &GrantRow) -> Option<Token> {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));
        loop {
            sleep(backoff.next_pause()).await;
            match self.standing(server, before.user_id).await {
                Ok(Standing::Good(good)) if good.0.version == before.version => {
                    good.0.renewing_until.filter(|until| *until > self.clock.now())?;
                }
                Ok(standing) => return Some(standing.token()),
                Err(error) => warn!(server = %server.slug, %error, "the token of a user cannot be read"),
            }
        }
    }
}
