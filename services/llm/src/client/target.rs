//! Which model to call and where.

use std::collections::HashSet;

use chatmesh_proto::llm::v1::{ModelOptions, ProviderSettings, ProviderType};
use secrecy::SecretString;

use crate::classify::{Classifier, provider_name};
use crate::codec::{Prices, ResponseContext};

/// A model with everything that is needed to call it.
#[derive(Debug, Clone, Default)]
pub struct Target {
    /// What the provider speaks.
    pub provider_type: ProviderType,
    /// What users call the provider; the usual name of its type where it is empty.
    pub display_name: String,
    /// Where it is, with or without the version in the path; the provider's public address where
    /// it is empty.
    pub base_url: String,
    /// What the provider's type needs to know beside its address.
    pub settings: ProviderSettings,
    /// The key. Only servers with an address of their own are called without one.
    pub api_key: Option<SecretString>,
    /// What the provider calls the model.
    pub model: String,
    /// The name of the configured model.
    pub model_name: String,
    /// The model's context limit in tokens; 0 where it is not known.
    pub context_limit: u32,
    /// At how many percent of it a conversation is compacted.
    pub compaction_threshold_percent: u32,
    /// How the model is called.
    pub options: ModelOptions,
}

impl Target {
    /// Decides what failures of this target mean, and hides its key in what they say.
    pub fn classifier(&self) -> Classifier {
        let name = match self.display_name.as_str() {
            "" => provider_name(self.provider_type),
            name => name,
        };
        Classifier::new(name).with_secret(self.api_key.clone())
    }

    /// True where it may be called without a key: a server of one's own, and the simulated provider.
    pub(crate) fn may_lack_key(&self) -> bool {
        self.provider_type == ProviderType::Simulated || !self.base_url.is_empty()
    }

    pub(crate) fn response_context(&self, used_call_ids: HashSet<String>) -> ResponseContext {
        ResponseContext {
            classifier: self.classifier(),
            model: self.model.clone(),
            model_name: self.model_name.clone(),
            context_limit: self.context_limit,
            compaction_threshold_percent: self.compaction_threshold_percent,
            prices: Prices::of(&self.options),
            used_call_ids,
            ..ResponseContext::default()
        }
    }
}
