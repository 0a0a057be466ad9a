//! From the domain to the contract. A key never passes here.

use chatmesh_proto::llm::v1 as pb;

use chatmesh_core::{Timestamp, Violations};

use crate::catalogue;
use crate::domain::{Key, KeyPolicy, Limit, Model, Outcome, Period, Provider, Scope, Source, UsageEvent};
use crate::store::Summary;

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
            key_policy: Some(provider.key_policy.into()),
            create_time: Some(provider.created_at.into()),
            update_time: Some(provider.updated_at.into()),
        }
    }
}

impl From<Model> for pb::Model {
    fn from(model: Model) -> Self {
        let known = catalogue::find(&model.model).map(Into::into);
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
            fallbacks: model.fallbacks,
            availability: pb::ModelAvailability::Unspecified.into(),
            record_debug: model.record_debug,
            known,
        }
    }
}

impl From<pb::KeyPolicy> for KeyPolicy {
    fn from(policy: pb::KeyPolicy) -> Self {
        Self {
            central: policy.central_api_key_enabled,
            user: policy.allow_user_api_key,
            fallback: policy.allow_central_api_key_fallback,
        }
    }
}

impl From<KeyPolicy> for pb::KeyPolicy {
    fn from(policy: KeyPolicy) -> Self {
        Self {
            central_api_key_enabled: policy.central,
            allow_user_api_key: policy.user,
            allow_central_api_key_fallback: policy.fallback,
        }
    }
}

impl From<Key> for pb::Key {
    fn from(key: Key) -> Self {
        let scope = if key.user_id.is_some() { pb::KeyScope::User } else { pb::KeyScope::Central };
        Self {
            id: key.id.to_string(),
            provider: key.provider,
            scope: scope.into(),
            user_id: key.user_id.map(|user| user.to_string()).unwrap_or_default(),
            name: key.name,
            hint: key.hint,
            weight: key.weight,
            enabled: key.enabled,
            create_time: Some(key.created_at.into()),
            update_time: Some(key.updated_at.into()),
        }
    }
}

impl From<Limit> for pb::Limit {
    fn from(limit: Limit) -> Self {
        Self {
            id: limit.id.to_string(),
            scope: match limit.scope {
                Scope::Default => pb::LimitScope::Default,
                Scope::Group => pb::LimitScope::Group,
                Scope::User => pb::LimitScope::User,
            }
            .into(),
            subject_id: limit.subject_id,
            period: match limit.period {
                Period::Day => pb::LimitPeriod::Day,
                Period::Week => pb::LimitPeriod::Week,
                Period::Month => pb::LimitPeriod::Month,
            }
            .into(),
            max_cost_micros: limit.max.cost_micros.map(unsigned),
            max_tokens: limit.max.tokens.map(unsigned),
            max_requests: limit.max.requests.map(small),
            create_time: Some(limit.created_at.into()),
            update_time: Some(limit.updated_at.into()),
        }
    }
}

impl From<UsageEvent> for pb::UsageEvent {
    fn from(event: UsageEvent) -> Self {
        Self {
            id: event.id.to_string(),
            create_time: Some(event.created_at.into()),
            user_id: event.user_id.map(|user| user.to_string()).unwrap_or_default(),
            chat_id: event.chat_id.map(|chat| chat.to_string()).unwrap_or_default(),
            model: event.model,
            provider: event.provider,
            key_id: event.key_id.map(|key| key.to_string()).unwrap_or_default(),
            usage: Some(event.usage),
            usage_estimated: event.usage_estimated,
            cost_micros: event.cost_micros,
            first_part_ms: event.first_part_ms,
            duration_ms: event.duration_ms,
            outcome: match event.outcome {
                Outcome::Finished => pb::UsageOutcome::Finished,
                Outcome::Failed => pb::UsageOutcome::Failed,
                Outcome::Canceled => pb::UsageOutcome::Canceled,
            }
            .into(),
            error_kind: event.error_kind.into(),
            attempts: event.attempts,
            source: event.source,
        }
    }
}

impl From<Summary> for pb::UsageSummary {
    fn from(row: Summary) -> Self {
        Self {
            key: row.key,
            requests: small(row.requests),
            failed_requests: small(row.failed),
            input_tokens: unsigned(row.input_tokens),
            output_tokens: unsigned(row.output_tokens),
            reasoning_tokens: unsigned(row.reasoning_tokens),
            cache_read_tokens: unsigned(row.cache_read_tokens),
            cache_write_tokens: unsigned(row.cache_write_tokens),
            cost_micros: unsigned(row.cost_micros),
            unpriced_requests: small(row.unpriced),
        }
    }
}

pub(crate) fn scope(scope: pb::LimitScope, violations: &mut Violations) -> Option<Scope> {
    match scope {
        pb::LimitScope::Default => Some(Scope::Default),
        pb::LimitScope::Group => Some(Scope::Group),
        pb::LimitScope::User => Some(Scope::User),
        pb::LimitScope::Unspecified => {
            violations.add("scope", "must be LIMIT_SCOPE_DEFAULT, LIMIT_SCOPE_GROUP or LIMIT_SCOPE_USER");
            None
        }
    }
}

pub(crate) fn period(period: pb::LimitPeriod, violations: &mut Violations) -> Option<Period> {
    match period {
        pb::LimitPeriod::Day => Some(Period::Day),
        pb::LimitPeriod::Week => Some(Period::Week),
        pb::LimitPeriod::Month => Some(Period::Month),
        pb::LimitPeriod::Unspecified => {
            violations.add("period", "must be LIMIT_PERIOD_DAY, LIMIT_PERIOD_WEEK or LIMIT_PERIOD_MONTH");
            None
        }
    }
}

/// Reads a moment that may be left out.
pub(crate) fn time(
    field: &str,
    time: Option<pbjson_types::Timestamp>,
    violations: &mut Violations,
) -> Option<Timestamp> {
    let time = time?;
    let moment = u32::try_from(time.nanos).ok().and_then(|nanos| Timestamp::from_timestamp(time.seconds, nanos));
    violations.require(moment.is_some(), field, "must be a time as in RFC 3339");
    moment
}

pub(crate) fn unsigned(amount: i64) -> u64 {
    u64::try_from(amount).unwrap_or(0)
}

pub(crate) fn small(amount: i64) -> u32 {
    u32::try_from(amount.max(0)).unwrap_or(u32::MAX)
}
