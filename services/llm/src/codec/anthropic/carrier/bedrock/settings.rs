//! Settings that mean something to Anthropic and nothing, or something else, to Bedrock.

use std::borrow::Cow;

use chatmesh_proto::llm::v1::{ModelOptions, Warning};

use crate::codec::warnings::{SETTING_CHANGED, ignored, warning};

/// The options with which the call is made.
pub(super) fn adapt<'a>(model: &str, options: &'a ModelOptions, warnings: &mut Vec<Warning>) -> Cow<'a, ModelOptions> {
    let mut options = Cow::Borrowed(options);
    if options.parallel_tool_calls == Some(false) {
        warnings.push(ignored("parallel_tool_calls", "Bedrock cannot hold the model to one call at a time"));
        options.to_mut().parallel_tool_calls = None;
    }
    if options.web_search.is_some() {
        warnings.push(ignored("web_search", "Bedrock offers no search"));
        options.to_mut().web_search = None;
    }
    if !decides_itself(model)
        && options.thinking_budget_tokens.is_none()
        && let Some(budget) = options.reasoning_effort.as_deref().and_then(budget_of)
    {
        let message = format!("reasoning_effort: sent as {budget} tokens to think with, which the model takes");
        warnings.push(warning(SETTING_CHANGED, message));
        let options = options.to_mut();
        options.thinking_budget_tokens = Some(budget);
        if !model.contains("opus-4-5") {
            options.reasoning_effort = None;
        }
    }
    options
}

/// Models from 4.6 on decide themselves how long they think.
fn decides_itself(model: &str) -> bool {
    let version = ["opus-", "sonnet-", "haiku-"].into_iter().find_map(|family| model.split_once(family));
    let Some((_, version)) = version else { return model.contains("mythos") };
    let mut numbers = version.split('-').map_while(|number| number.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        // A number that long is a date: `claude-opus-4-20250514` is 4.0.
        (Some(4), Some(minor)) => (6..100).contains(&minor),
        (Some(major), _) => (5..100).contains(&major),
        _ => false,
    }
}

fn budget_of(effort: &str) -> Option<u32> {
    match effort {
        "minimal" => Some(1024),
        "low" => Some(4096),
        "medium" => Some(10_000),
        "high" => Some(16_000),
        "xhigh" | "max" => Some(32_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_effort_becomes_a_budget_where_the_model_takes_no_effort() {
        let cases = [
            ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "high", Some(16_000), None),
            ("us.anthropic.claude-opus-4-5-20251101-v1:0", "low", Some(4096), Some("low")),
            ("us.anthropic.claude-opus-4-6-v1:0", "low", None, Some("low")),
            ("anthropic.claude-sonnet-5-v1:0", "low", None, Some("low")),
            ("anthropic.claude-3-7-sonnet-20250219-v1:0", "max", Some(32_000), None),
            ("anthropic.claude-sonnet-4-20250514-v1:0", "none", None, Some("none")),
            ("anthropic.claude-mythos-preview-v1:0", "low", None, Some("low")),
        ];
        for (model, effort, budget, kept) in cases {
            let options = ModelOptions { reasoning_effort: Some(effort.to_owned()), ..ModelOptions::default() };
            let mut warnings = Vec::new();
            let adapted = adapt(model, &options, &mut warnings);
            let found = (adapted.thinking_budget_tokens, adapted.reasoning_effort.as_deref());
            assert_eq!(found, (budget, kept), "{model}");
            assert_eq!(warnings.len(), usize::from(budget.is_some()), "{model}");
        }
    }

    #[test]
    fn what_the_service_lacks_is_said() {
        let options = ModelOptions {
            parallel_tool_calls: Some(false),
            web_search: Some(chatmesh_proto::llm::v1::WebSearch::default()),
            ..ModelOptions::default()
        };
        let mut warnings = Vec::new();
        let adapted = adapt("m", &options, &mut warnings);
        assert_eq!((adapted.parallel_tool_calls, adapted.web_search.is_none()), (None, true));
        assert_eq!(warnings.len(), 2);
    }
}
