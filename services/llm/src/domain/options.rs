//! What options a model may have: in general, and with providers of one type.

use chatmesh_core::Violations;
use chatmesh_proto::llm::v1::{ModelOptions, ProviderType, WebSearch};

const EFFORTS: [&str; 7] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];
const AMOUNTS: [&str; 3] = ["low", "medium", "high"];
const MAX_EXTRA_BODY: usize = 64 * 1024;
const MAX_DOMAINS: usize = 100;
const MAX_TIER: usize = 64;

/// Checks options for models of providers of one type. What a provider would refuse in every call
/// is refused here, once, with the field that is wrong.
pub(crate) fn check_options(provider: ProviderType, options: &ModelOptions, violations: &mut Violations) {
    check_values(options, violations);
    check_extra_body(options.extra_body.as_deref(), violations);
    if let Some(search) = &options.web_search {
        check_web_search(search, violations);
    }
    let speaks_messages = provider == ProviderType::Anthropic;
    if speaks_messages {
        let fits = options.temperature.is_none_or(|temperature| temperature <= 1.0);
        violations.require(fits, "options.temperature", "must be from 0 to 1 for Anthropic");
    }
    let unknown = |is_set: bool, field: &str, violations: &mut Violations| {
        violations.require(!is_set, field, "is not known to providers of this type: leave it out");
    };
    let is_responses = provider == ProviderType::Openai;
    let is_openai = is_responses || provider == ProviderType::OpenaiChat;
    let has_no_penalties = speaks_messages || is_responses;
    unknown(options.presence_penalty.is_some() && has_no_penalties, "options.presence_penalty", violations);
    unknown(options.frequency_penalty.is_some() && has_no_penalties, "options.frequency_penalty", violations);
    unknown(options.seed.is_some() && has_no_penalties, "options.seed", violations);
    let is_google = matches!(provider, ProviderType::Google | ProviderType::Vertex);
    let has_no_verbosity = speaks_messages || is_google;
    unknown(options.verbosity.is_some() && has_no_verbosity, "options.verbosity", violations);
    unknown(options.service_tier.is_some() && is_google, "options.service_tier", violations);
    let least = if is_google { 128 } else { 1024 };
    violations.require(
        options.thinking_budget_tokens.is_none_or(|budget| budget >= least),
        "options.thinking_budget_tokens",
        format!("must be at least {least}"),
    );
    unknown(options.top_k.is_some() && is_openai, "options.top_k", violations);
    let keeps = matches!(provider, ProviderType::Openai | ProviderType::Azure);
    let is_kept = options.store == Some(true);
    violations.require(keeps || !is_kept, "options.store", "can be set for OpenAI Responses only: leave it out");
}

fn check_values(options: &ModelOptions, violations: &mut Violations) {
    let within = |value: Option<f64>, low: f64, high: f64| value.is_none_or(|value| (low..=high).contains(&value));
    violations.require(within(options.temperature, 0.0, 2.0), "options.temperature", "must be from 0 to 2");
    violations.require(within(options.top_p, 0.0, 1.0), "options.top_p", "must be from 0 to 1");
    for (field, penalty) in [
        ("options.presence_penalty", options.presence_penalty),
        ("options.frequency_penalty", options.frequency_penalty),
    ] {
        violations.require(within(penalty, -2.0, 2.0), field, "must be from -2 to 2");
    }
    violations.require(options.max_output_tokens != Some(0), "options.max_output_tokens", "must be at least 1");
    violations.require(options.top_k != Some(0), "options.top_k", "must be at least 1");
    one_of("options.reasoning_effort", options.reasoning_effort.as_deref(), &EFFORTS, violations);
    one_of("options.verbosity", options.verbosity.as_deref(), &AMOUNTS, violations);
    let tier = options.service_tier.as_deref().unwrap_or("default");
    let fits = (1..=MAX_TIER).contains(&tier.len()) && tier.bytes().all(|b| b.is_ascii_graphic());
    violations.require(fits, "options.service_tier", "must be 1 to 64 printable characters without blanks");
}

fn one_of(field: &str, value: Option<&str>, allowed: &[&str], violations: &mut Violations) {
    let fits = value.is_none_or(|value| allowed.contains(&value));
    violations.require(fits, field, format!("must be one of {}", allowed.join(", ")));
}

fn check_extra_body(body: Option<&str>, violations: &mut Violations) {
    let Some(body) = body.filter(|body| !body.is_empty()) else { return };
    let is_object = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(body);
    let fits = body.len() <= MAX_EXTRA_BODY && is_object.is_ok();
    violations.require(fits, "options.extra_body", "must be a JSON object of at most 64 KiB");
}

fn check_web_search(search: &WebSearch, violations: &mut Violations) {
    let both = !search.allowed_domains.is_empty() && !search.blocked_domains.is_empty();
    violations.require(!both, "options.web_search.blocked_domains", "must be empty where `allowed_domains` is not");
    for (field, domains) in [
        ("options.web_search.allowed_domains", &search.allowed_domains),
        ("options.web_search.blocked_domains", &search.blocked_domains),
    ] {
        let plain = |domain: &String| {
            (1..=253).contains(&domain.len()) && domain.chars().all(|c| c.is_ascii_graphic() && c != '"')
        };
        let fits = domains.len() <= MAX_DOMAINS && domains.iter().all(plain);
        violations.require(fits, field, "must be at most 100 domains like example.com");
    }
    let size = Some(search.context_size.as_str()).filter(|size| !size.is_empty());
    one_of("options.web_search.context_size", size, &AMOUNTS, violations);
    violations.require(search.max_uses != Some(0), "options.web_search.max_uses", "must be at least 1");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(provider: ProviderType, options: &ModelOptions) -> Vec<String> {
        let mut violations = Violations::new();
        check_options(provider, options, &mut violations);
        violations.iter().map(|violation| violation.field.clone()).collect()
    }

    #[test]
    fn what_a_provider_does_not_know_is_named() {
        let options = ModelOptions {
            seed: Some(1),
            presence_penalty: Some(0.5),
            top_k: Some(3),
            temperature: Some(1.5),
            store: Some(true),
            ..ModelOptions::default()
        };
        let cases = [
            (
                ProviderType::Anthropic,
                vec!["options.temperature", "options.presence_penalty", "options.seed", "options.store"],
            ),
            (ProviderType::Openai, vec!["options.presence_penalty", "options.seed", "options.top_k"]),
            (ProviderType::OpenaiChat, vec!["options.top_k", "options.store"]),
            (ProviderType::OpenaiCompatible, vec!["options.store"]),
            (ProviderType::Google, vec!["options.store"]),
        ];
        for (provider, expected) in cases {
            assert_eq!(wrong(provider, &options), expected, "{provider:?}");
        }
    }

    #[test]
    fn gemini_thinks_on_less_and_has_no_tiers() {
        let options = ModelOptions {
            thinking_budget_tokens: Some(128),
            verbosity: Some("low".to_owned()),
            service_tier: Some("flex".to_owned()),
            ..ModelOptions::default()
        };
        assert_eq!(wrong(ProviderType::Google, &options), ["options.verbosity", "options.service_tier"]);
        assert_eq!(wrong(ProviderType::OpenaiCompatible, &options), ["options.thinking_budget_tokens"]);
    }

    #[test]
    fn values_outside_of_their_bounds_are_named() {
        let options = ModelOptions {
            presence_penalty: Some(2.5),
            frequency_penalty: Some(f64::NAN),
            verbosity: Some("loud".to_owned()),
            extra_body: Some("[1]".to_owned()),
            service_tier: Some("a b".to_owned()),
            web_search: Some(WebSearch {
                allowed_domains: vec!["example.com".to_owned()],
                blocked_domains: vec![String::new()],
                max_uses: Some(0),
                context_size: "huge".to_owned(),
            }),
            ..ModelOptions::default()
        };
        let expected = [
            "options.presence_penalty",
            "options.frequency_penalty",
            "options.verbosity",
            "options.service_tier",
            "options.extra_body",
            "options.web_search.blocked_domains",
            "options.web_search.blocked_domains",
            "options.web_search.context_size",
            "options.web_search.max_uses",
        ];
        assert_eq!(wrong(ProviderType::OpenaiCompatible, &options), expected);
        assert!(wrong(ProviderType::Anthropic, &ModelOptions::default()).is_empty());
    }
}
