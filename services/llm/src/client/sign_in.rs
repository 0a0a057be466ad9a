//! Keys that must be exchanged before a provider takes them: those of service accounts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chatmesh_core::{Clock as _, SystemClock};
use chatmesh_proto::llm::v1::ProviderType;
use moka::Expiry;
use moka::future::Cache;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::time::timeout_at;

use super::drive::not_started;
use super::reply::{broken, broken_failure};
use super::target::Target;
use crate::classify::{Failure, parse_body};
use crate::provider::{GRANT_TYPE, ServiceAccount};

/// How many accounts' tokens are kept.
const MAX_TOKENS: u64 = 1000;

/// How long before its end a token is not used any more: a call that begins with it must not
/// outlive it before it is accepted.
const MARGIN: Duration = Duration::from_secs(5 * 60);

/// How long an exchange may take, whoever waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// The digest of a key, so that no key is kept.
type Digest = [u8; 32];

/// Access tokens of service accounts, by the accounts' keys. Who asks while a token is on its way
/// waits for that one.
#[derive(Debug, Clone)]
pub(super) struct Tokens {
    http: reqwest::Client,
    known: Cache<Digest, Token>,
    /// Where tokens are asked for in tests.
    uri: Option<String>,
}

#[derive(Debug, Clone)]
struct Token {
    secret: SecretString,
    good_for: Duration,
}

struct UntilItEnds;

impl Expiry<Digest, Token> for UntilItEnds {
    fn expire_after_create(&self, _key: &Digest, token: &Token, _at: Instant) -> Option<Duration> {
        Some(token.good_for)
    }
}

#[derive(Deserialize)]
struct Granted {
    access_token: SecretString,
    #[serde(default)]
    expires_in: u64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Refused {
    error: String,
    error_description: String,
}

impl Tokens {
    pub(super) fn new(http: reqwest::Client) -> Self {
        let known = Cache::builder().max_capacity(MAX_TOKENS).expire_after(UntilItEnds).build();
        Self { http, known, uri: None }
    }

    /// Asks another address for tokens.
    #[cfg(test)]
    pub(super) fn at(mut self, uri: String) -> Self {
        self.uri = Some(uri);
        self
    }

    /// A target with the key that its provider takes: the same one where that is its own.
    ///
    /// # Errors
    /// There is no token to be had, or not in time.
    pub(super) async fn sign_in(&self, target: &Arc<Target>, by: tokio::time::Instant) -> Result<Arc<Target>, Failure> {
        let Some((digest, account)) = account_of(target).transpose()? else { return Ok(Arc::clone(target)) };
        let mut signed = Target::clone(target);
        if signed.settings.project.is_empty() {
            account.project().clone_into(&mut signed.settings.project);
        }
        let token = self.known.try_get_with(digest, self.exchange(&account));
        let token = timeout_at(by, token).await.map_err(|_| not_started())?;
        signed.api_key = Some(token.map_err(|failure| Failure::clone(&failure))?.secret);
        Ok(Arc::new(signed))
    }

    /// Forgets the token of a target that its provider does not take any more. False where there
    /// was none.
    pub(super) async fn forget(&self, target: &Target) -> bool {
        match account_of(target) {
            Some(Ok((digest, _))) => self.known.remove(&digest).await.is_some(),
            _ => false,
        }
    }

    async fn exchange(&self, account: &ServiceAccount) -> Result<Token, Failure> {
        let assertion = account.assertion(SystemClock.now().timestamp())?;
        let uri = self.uri.as_deref().unwrap_or_else(|| account.token_uri());
        let form = [("grant_type", GRANT_TYPE), ("assertion", assertion.as_str())];
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self
            .http
            .post(uri)
            .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .timeout(PATIENCE)
            .body(body);
        let response = request.send().await.map_err(|error| broken_failure(broken(error)))?;
        let status = response.status();
        let body = response.bytes().await.map_err(|error| broken_failure(broken(error)))?;
        if !status.is_success() {
            return Err(refusal(status.as_u16(), &body));
        }
        let granted: Granted = serde_json::from_slice(&body)
            .map_err(|_| Failure::protocol("the answer to the service account has no token"))?;
        let good_for = Duration::from_secs(granted.expires_in).saturating_sub(MARGIN);
        Ok(Token { secret: granted.access_token, good_for })
    }
}

/// The account whose key a target has; nothing where it has another key.
fn account_of(target: &Target) -> Option<Result<(Digest, ServiceAccount), Failure>> {
    if target.provider_type != ProviderType::Vertex {
        return None;
    }
    let key = target.api_key.as_ref()?;
    let digest = || Sha256::digest(key.expose_secret()).into();
    Some(ServiceAccount::parse(key)?.map(|account| (digest(), account)))
}

/// An account that is refused is one of bad credentials, whatever the status.
fn refusal(status: u16, body: &[u8]) -> Failure {
    let mut failure = parse_body(body);
    failure.status = Some(status);
    let refused: Refused = serde_json::from_slice(body).unwrap_or_default();
    if !refused.error_description.is_empty() {
        failure.message = refused.error_description;
    }
    if matches!(refused.error.as_str(), "invalid_grant" | "invalid_client" | "unauthorized_client") {
        failure.codes.push("unauthorized".to_owned());
    }
    failure
}
