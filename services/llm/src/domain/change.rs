//! What is changed of a provider, a model or a key: fields that are `None` stay as they are, whoever changed them
//! meanwhile.

use chatmesh_core::Timestamp;
use chatmesh_proto::llm::v1::{ModelOptions, ProviderSettings};

use super::{Key, KeyPolicy, Model, Provider};

/// A change of a provider.
#[derive(Debug, Clone, PartialEq)]
pub struct ProviderChange {
    /// Where it is.
    pub base_url: Option<String>,
    /// The key, sealed; `Some(None)` takes it away.
    pub sealed_api_key: Option<Option<Vec<u8>>>,
    /// Whether it is used.
    pub enabled: Option<bool>,
    /// What its type needs to know.
    pub settings: Option<ProviderSettings>,
    /// Whose keys it is called with.
    pub key_policy: Option<KeyPolicy>,
    /// The time.
    pub now: Timestamp,
}

impl ProviderChange {
    /// Changes nothing but the time of the last change.
    #[must_use]
    pub fn none(now: Timestamp) -> Self {
        Self { base_url: None, sealed_api_key: None, enabled: None, settings: None, key_policy: None, now }
    }

    /// The provider after the change.
    pub(crate) fn apply(&self, before: Provider) -> Provider {
        let change = self.clone();
        Provider {
            base_url: change.base_url.unwrap_or(before.base_url),
            sealed_api_key: change.sealed_api_key.unwrap_or(before.sealed_api_key),
            enabled: change.enabled.unwrap_or(before.enabled),
            settings: change.settings.unwrap_or(before.settings),
            key_policy: change.key_policy.unwrap_or(before.key_policy),
            updated_at: change.now,
            ..before
        }
    }
}

/// A change of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelChange {
    /// Its context limit in tokens.
    pub context_limit: Option<u32>,
    /// Makes it the default, where it is enabled then.
    pub becomes_default: bool,
    /// Whether it is used.
    pub enabled: Option<bool>,
    /// How it is called.
    pub options: Option<ModelOptions>,
    /// At how many percent of the context limit a conversation is compacted.
    pub compaction_threshold_percent: Option<u32>,
    /// The names of models that are tried where it cannot answer.
    pub fallbacks: Option<Vec<String>>,
    /// Whether requests and answers are kept for a while.
    pub record_debug: Option<bool>,
    /// The time.
    pub now: Timestamp,
}

impl ModelChange {
    /// Changes nothing but the time of the last change.
    #[must_use]
    pub fn none(now: Timestamp) -> Self {
        Self {
            context_limit: None,
            becomes_default: false,
            enabled: None,
            options: None,
            compaction_threshold_percent: None,
            fallbacks: None,
            record_debug: None,
            now,
        }
    }

    /// The model after the change. One that is switched off is no default.
    pub(crate) fn apply(&self, before: Model) -> Model {
        let change = self.clone();
        let enabled = change.enabled.unwrap_or(before.enabled);
        Model {
            context_limit: change.context_limit.unwrap_or(before.context_limit),
            is_default: enabled && (before.is_default || change.becomes_default),
            enabled,
            options: change.options.unwrap_or(before.options),
            compaction_threshold_percent: change.compaction_threshold_percent.or(before.compaction_threshold_percent),
            fallbacks: change.fallbacks.unwrap_or(before.fallbacks),
            record_debug: change.record_debug.unwrap_or(before.record_debug),
            updated_at: change.now,
            ..before
        }
    }
}

/// A change of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyChange {
    /// What people call it.
    pub name: Option<String>,
    /// The secret, sealed, and the end of it that is shown.
    pub secret: Option<(Vec<u8>, String)>,
    /// Its share of the calls.
    pub weight: Option<u32>,
    /// Whether it is used.
    pub enabled: Option<bool>,
    /// The time.
    pub now: Timestamp,
}

impl KeyChange {
    /// Changes nothing but the time of the last change.
    #[must_use]
    pub fn none(now: Timestamp) -> Self {
        Self { name: None, secret: None, weight: None, enabled: None, now }
    }

    /// The key after the change.
    pub(crate) fn apply(&self, before: Key) -> Key {
        let change = self.clone();
        let (sealed_secret, hint) = change.secret.unwrap_or((before.sealed_secret, before.hint));
        Key {
            name: change.name.unwrap_or(before.name),
            sealed_secret,
            hint,
            weight: change.weight.unwrap_or(before.weight),
            enabled: change.enabled.unwrap_or(before.enabled),
            updated_at: change.now,
            ..before
        }
    }
}
