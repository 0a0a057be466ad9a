//! The keys that assertions are signed with.

use std::sync::Arc;

use chatmesh_core::{Clock, IdSource, Timestamp, Uuid};
use chatmesh_rpc::assertion::{AssertionError, UserSigner};
use ed25519_dalek::pkcs8::EncodePrivateKey as _;

/// A key pair.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// Its name in assertions.
    pub id: Uuid,
    /// The private key in PKCS #8 (DER).
    pub pkcs8: Vec<u8>,
    /// The public key, 32 bytes.
    pub public_key: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// Makes a new key pair.
    pub(crate) fn generate(ids: &dyn IdSource, clock: &dyn Clock) -> Result<Self, AssertionError> {
        let mut seed = [0; 32];
        rand::RngCore::fill_bytes(&mut rand::rng(), &mut seed);
        let key = ed25519_dalek::SigningKey::from_bytes(&seed);
        let pkcs8 = key.to_pkcs8_der().map_err(|error| AssertionError::Invalid(error.to_string()))?;
        Ok(Self {
            id: ids.next(),
            pkcs8: pkcs8.as_bytes().to_vec(),
            public_key: key.verifying_key().to_bytes().to_vec(),
            created_at: clock.now(),
        })
    }

    /// Signs with this key.
    pub(crate) fn signer(&self, clock: Arc<dyn Clock>) -> UserSigner {
        UserSigner::new(self.id.to_string(), &self.pkcs8, clock)
    }
}
