//! In what the servers that speak Chat Completions differ.

use crate::codec::openai_models::Family;

/// One server's way to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// Whose metadata is understood.
    pub namespace: &'static str,
    /// The rules of OpenAI's own models hold: which of them reason, and what those refuse.
    pub is_openai: bool,
    /// How the model is asked to reason.
    pub effort: Effort,
    /// How its reasoning returns to it.
    pub replay: Replay,
    /// PDFs are taken as `file` parts.
    pub takes_pdf: bool,
}

impl Dialect {
    /// The server is OpenRouter, which has plugins and fetches documents.
    pub(super) fn is_openrouter(&self) -> bool {
        self.namespace == OPENROUTER.namespace
    }

    /// The server is the Vercel AI Gateway.
    pub(super) fn is_vercel(&self) -> bool {
        self.namespace == VERCEL.namespace
    }
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

pub(super) const OPENAI: Dialect =
    Dialect { namespace: "openai.chat", is_openai: true, effort: Effort::Field, replay: Replay::None, takes_pdf: true };

/// OpenAI's own models; what is called a model is a deployment of one.
pub(super) const AZURE: Dialect =
    Dialect { namespace: "azure.chat", is_openai: true, effort: Effort::Field, replay: Replay::None, takes_pdf: true };

pub(super) const COMPATIBLE: Dialect = Dialect {
    namespace: "openai.compatible",
    is_openai: false,
    effort: Effort::Field,
    replay: Replay::Content,
    takes_pdf: false,
};

pub(super) const OPENROUTER: Dialect = Dialect {
    namespace: "openrouter",
    is_openai: false,
    effort: Effort::Object,
    replay: Replay::Details,
    takes_pdf: true,
};

pub(super) const VERCEL: Dialect =
    Dialect { namespace: "vercel", is_openai: false, effort: Effort::Object, replay: Replay::Details, takes_pdf: true };

/// What a model of this name is; nothing special where the server is not OpenAI.
pub(super) fn family(dialect: &Dialect, model: &str) -> Family {
    if dialect.is_openai { Family::of(model) } else { Family::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_of_openai_hold_for_openai_alone() {
        assert!(family(&OPENAI, "gpt-5").reasons);
        assert_eq!(family(&COMPATIBLE, "gpt-5"), Family::default());
    }
}
