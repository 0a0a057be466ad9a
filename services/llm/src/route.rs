//! Where a call goes: which model, which of its fallbacks, and which key.
//!
//! [`Router::resolve`] turns a model's name into the [`Candidate`]s of a call, from memory where it
//! was asked for in the last seconds. [`attempts::run`] asks them one after the other, as long as
//! nothing was said: another key where one was refused, another model where one cannot answer.

pub(crate) mod attempts;
mod cache;
mod candidate;
pub(crate) mod policy;
mod pool;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use chatmesh_core::Uuid;
use chatmesh_rpc::UserId;
use chatmesh_seal::{SealError, Sealer};
use tracing::warn;

pub(crate) use self::cache::Recent;
pub(crate) use self::candidate::{Candidate, OpenKey};
pub(crate) use self::pool::{KeyPool, Rest};
use crate::Error;
use crate::catalogue;
use crate::client::Target;
use crate::domain::{Key, Model, Provider, Reference, Source};
use crate::store::{KeyStore, LlmStore};

/// Finds models, their fallbacks and their keys.
#[derive(Debug)]
pub(crate) struct Router {
    store: Arc<dyn LlmStore>,
    keys: Arc<dyn KeyStore>,
    sealer: Sealer,
    plans: Recent<String, Arc<[Arc<Candidate>]>>,
    own_keys: Recent<(UserId, Uuid), Arc<[Arc<OpenKey>]>>,
    pub(crate) pool: Arc<KeyPool>,
}

impl Router {
    pub(crate) fn new(store: Arc<dyn LlmStore>, keys: Arc<dyn KeyStore>, sealer: Sealer) -> Self {
        Self { store, keys, sealer, plans: Recent::new(), own_keys: Recent::new(), pool: Arc::default() }
    }

    /// Forgets what is kept in memory: a provider, a model or a key was written.
    pub(crate) fn forget(&self) {
        self.plans.forget();
        self.own_keys.forget();
    }

    /// Finds the model that a reference names, or the default where it is empty.
    pub(crate) async fn find_model(&self, reference: &str) -> Result<Model, Error> {
        if reference.is_empty() {
            return self.store.default_model().await?.ok_or(Error::NoDefaultModel);
        }
        let model = match Reference::parse(reference) {
            Some(reference) => self.store.find_model(&reference).await?,
            None => None,
        };
        model.ok_or_else(|| Error::NotFound { kind: "model", name: reference.to_owned() })
    }

    /// Finds the model and its fallbacks, in the order in which they are asked; at least one.
    pub(crate) async fn resolve(&self, reference: &str) -> Result<Arc<[Arc<Candidate>]>, Error> {
        self.plans.get(reference.to_owned(), self.load(reference)).await
    }

    async fn load(&self, reference: &str) -> Result<Arc<[Arc<Candidate>]>, Error> {
        let model = self.find_model(reference).await?;
        let fallbacks = model.fallbacks.clone();
        let mut plan = vec![Arc::new(self.candidate(model).await?)];
        for name in fallbacks {
            // One that is gone or cannot be called is no reason not to call the others.
            match self.fallback(&name).await {
                Ok(candidate) => plan.push(Arc::new(candidate)),
                Err(error @ Error::Database(_)) => return Err(error),
                Err(error) => warn!(fallback = %name, %error, "a fallback is passed over"),
            }
        }
        Ok(plan.into())
    }

    async fn fallback(&self, name: &str) -> Result<Candidate, Error> {
        self.candidate(self.find_model(name).await?).await
    }

    async fn candidate(&self, mut model: Model) -> Result<Candidate, Error> {
        let provider = self.store.find_provider(&Reference::Id(model.provider_id.0)).await?;
        let missing = || Error::NotFound { kind: "provider", name: model.provider.clone() };
        let provider = provider.ok_or_else(missing)?;
        if let Some(known) = catalogue::find(&model.model) {
            known.complete(provider.provider_type, &mut model);
        }
        let compaction_threshold_percent = model.compaction_threshold();
        let target = Target {
            provider_type: provider.provider_type,
            display_name: String::new(),
            base_url: provider.base_url.clone(),
            settings: provider.settings.clone(),
            api_key: None,
            model: model.model,
            model_name: model.name,
            context_limit: model.context_limit,
            compaction_threshold_percent,
            options: model.options,
        };
        let central = match provider.key_policy.central {
            true => self.central_keys(&provider, &target).await?,
            false => Vec::new(),
        };
        Ok(Candidate {
            model_id: model.id,
            provider_id: provider.id,
            provider: provider.name,
            enabled: provider.enabled && model.enabled,
            policy: provider.key_policy,
            central: central.into(),
            target: Arc::new(target),
            record_debug: model.record_debug,
        })
    }

    /// The keys of the deployment: those of the database, the provider's own one among them; the
    /// one of the environment where there is no other.
    async fn central_keys(&self, provider: &Provider, target: &Target) -> Result<Vec<Arc<OpenKey>>, Error> {
        let stored = self.keys.usable_keys(provider.id, None).await?;
        let mut unreadable = None;
        let mut keys = self.open(&stored, target, &mut unreadable);
        let takes_own = keys.is_empty() || provider.source == Source::Database;
        if let Some(sealed) = provider.sealed_api_key.as_deref().filter(|_| takes_own) {
            match self.sealer.open(provider.id, sealed) {
                Ok(secret) => keys.insert(0, OpenKey::new(target, secret, (None, provider.updated_at, 1))),
                Err(error) => unreadable = Some(error),
            }
        }
        match unreadable {
            Some(error) if keys.is_empty() => Err(error.into()),
            _ => Ok(keys),
        }
    }

    /// The keys of a user for a model; none where its provider allows none.
    pub(crate) async fn own_keys(
        &self,
        user: Option<UserId>,
        candidate: &Candidate,
    ) -> Result<Arc<[Arc<OpenKey>]>, Error> {
        let Some(user) = user.filter(|_| candidate.policy.user) else { return Ok(Arc::new([])) };
        let load = async {
            let stored = self.keys.usable_keys(candidate.provider_id, Some(user)).await?;
            let mut unreadable = None;
            let keys = self.open(&stored, &candidate.target, &mut unreadable);
            match unreadable {
                Some(error) if keys.is_empty() => Err(error.into()),
                _ => Ok(keys.into()),
            }
        };
        self.own_keys.get((user, candidate.model_id.0), load).await
    }

    fn open(&self, stored: &[Key], target: &Target, unreadable: &mut Option<SealError>) -> Vec<Arc<OpenKey>> {
        let mut keys = Vec::new();
        for key in stored {
            match self.sealer.open(key.id, &key.sealed_secret) {
                Ok(secret) => keys.push(OpenKey::new(target, secret, (Some(key.id), key.updated_at, key.weight))),
                Err(error) => {
                    warn!(key = %key.id, %error, "a key is passed over");
                    *unreadable = Some(error);
                }
            }
        }
        keys
    }
}
