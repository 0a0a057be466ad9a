//! From the domain to the contract. A key never passes here.

use chatmesh_proto::llm::v1 as pb;

use crate::domain::{Model, Provider, Source};

impl From<Provider> for pb::Provider {
    fn from(provider: Provider) -> Self {
        Self {
            id: provider.id.to_string(),
            name: provider.name,
            r#type: provider.provider_type.into(),
            base_url: provider.base_url,
            has_api_key: provider.sealed_api_key.is_some(),
            enabled: provider.enabled,
            source: match provider.source {
                Source::Database => "database".to_owned(),
                Source::Environment => "environment".to_owned(),
            },
            settings: Some(provider.settings),
            create_time: Some(provider.created_at.into()),
            update_time: Some(provider.updated_at.into()),
        }
    }
}

impl From<Model> for pb::Model {
    fn from(model: Model) -> Self {
        Self {
            id: model.id.to_string(),
            name: model.name,
            provider: model.provider,
            model: model.model,
            context_limit: model.context_limit,
            is_default: model.is_default,
            enabled: model.enabled,
            options: Some(model.options),
            create_time: Some(model.created_at.into()),
            update_time: Some(model.updated_at.into()),
            compaction_threshold_percent: model.compaction_threshold_percent,
        }
    }
}
