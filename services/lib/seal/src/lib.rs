//! Secrets at rest: sealed with XChaCha20-Poly1305 under the key of the deployment, each bound to the identifier
//! of its row, so that what is sealed cannot be moved to another row.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use chatmesh_core::{ExposeSecret as _, SecretString, Uuid};
use rand::RngCore as _;

const NONCE_BYTES: usize = 24;
const KEY_BYTES: usize = 32;

/// A secret could not be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The key of the deployment is not one.
    #[error("the encryption key must be 32 bytes in base64, as `openssl rand -base64 32` prints them")]
    InvalidKey,
    /// What is stored was sealed with another key, or was changed.
    #[error("a stored secret cannot be read: it was sealed with another encryption key; set the secret again")]
    CannotOpen,
    /// The cipher failed.
    #[error("a secret could not be sealed")]
    CannotSeal,
}

/// Seals and opens secrets.
#[derive(Clone)]
pub struct Sealer {
    cipher: XChaCha20Poly1305,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer")
    }
}

impl Sealer {
    /// A sealer with a key of 32 bytes in base64.
    ///
    /// # Errors
    /// It is not such a key.
    pub fn new(key: &SecretString) -> Result<Self, SealError> {
        let bytes = BASE64_STANDARD.decode(key.expose_secret().trim()).map_err(|_| SealError::InvalidKey)?;
        if bytes.len() != KEY_BYTES {
            return Err(SealError::InvalidKey);
        }
        let cipher = XChaCha20Poly1305::new_from_slice(&bytes).map_err(|_| SealError::InvalidKey)?;
        Ok(Self { cipher })
    }

    /// Makes a key for a new deployment.
    #[must_use]
    pub fn generate_key() -> SecretString {
        let mut bytes = [0; KEY_BYTES];
        rand::rng().fill_bytes(&mut bytes);
        BASE64_STANDARD.encode(bytes).into()
    }

    /// Seals the secret of a row.
    ///
    /// # Errors
    /// The cipher fails.
    pub fn seal(&self, row: impl Into<Uuid>, secret: &SecretString) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE_BYTES];
        rand::rng().fill_bytes(&mut nonce);
        let row = row.into();
        let payload = Payload { msg: secret.expose_secret().as_bytes(), aad: row.as_bytes() };
        let sealed = self.cipher.encrypt(XNonce::from_slice(&nonce), payload).map_err(|_| SealError::CannotSeal)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what was sealed for the same row.
    ///
    /// # Errors
    /// It was sealed for another row, under another key, or was changed.
    pub fn open(&self, row: impl Into<Uuid>, sealed: &[u8]) -> Result<SecretString, SealError> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES).ok_or(SealError::CannotOpen)?;
        let row = row.into();
        let payload = Payload { msg: sealed, aad: row.as_bytes() };
        let bytes = self.cipher.decrypt(XNonce::from_slice(nonce), payload).map_err(|_| SealError::CannotOpen)?;
        let text = String::from_utf8(bytes).map_err(|_| SealError::CannotOpen)?;
        Ok(text.into())
    }
}

#[cfg(test)]
mod tests {
    use chatmesh_core::{IdSource as _, SystemIds};

    use super::*;

    #[test]
    fn a_sealed_secret_opens_for_its_row_under_its_key_and_for_nobody_else() {
        let sealer = Sealer::new(&Sealer::generate_key()).expect("a key");
        let row = SystemIds.next();
        let sealed = sealer.seal(row, &"sk-secret".into()).expect("sealed");
        assert!(!sealed.windows(9).any(|bytes| bytes == b"sk-secret"));
        assert_eq!(sealer.open(row, &sealed).expect("opened").expose_secret(), "sk-secret");

        let other = SystemIds.next();
        assert!(matches!(sealer.open(other, &sealed), Err(SealError::CannotOpen)));
        let stranger = Sealer::new(&Sealer::generate_key()).expect("a key");
        assert!(matches!(stranger.open(row, &sealed), Err(SealError::CannotOpen)));
        assert!(matches!(sealer.open(row, b"short"), Err(SealError::CannotOpen)));
    }

    #[test]
    fn a_key_has_32_bytes() {
        assert!(matches!(Sealer::new(&"c2hvcnQ=".into()), Err(SealError::InvalidKey)));
        assert!(matches!(Sealer::new(&"not base64!".into()), Err(SealError::InvalidKey)));
    }
}
