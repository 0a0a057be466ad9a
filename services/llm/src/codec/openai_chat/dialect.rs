//! In what the servers that speak Chat Completions differ.

/// One server's way to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// Whose metadata is understood.
    pub namespace: &'static str,
    /// The public address; `None` where only the user can know it.
    pub base_url: Option<&'static str>,
    /// The rules of OpenAI's own models hold: which of them reason, and what those refuse.
    pub is_openai: bool,
    /// How the model is asked to reason.
    pub effort: Effort,
    /// How its reasoning returns to it.
    pub replay: Replay,
    /// PDFs are taken as `file` parts.
    pub takes_pdf: bool,
}

/// How a model is asked to reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// By `reasoning_effort`.
    Field,
    /// By an object `reasoning` with an effort or with a budget of tokens.
    Object,
}

/// How a model's reasoning returns to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// Not at all.
    None,
    /// As text in `reasoning_content`, and as `reasoning_details` where the server gave some.
    Content,
    /// As `reasoning_details`, or as text in `reasoning`.
    Details,
}

pub(super) const OPENAI: Dialect = Dialect {
    namespace: "openai.chat",
    base_url: Some("https://api.openai.com"),
    is_openai: true,
    effort: Effort::Field,
    replay: Replay::None,
    takes_pdf: true,
};

pub(super) const COMPATIBLE: Dialect = Dialect {
    namespace: "openai.compatible",
    base_url: None,
    is_openai: false,
    effort: Effort::Field,
    replay: Replay::Content,
    takes_pdf: false,
};

pub(super) const OPENROUTER: Dialect = Dialect {
    namespace: "openrouter",
    base_url: Some("https://openrouter.ai/api/v1"),
    is_openai: false,
    effort: Effort::Object,
    replay: Replay::Details,
    takes_pdf: true,
};

pub(super) const VERCEL: Dialect = Dialect {
    namespace: "vercel",
    base_url: Some("https://ai-gateway.vercel.sh/v1"),
    is_openai: false,
    effort: Effort::Object,
    replay: Replay::Details,
    takes_pdf: true,
};

/// What OpenAI's own models are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Family {
    /// It reasons before it answers and refuses sampling options.
    pub(super) reasons: bool,
    /// It takes no system messages at all.
    pub(super) refuses_system: bool,
    /// It cannot be told to ask for one tool at a time.
    pub(super) refuses_parallel: bool,
}

impl Family {
    /// What a model of this name is; nothing special where the server is not OpenAI.
    pub(super) fn of(dialect: &Dialect, model: &str) -> Self {
        let is = |family: &str| {
            model.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.']))
        };
        let is_o_series = dialect.is_openai && ["o1", "o3", "o4"].into_iter().any(is);
        // The `chat` variants of GPT-5 answer at once.
        let is_gpt_5 = dialect.is_openai && is("gpt-5") && !model.contains("-chat");
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
            assert!(Family::of(&OPENAI, model).reasons, "{model}");
            assert!(!Family::of(&COMPATIBLE, model).reasons, "{model}");
        }
        for model in ["gpt-4o", "gpt-5-chat-latest", "gpt-50", "o10", "omni", "chatgpt-4o-latest"] {
            assert!(!Family::of(&OPENAI, model).reasons, "{model}");
        }
        assert!(Family::of(&OPENAI, "o1-mini-2024-09-12").refuses_system);
        assert!(!Family::of(&OPENAI, "o1").refuses_system);
    }
}
