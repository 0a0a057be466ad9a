//! What OpenAI's own models are, told by their names.

use chatmesh_proto::llm::v1::{ModelOptions, Warning};

use super::Call;
use super::settings::text;
use super::warnings::ignored;

/// What a model takes and what it refuses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Family {
    /// It reasons before it answers and refuses sampling options.
    pub(super) reasons: bool,
    /// It takes no system messages at all.
    pub(super) refuses_system: bool,
    /// It cannot be told to ask for one tool at a time.
    pub(super) refuses_parallel: bool,
}

impl Family {
    pub(super) fn of(model: &str) -> Self {
        let is = |family: &str| {
            model.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.']))
        };
        let is_o_series = ["o1", "o3", "o4"].into_iter().any(is);
        // The `chat` variants of GPT-5 answer at once.
        let is_gpt_5 = is("gpt-5") && !model.contains("-chat");
        let is_first = is_o_series && (is("o1-mini") || is("o1-preview"));
        Self { reasons: is_o_series || is_gpt_5, refuses_system: is_first, refuses_parallel: is_o_series }
    }

    /// Whether the model may ask for several tools at a time, where the call says so and has any.
    pub(super) fn parallel(self, call: &Call<'_>, warnings: &mut Vec<Warning>) -> Option<bool> {
        let parallel = call.options.parallel_tool_calls.filter(|_| !call.request.tools.is_empty())?;
        if self.refuses_parallel {
            warnings.push(ignored("parallel_tool_calls", "the model does not take it"));
            return None;
        }
        Some(parallel)
    }
}

/// The tier of service that the model can be asked for. The cheap and the fast one are those of
/// some models only; the others are for the provider to know.
pub(super) fn service_tier<'a>(model: &str, options: &'a ModelOptions, warnings: &mut Vec<Warning>) -> Option<&'a str> {
    let tier = text(&options.service_tier)?;
    let is = |families: &[&str]| families.iter().any(|family| model.starts_with(family));
    let is_chat = model.contains("-chat");
    let has_tier = match tier {
        "flex" => is(&["o3", "o4-mini", "gpt-5"]) && !is_chat,
        "priority" => is(&["o3", "o4-mini", "gpt-4", "gpt-5"]) && !is_chat && !model.contains("-nano"),
        _ => true,
    };
    if !has_tier {
        warnings.push(ignored("service_tier", "the model does not have this tier"));
    }
    has_tier.then_some(tier)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_is_asked_for_where_the_model_has_it() {
        let tier = |model: &str, tier: &str| {
            let options = ModelOptions { service_tier: Some(tier.to_owned()), ..ModelOptions::default() };
            let mut warnings = Vec::new();
            let sent = service_tier(model, &options, &mut warnings).is_some();
            assert_eq!(warnings.is_empty(), sent, "{model} {tier}");
            sent
        };
        for (model, name) in
            [("gpt-5", "flex"), ("o3", "flex"), ("gpt-4o", "priority"), ("gpt-4o", "default"), ("x", "auto")]
        {
            assert!(tier(model, name), "{model} {name}");
        }
        for (model, name) in
            [("gpt-4o", "flex"), ("gpt-5-nano", "priority"), ("gpt-5-chat-latest", "flex"), ("x", "priority")]
        {
            assert!(!tier(model, name), "{model} {name}");
        }
    }

    #[test]
    fn families_are_told_by_the_name() {
        for model in ["o1", "o3-mini", "o4-mini-2025-04-16", "gpt-5", "gpt-5-mini", "gpt-5.1-codex"] {
            assert!(Family::of(model).reasons, "{model}");
        }
        for model in ["gpt-4o", "gpt-5-chat-latest", "gpt-50", "o10", "omni", "chatgpt-4o-latest"] {
            assert!(!Family::of(model).reasons, "{model}");
        }
        assert!(Family::of("o1-mini-2024-09-12").refuses_system);
        assert!(!Family::of("o1").refuses_system);
    }
}
