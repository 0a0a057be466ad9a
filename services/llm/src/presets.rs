//! Providers from the environment: the keys that people have set for other programs already.

use chatmesh_core::SecretString;
use chatmesh_proto::llm::v1::{ModelOptions, ProviderSettings, ProviderType};

use crate::Error;
use crate::domain::{KeyPolicy, Model, ModelId, Provider, ProviderId, Reference, Source};
use crate::state::State;
use crate::store::Inserted;

/// A provider that the environment may name.
#[derive(Debug, Clone)]
pub struct Preset {
    /// The provider's name in the mesh.
    pub name: &'static str,
    /// What it speaks.
    pub provider_type: ProviderType,
    /// Its key, where the environment has one.
    pub api_key: Option<SecretString>,
    /// Its address, where the environment has one.
    pub base_url: String,
    /// What its type needs to know beside its address.
    pub settings: ProviderSettings,
    /// The model to configure: what the provider calls it, and its context limit in tokens.
    pub model: (String, u32),
}

/// What came of a preset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The provider's name.
    pub provider: String,
    /// The model that was configured for it.
    pub model: String,
    /// True for the simulated provider.
    pub simulated: bool,
}

const SIMULATED: &str = "simulated";

pub(crate) async fn apply(state: &State, presets: &[Preset]) -> Result<Vec<Found>, Error> {
    let mut found = Vec::new();
    for preset in presets {
        match &preset.api_key {
            Some(key) => {
                let provider = ensure_provider(state, preset, Some(key)).await?;
                let model = ensure_model(state, &provider, preset).await?;
                found.push(Found { provider: provider.name, model, simulated: false });
            }
            None => switch_off(state, preset.name).await?,
        }
    }
    state.router.forget();
    if found.is_empty() && state.store.default_model().await?.is_none_or(|model| model.provider == SIMULATED) {
        let preset = Preset {
            name: SIMULATED,
            provider_type: ProviderType::Simulated,
            api_key: None,
            base_url: String::new(),
            settings: ProviderSettings::default(),
            model: (SIMULATED.to_owned(), 200_000),
        };
        let provider = ensure_provider(state, &preset, None).await?;
        let model = ensure_model(state, &provider, &preset).await?;
        found.push(Found { provider: provider.name, model, simulated: true });
        state.router.forget();
    }
    Ok(found)
}

async fn ensure_provider(state: &State, preset: &Preset, key: Option<&SecretString>) -> Result<Provider, Error> {
    let now = state.clock.now();
    let existing = state.store.find_provider(&Reference::from(preset.name)).await?;
    // A provider of the same name that someone created is theirs to change.
    if let Some(theirs) = existing.clone().filter(|provider| provider.source == Source::Database) {
        return Ok(theirs);
    }
    let id = existing.as_ref().map_or_else(|| ProviderId(state.ids.next()), |provider| provider.id);
    let provider = Provider {
        id,
        name: preset.name.to_owned(),
        provider_type: preset.provider_type,
        base_url: preset.base_url.clone(),
        sealed_api_key: key.map(|key| state.sealer.seal(id, key)).transpose()?,
        enabled: true,
        source: Source::Environment,
        settings: preset.settings.clone(),
        key_policy: existing.as_ref().map_or_else(KeyPolicy::default, |provider| provider.key_policy),
        created_at: existing.as_ref().map_or(now, |provider| provider.created_at),
        updated_at: now,
    };
    if existing.is_some() {
        state.store.replace_provider(&provider).await?;
        return Ok(provider);
    }
    match state.store.insert_provider(&provider, None).await? {
        Inserted::Created(provider) | Inserted::Repeated(provider) => Ok(provider),
        Inserted::NameTaken => {
            let theirs = state.store.find_provider(&Reference::from(preset.name)).await?;
            theirs.ok_or(Error::Exists { kind: "provider", name: provider.name })
        }
    }
}

async fn ensure_model(state: &State, provider: &Provider, preset: &Preset) -> Result<String, Error> {
    let (name, context_limit) = preset.model.clone();
    if let Some(model) = state.store.find_model(&Reference::Name(name.clone())).await? {
        return Ok(model.name);
    }
    let now = state.clock.now();
    let model = Model {
        id: ModelId(state.ids.next()),
        name: name.clone(),
        provider_id: provider.id,
        provider: provider.name.clone(),
        model: name.clone(),
        context_limit,
        is_default: false,
        enabled: true,
        options: ModelOptions::default(),
        compaction_threshold_percent: None,
        fallbacks: Vec::new(),
        record_debug: false,
        created_at: now,
        updated_at: now,
    };
    state.store.insert_model(&model, None).await?;
    Ok(name)
}

/// A provider whose key is no longer in the environment keeps its models and answers nothing.
async fn switch_off(state: &State, name: &str) -> Result<(), Error> {
    let provider = state.store.find_provider(&Reference::from(name)).await?;
    let Some(mut provider) = provider.filter(|found| found.source == Source::Environment && found.enabled) else {
        return Ok(());
    };
    provider.enabled = false;
    provider.sealed_api_key = None;
    provider.updated_at = state.clock.now();
    Ok(state.store.replace_provider(&provider).await?)
}
