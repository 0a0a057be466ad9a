//! A model that a call may go to, with everything that is needed to call it but the user's keys.

use std::sync::Arc;

use chatmesh_core::{SecretString, Timestamp};
use chatmesh_proto::common::v1::{ErrorKind, GenerationError};

use super::policy::{Available, Missing, Whose, whose};
use crate::classify::{Cause, Failure};
use crate::client::Target;
use crate::domain::{KeyId, KeyPolicy, ModelId, ProviderId};

/// A model that a call may go to.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) model_id: ModelId,
    pub(crate) provider_id: ProviderId,
    /// The provider's name.
    pub(crate) provider: String,
    /// False where the model or its provider is switched off.
    pub(crate) enabled: bool,
    pub(crate) policy: KeyPolicy,
    /// The keys of the deployment, opened.
    pub(crate) central: Arc<[Arc<OpenKey>]>,
    /// Everything but a key.
    pub(crate) target: Arc<Target>,
    /// Whether requests and answers of this model are to be kept.
    pub(crate) record_debug: bool,
}

/// A key that is ready to be used for one model.
#[derive(Debug)]
pub(crate) struct OpenKey {
    /// Which key; none for the provider's own one.
    pub(crate) id: Option<KeyId>,
    /// When it last changed.
    pub(crate) version: Timestamp,
    pub(crate) weight: u32,
    /// The model with this key.
    pub(crate) target: Arc<Target>,
}

impl OpenKey {
    pub(crate) fn new(target: &Target, secret: SecretString, of: (Option<KeyId>, Timestamp, u32)) -> Arc<Self> {
        let (id, version, weight) = of;
        let target = Target { api_key: Some(secret), ..target.clone() };
        Arc::new(Self { id, version, weight, target: Arc::new(target) })
    }
}

impl Candidate {
    /// The keys that a call may use, the user's being `own`.
    ///
    /// # Errors
    /// The model cannot be called at all; the error says why.
    pub(crate) fn keys(&self, own: Arc<[Arc<OpenKey>]>) -> Result<Arc<[Arc<OpenKey>]>, GenerationError> {
        if !self.enabled {
            let failure = Failure::of(Cause::ProviderDisabled, "the provider or the model is switched off");
            return Err(self.target.classifier().classify(&failure));
        }
        let available =
            Available { user: !own.is_empty(), central: !self.central.is_empty(), keyless: self.target.may_lack_key() };
        match whose(self.policy, available) {
            Ok(Whose::User) => Ok(own),
            Ok(Whose::Central) => Ok(Arc::clone(&self.central)),
            Ok(Whose::Nobody) => {
                let version = Timestamp::UNIX_EPOCH;
                let key = OpenKey { id: None, version, weight: 1, target: Arc::clone(&self.target) };
                Ok(Arc::new([Arc::new(key)]))
            }
            Err(missing) => Err(self.missing(missing)),
        }
    }

    fn missing(&self, missing: Missing) -> GenerationError {
        let classifier = self.target.classifier();
        let who = classifier.provider().to_owned();
        match missing {
            Missing::NoKey => classifier.classify(&Failure::of(Cause::MissingKey, "missing_api_key")),
            Missing::UserKeyRequired => GenerationError {
                message: format!("{who} needs an API key of your own; add one to your keys."),
                detail: "user_api_key_required".to_owned(),
                kind: ErrorKind::MissingKey.into(),
                provider: who,
                ..GenerationError::default()
            },
        }
    }
}
