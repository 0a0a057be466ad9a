//! Signed statements of who calls: JWTs (RFC 7519) that live for a minute.
//!
//! `identity` signs for users with an Ed25519 key (EdDSA, RFC 8037); every service checks with
//! the public key. Services sign for themselves with the secret that the processes of one mesh
//! share (HS256); such an assertion may name the user for whom the service acts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chatmesh_core::{Clock, ExposeSecret, SecretString, Timestamp};
use http::HeaderValue;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use moka::sync::Cache;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use crate::{Caller, Role, UserId};

/// How long an assertion is good for.
pub const LIFETIME: Duration = Duration::from_secs(60);
/// How much the clocks of two machines may differ.
const LEEWAY_SECONDS: u64 = 30;
/// How long to wait before the keys are fetched again for a key that nobody knows.
const REFETCH_PAUSE: Duration = Duration::from_secs(5);
/// After how long known keys are fetched again, so that one that was removed stops to count.
const MAX_AGE: Duration = Duration::from_secs(600);
/// For how long an assertion that was checked need not be checked again. Whoever calls often sends
/// the same one, and checking a signature takes longer than most calls.
const REMEMBERED: Duration = Duration::from_secs(10);
/// How many assertions are remembered.
const MAX_REMEMBERED: u64 = 10_000;
/// For how long a service says again what it has signed: what it sends last still lives for half a minute.
const REUSED: Duration = Duration::from_secs(30);

/// An assertion was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// The signature, the form or the time is wrong.
    #[error("the caller's assertion is not valid: {0}")]
    Invalid(String),
    /// The keys to check it with could not be fetched.
    #[error("the keys to check callers with are not available: {0}")]
    KeysUnavailable(String),
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    svc: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
}

impl Claims {
    fn caller(self) -> Result<Caller, AssertionError> {
        let user = match (self.sub, self.role) {
            (Some(sub), Some(role)) => {
                let id: UserId = sub.parse().map_err(|_| AssertionError::Invalid("subject".to_owned()))?;
                Some((id, role))
            }
            _ => None,
        };
        match (self.svc, user) {
            (Some(service), user) => Ok(Caller::service(service, user)),
            (None, Some((id, role))) => Ok(Caller::user(id, role)),
            (None, None) => Err(AssertionError::Invalid("nobody calls".to_owned())),
        }
    }
}

/// Signs assertions for users.
pub struct UserSigner {
    key_id: String,
    key: EncodingKey,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for UserSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserSigner").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

impl UserSigner {
    /// A signer with a private key in PKCS #8 (DER).
    #[must_use]
    pub fn new(key_id: String, pkcs8: &[u8], clock: Arc<dyn Clock>) -> Self {
        Self { key_id, key: EncodingKey::from_ed_der(pkcs8), clock }
    }

    /// Signs that `user` calls, and returns the assertion and its last second.
    ///
    /// # Errors
    /// The key is not usable.
    pub fn sign(&self, user: UserId, role: Role) -> Result<(String, i64), AssertionError> {
        let exp = self.clock.now().timestamp() + LIFETIME.as_secs().cast_signed();
        let claims = Claims { exp, svc: None, sub: Some(user.to_string()), role: Some(role) };
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.key_id.clone());
        let text = jsonwebtoken::encode(&header, &claims, &self.key)
            .map_err(|error| AssertionError::Invalid(error.to_string()))?;
        Ok((text, exp))
    }
}

/// Signs assertions for a service; clones share what was signed.
#[derive(Clone)]
pub struct ServiceSigner {
    service: Arc<str>,
    key: EncodingKey,
    clock: Arc<dyn Clock>,
    /// What was signed for whom, and until when it is used. For many calls signing again would be most of the work.
    signed: Cache<Option<(UserId, Role)>, (HeaderValue, Timestamp)>,
}

impl std::fmt::Debug for ServiceSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServiceSigner").field("service", &self.service).finish_non_exhaustive()
    }
}

impl ServiceSigner {
    /// A signer for `service` with the secret of the mesh.
    #[must_use]
    pub fn new(service: &str, mesh_secret: &SecretString, clock: Arc<dyn Clock>) -> Self {
        let key = EncodingKey::from_secret(mesh_secret.expose_secret().as_bytes());
        let signed = Cache::builder().max_capacity(MAX_REMEMBERED).time_to_live(REUSED).build();
        Self { service: service.into(), key, clock, signed }
    }

    /// An assertion that the service calls, for `user` or for nobody, good for half a minute at least.
    ///
    /// # Errors
    /// The key is not usable.
    pub fn sign(&self, user: Option<(UserId, Role)>) -> Result<HeaderValue, AssertionError> {
        let now = self.clock.now();
        if let Some((assertion, until)) = self.signed.get(&user)
            && now < until
        {
            return Ok(assertion);
        }
        let assertion = HeaderValue::try_from(self.sign_at(now, user)?)
            .map_err(|error| AssertionError::Invalid(error.to_string()))?;
        self.signed.insert(user, (assertion.clone(), now + REUSED));
        Ok(assertion)
    }

    fn sign_at(&self, now: Timestamp, user: Option<(UserId, Role)>) -> Result<String, AssertionError> {
        let claims = Claims {
            exp: now.timestamp() + LIFETIME.as_secs().cast_signed(),
            svc: Some(self.service.to_string()),
            sub: user.map(|(id, _)| id.to_string()),
            role: user.map(|(_, role)| role),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.key)
            .map_err(|error| AssertionError::Invalid(error.to_string()))
    }
}

/// A public key of `identity`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerificationKey {
    /// Its name.
    pub key_id: String,
    /// The 32 bytes of an Ed25519 public key.
    pub public_key: Vec<u8>,
}

/// Where the public keys come from.
#[async_trait]
pub trait KeySource: std::fmt::Debug + Send + Sync + 'static {
    /// Fetches the keys that may have signed a valid assertion.
    async fn fetch(&self) -> Result<Vec<VerificationKey>, AssertionError>;
}

/// Checks assertions; clones share their keys.
#[derive(Clone, Debug)]
pub struct Verifier(Arc<Inner>);

struct Inner {
    mesh_key: DecodingKey,
    source: Arc<dyn KeySource>,
    keys: RwLock<Keys>,
    /// One caller fetches, the others wait for what comes.
    fetching: tokio::sync::Mutex<()>,
    /// Assertions that were checked: who calls, and the last second.
    checked: Cache<String, (Caller, u64)>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("source", &self.source).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Keys {
    known: Vec<(String, DecodingKey)>,
    fetched_at: Option<Instant>,
}

impl Verifier {
    /// A verifier for the mesh with this secret, which fetches public keys when it needs them.
    #[must_use]
    pub fn new(mesh_secret: &SecretString, source: Arc<dyn KeySource>) -> Self {
        let mesh_key = DecodingKey::from_secret(mesh_secret.expose_secret().as_bytes());
        let fetching = tokio::sync::Mutex::default();
        let checked = Cache::builder().max_capacity(MAX_REMEMBERED).time_to_live(REMEMBERED).build();
        Self(Arc::new(Inner { mesh_key, source, keys: RwLock::default(), fetching, checked }))
    }

    /// Checks an assertion and says who calls.
    ///
    /// # Errors
    /// It is not valid, or the keys cannot be fetched.
    pub async fn verify(&self, assertion: &str) -> Result<Caller, AssertionError> {
        if let Some((caller, exp)) = self.0.checked.get(assertion)
            && jsonwebtoken::get_current_timestamp() <= exp + LEEWAY_SECONDS
        {
            return Ok(caller);
        }
        let invalid = |error: jsonwebtoken::errors::Error| AssertionError::Invalid(error.to_string());
        let header = jsonwebtoken::decode_header(assertion).map_err(invalid)?;
        let key = match header.alg {
            Algorithm::HS256 => self.0.mesh_key.clone(),
            Algorithm::EdDSA => self.user_key(header.kid.as_deref().unwrap_or_default()).await?,
            other => return Err(AssertionError::Invalid(format!("algorithm {other:?}"))),
        };
        let mut validation = Validation::new(header.alg);
        validation.leeway = LEEWAY_SECONDS;
        let claims = jsonwebtoken::decode::<Claims>(assertion, &key, &validation).map_err(invalid)?.claims;
        if header.alg == Algorithm::EdDSA && claims.svc.is_some() {
            return Err(AssertionError::Invalid("a user's key signed for a service".to_owned()));
        }
        let exp = u64::try_from(claims.exp).unwrap_or_default();
        let caller = claims.caller()?;
        self.0.checked.insert(assertion.to_owned(), (caller.clone(), exp));
        Ok(caller)
    }

    async fn user_key(&self, key_id: &str) -> Result<DecodingKey, AssertionError> {
        if let Some(key) = self.known(key_id) {
            return Ok(key);
        }
        let _fetching = self.0.fetching.lock().await;
        let recently = self.0.keys.read().fetched_at.is_some_and(|at| at.elapsed() < REFETCH_PAUSE);
        if !recently {
            let fetched = self.0.source.fetch().await?;
            let known = fetched.into_iter().map(|key| (key.key_id, DecodingKey::from_ed_der(&key.public_key)));
            *self.0.keys.write() = Keys { known: known.collect(), fetched_at: Some(Instant::now()) };
        }
        self.known(key_id).ok_or_else(|| AssertionError::Invalid("unknown key".to_owned()))
    }

    fn known(&self, key_id: &str) -> Option<DecodingKey> {
        let keys = self.0.keys.read();
        if keys.fetched_at.is_none_or(|at| at.elapsed() > MAX_AGE) {
            return None;
        }
        keys.known.iter().find(|(known, _)| known == key_id).map(|(_, key)| key.clone())
    }
}
