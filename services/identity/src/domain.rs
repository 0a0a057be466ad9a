//! Users and tokens.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chatmesh_core::{SecretString, Timestamp, Violations, typed_id};
use chatmesh_rpc::{Role, UserId};
use rand::RngCore as _;
use sha2::{Digest as _, Sha256};

typed_id!(
    /// A token.
    TokenId
);

/// The longest name of a user.
const MAX_USER_NAME: usize = 64;
/// The longest name of a token, in characters.
const MAX_TOKEN_NAME: usize = 100;
/// Begins every secret, so that people and scanners know it for what it is.
const SECRET_PREFIX: &str = "cmt_";

/// A person or a program that calls the mesh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The identifier.
    pub id: UserId,
    /// Unique.
    pub name: String,
    /// What the user may do.
    pub role: Role,
    /// When the user was created.
    pub created_at: Timestamp,
}

/// A token without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The identifier.
    pub id: TokenId,
    /// Whose it is.
    pub user_id: UserId,
    /// What it is for.
    pub name: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it stops to work.
    pub expires_at: Option<Timestamp>,
}

/// A token to store, with the digest of its secret.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// The token.
    pub token: Token,
    /// What the secret is recognised by.
    pub digest: Vec<u8>,
}

/// A token's secret.
#[derive(Debug, Clone)]
pub struct TokenSecret(SecretString);

impl TokenSecret {
    /// A new secret with 256 bits of randomness.
    #[must_use]
    pub fn generate() -> Self {
        let mut bytes = [0; 32];
        rand::rng().fill_bytes(&mut bytes);
        Self(format!("{SECRET_PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes)).into())
    }

    /// The text to hand out.
    #[must_use]
    pub fn secret(&self) -> &SecretString {
        &self.0
    }

    /// What a secret is recognised by. A fast digest is enough, because secrets are random.
    #[must_use]
    pub fn digest(secret: &str) -> Vec<u8> {
        Sha256::digest(secret.as_bytes()).to_vec()
    }
}

/// Checks the name of a user.
pub(crate) fn check_user_name(name: &str, violations: &mut Violations) {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let fits = (1..=MAX_USER_NAME).contains(&name.len()) && name.chars().all(allowed);
    violations.require(fits, "name", "must be 1 to 64 letters, digits, `.`, `_` or `-`");
}

/// Checks the name of a token.
pub(crate) fn check_token_name(name: &str, violations: &mut Violations) {
    let fits = !name.trim().is_empty() && name.chars().count() <= MAX_TOKEN_NAME && !name.contains('\0');
    violations.require(fits, "name", "must be 1 to 100 characters without NUL");
}
