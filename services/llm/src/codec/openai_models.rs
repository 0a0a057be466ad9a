//! What OpenAI's own models are, told by their names.

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
}

#[cfg(test)]
mod tests {
    use super::*;

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
