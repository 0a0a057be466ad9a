//! How a user connects to a server, and how that ends.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chatmesh_core::{ExposeSecret as _, SecretString, Uuid, Violations};
use chatmesh_rpc::UserId;
use chatmesh_seal::{SealError, Sealer};
use rand::RngCore as _;
use sha2::{Digest as _, Sha256};
use tracing::warn;
use url::{Host, Url};

use super::endpoint::{revoke, token};
use super::{Grant, Login, discover, row};
use crate::Error;
use crate::servers::domain::{Server, ServerId};
use crate::servers::state::Servers;
use crate::servers::store::{GrantRow, LoginRow};

/// How long a user may be on the way.
const LOGIN_TTL: Duration = Duration::from_secs(600);
const VERIFIER_BYTES: usize = 48;

/// Checks where a user comes back to: nobody but the user may read the code there.
pub(in crate::servers) fn check_redirect(uri: &str, violations: &mut Violations) {
    let fits = Url::parse(uri).is_ok_and(|url| {
        let is_local = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        };
        let is_plain = uri.len() <= 2048 && url.fragment().is_none() && url.username().is_empty();
        is_plain && (url.scheme() == "https" && url.host().is_some() || url.scheme() == "http" && is_local)
    });
    let message = "must be an https URL, or an http URL on the user's own machine like http://127.0.0.1:7090/callback";
    violations.require(fits, "redirect_uri", message);
}

impl Servers {
    /// Where to send a user who wants to connect.
    pub(in crate::servers) async fn begin(
        &self,
        server: &Server,
        user: UserId,
        redirect_uri: &str,
    ) -> Result<String, Error> {
        let secrets = self.open(server)?;
        let authority = discover::authority(&self.http, server, &secrets, redirect_uri).await;
        let authority = authority.map_err(|problem| Error::Authority { server: server.slug.clone(), problem })?;
        let mut verifier = [0; VERIFIER_BYTES];
        rand::rng().fill_bytes(&mut verifier);
        let verifier = BASE64_URL_SAFE_NO_PAD.encode(verifier);
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        // It is guessed by nobody: unlike an identifier of this mesh, all of it is random.
        let mut state = [0; 16];
        rand::rng().fill_bytes(&mut state);
        let state = Uuid::from_bytes(state);

        let mut url = Url::parse(&authority.authorization_url).map_err(|_| self.no_authority(server))?;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &authority.client_id)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("state", &state.to_string())
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .append_pair("resource", &authority.resource);
        if !authority.scopes.is_empty() {
            url.query_pairs_mut().append_pair("scope", &authority.scopes.join(" "));
        }
        let login = Login { authority, verifier, redirect_uri: redirect_uri.to_owned() };
        let login = LoginRow {
            id: state,
            server_id: server.id,
            user_id: user,
            sealed: self.seal_value(state, &login)?,
            created_at: self.clock.now(),
        };
        self.grants.insert_login(&login, self.clock.now() - LOGIN_TTL).await?;
        Ok(url.into())
    }

    fn no_authority(&self, server: &Server) -> Error {
        Error::Authority { server: server.slug.clone(), problem: "its authorization server has no address".to_owned() }
    }

    /// Keeps what the user was granted. A state is good once, and for the user whom it was made for.
    pub(in crate::servers) async fn complete(
        &self,
        server: &Server,
        user: UserId,
        state: Uuid,
        code: &str,
    ) -> Result<(), Error> {
        let not_before = self.clock.now() - LOGIN_TTL;
        let taken = self.grants.take_login(state, server.id, user, not_before).await?;
        let unknown = "is none that is waited for: it was used already, is older than ten minutes, or of another user";
        let taken = taken.ok_or_else(|| Violations::one("state", unknown))?;
        let Login { authority, verifier, redirect_uri } = self.open_value(state, &taken.sealed)?;
        if !authority.is_of(server) {
            let problem = "it has moved to another host since: begin anew".to_owned();
            return Err(Error::Authority { server: server.slug.clone(), problem });
        }
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &redirect_uri),
            ("code_verifier", &verifier),
        ];
        let granted = token(&self.http, &authority, &form, self.clock.now().timestamp()).await;
        let grant = granted
            .map_err(|problem| Error::Authority { server: server.slug.clone(), problem: problem.to_string() })?;
        self.keep(server.id, user, &grant).await
    }

    async fn keep(&self, server: ServerId, user: UserId, grant: &Grant) -> Result<(), Error> {
        let row = GrantRow {
            server_id: server,
            user_id: user,
            version: 1,
            sealed: self.seal_value(row(server, user), grant)?,
            is_dead: false,
            renewing_until: None,
            updated_at: self.clock.now(),
        };
        Ok(self.grants.put(&row).await?)
    }

    /// Forgets what a user was granted. What was opened or listed with it is not used again: it is known by the version
    /// of the grant, here and in every other process.
    pub(in crate::servers) async fn disconnect(&self, server: &Server, user: UserId) -> Result<(), Error> {
        let Some(kept) = self.grants.forget(server.id, user).await? else { return Ok(()) };
        let Ok(grant) = self.open_value::<Grant>(row(server.id, user), &kept.sealed) else { return Ok(()) };
        if let Err(problem) = revoke(&self.http, &grant).await {
            warn!(server = %server.slug, %problem, "a token that a user gave up was not taken back and may still be good");
        }
        Ok(())
    }

    /// Seals a value for a row.
    pub(super) fn seal_value(&self, row: Uuid, value: &impl serde::Serialize) -> Result<Vec<u8>, SealError> {
        let text = serde_json::to_string(value).map_err(|_| SealError::CannotSeal)?;
        self.sealer.seal(row, &SecretString::from(text))
    }

    /// Opens a value of a row.
    pub(super) fn open_value<T: serde::de::DeserializeOwned>(&self, row: Uuid, sealed: &[u8]) -> Result<T, SealError> {
        opened(&self.sealer, row, sealed)
    }
}

/// Opens a value of a row.
pub(super) fn opened<T: serde::de::DeserializeOwned>(
    sealer: &Sealer,
    row: Uuid,
    sealed: &[u8],
) -> Result<T, SealError> {
    let text = sealer.open(row, sealed)?;
    serde_json::from_str(text.expose_secret()).map_err(|_| SealError::CannotOpen)
}
