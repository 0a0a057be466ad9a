//! Whether a caller can use a model, and why not.

use std::collections::HashMap;

use chatmesh_proto::llm::v1::ModelAvailability;
use chatmesh_rpc::{Caller, UserId};

use crate::Error;
use crate::client::Target;
use crate::domain::{KeyPolicy, Model, ProviderId, Reference};
use crate::route::policy::{Available, Missing, whose};
use crate::state::State;

/// Looks at models for one caller; each provider is looked at once.
pub(super) struct Availability<'a> {
    state: &'a State,
    user: Option<UserId>,
    providers: HashMap<ProviderId, ModelAvailability>,
}

impl<'a> Availability<'a> {
    pub(super) fn new(state: &'a State, caller: &Caller) -> Self {
        let user = caller.user_and_role().map(|(user, _)| user);
        Self { state, user, providers: HashMap::new() }
    }

    pub(super) async fn of(&mut self, model: &Model) -> Result<ModelAvailability, Error> {
        if !model.enabled {
            return Ok(ModelAvailability::ModelDisabled);
        }
        if let Some(known) = self.providers.get(&model.provider_id) {
            return Ok(*known);
        }
        let availability = self.of_provider(model.provider_id).await?;
        self.providers.insert(model.provider_id, availability);
        Ok(availability)
    }

    async fn of_provider(&self, id: ProviderId) -> Result<ModelAvailability, Error> {
        let provider = self.state.store.find_provider(&Reference::Id(id.0)).await?;
        let Some(provider) = provider.filter(|provider| provider.enabled) else {
            return Ok(ModelAvailability::ProviderDisabled);
        };
        let KeyPolicy { central, user, .. } = provider.key_policy;
        let keys = &self.state.keys;
        let has_central =
            central && (provider.sealed_api_key.is_some() || !keys.usable_keys(provider.id, None).await?.is_empty());
        let has_own = match self.user.filter(|_| user) {
            Some(user) => !keys.usable_keys(provider.id, Some(user)).await?.is_empty(),
            None => false,
        };
        let target = Target { provider_type: provider.provider_type, base_url: provider.base_url, ..Target::default() };
        let available = Available { user: has_own, central: has_central, keyless: target.may_lack_key() };
        Ok(match whose(provider.key_policy, available) {
            Ok(_) => ModelAvailability::Available,
            Err(Missing::UserKeyRequired) => ModelAvailability::UserKeyRequired,
            Err(Missing::NoKey) => ModelAvailability::MissingKey,
        })
    }
}
