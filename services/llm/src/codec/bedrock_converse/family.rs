//! What the models behind Converse are, told by their names. The protocol is one, but what a
//! model does not know makes the service refuse the request.

/// A vendor's line of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// Anthropic's.
    Claude,
    /// Amazon's, the first generation.
    Nova,
    /// Amazon's, which reason.
    Nova2,
    /// The open ones of OpenAI's.
    GptOss,
    /// Everything else.
    Other,
}

impl Family {
    pub(super) fn of(model: &str) -> Self {
        let has = |part: &str| model.contains(part);
        if has("claude") {
            Self::Claude
        } else if has("amazon.nova-2") {
            Self::Nova2
        } else if has("amazon.nova") {
            Self::Nova
        } else if has("openai.gpt-oss") {
            Self::GptOss
        } else {
            Self::Other
        }
    }

    /// Ends of prefixes to cache may be marked.
    pub(super) fn caches(self) -> bool {
        matches!(self, Self::Claude | Self::Nova | Self::Nova2)
    }

    /// The tools may be such a prefix.
    pub(super) fn caches_tools(self) -> bool {
        self == Self::Claude
    }

    /// Results may be marked as errors.
    pub(super) fn takes_status(self) -> bool {
        matches!(self, Self::Claude | Self::Nova | Self::Nova2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_told_by_the_name() {
        let cases = [
            ("us.amazon.nova-pro-v1:0", Family::Nova),
            ("global.amazon.nova-2-lite-v1:0", Family::Nova2),
            ("openai.gpt-oss-20b-1:0", Family::GptOss),
            ("arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-4-1", Family::Claude),
            ("us.meta.llama4-scout-17b-instruct-v1:0", Family::Other),
            ("arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", Family::Other),
        ];
        for (model, family) in cases {
            assert_eq!(Family::of(model), family, "{model}");
        }
    }
}
