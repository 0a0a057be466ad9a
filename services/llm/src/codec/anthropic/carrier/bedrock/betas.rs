//! Features that are switched on by name. Bedrock refuses requests with names that it does not
//! know, so only those pass that it does, some for certain models alone.

use chatmesh_proto::llm::v1::Warning;
use http::{HeaderMap, HeaderName};

use crate::codec::fields::Fields;
use crate::codec::warnings::ignored;

/// Where Anthropic itself takes the names, separated by commas.
pub(super) const HEADER: HeaderName = HeaderName::from_static("anthropic-beta");

/// What lets Opus 4.5 be told how hard to think.
const EFFORT: &str = "effort-2025-11-24";

const ALLOWED: &[&str] = &[
    "computer-use-2025-01-24",
    "token-efficient-tools-2025-02-19",
    "interleaved-thinking-2025-05-14",
    "output-128k-2025-02-19",
    "dev-full-thinking",
    "context-1m-2025-08-07",
    "tool-search-tool-2025-10-19",
    "tool-examples-2025-10-29",
];

/// Names that only some models know.
const BY_MODEL: &[(&str, &[&str])] =
    &[("context-management-2025-06-27", &["sonnet-4-5", "haiku-4-5"]), (EFFORT, &["opus-4-5"])];

/// The names to send: those that the body has already, which someone configured, and those of the
/// headers and of what is in the body that pass.
pub(super) fn carried(model: &str, headers: &HeaderMap, fields: &Fields, warnings: &mut Vec<Warning>) -> Vec<String> {
    let mut betas: Vec<String> =
        fields.get("anthropic_beta").and_then(|own| serde_json::from_str(own.get()).ok()).unwrap_or_default();
    let wanted = headers.get_all(HEADER).iter().filter_map(|value| value.to_str().ok());
    let wanted = wanted.flat_map(|value| value.split(',')).map(str::trim).filter(|name| !name.is_empty());
    let needs_effort = fields.get("output_config").is_some_and(|config| config.get().contains("\"effort\""));
    let effort = (needs_effort && is_allowed(EFFORT, model)).then_some(EFFORT);
    for name in wanted.chain(effort) {
        if !is_allowed(name, model) {
            warnings.push(ignored("anthropic-beta", &format!("Bedrock does not know `{name}` for this model")));
        } else if !betas.iter().any(|known| known == name) {
            betas.push(name.to_owned());
        }
    }
    betas
}

fn is_allowed(name: &str, model: &str) -> bool {
    let by_model = BY_MODEL.iter().find(|(known, _)| *known == name);
    ALLOWED.contains(&name) || by_model.is_some_and(|(_, models)| models.iter().any(|known| model.contains(known)))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn betas(model: &str, header: &'static str, body: &str) -> (Vec<String>, usize) {
        let headers = HeaderMap::from_iter([(HEADER, HeaderValue::from_static(header))]);
        let mut warnings = Vec::new();
        let betas = carried(model, &headers, &serde_json::from_str(body).unwrap(), &mut warnings);
        (betas, warnings.len())
    }

    #[test]
    fn only_names_that_the_service_knows_pass() {
        let cases = [
            ("claude-x", "context-1m-2025-08-07, brand-new-2030-01-01,", "{}", vec!["context-1m-2025-08-07"], 1),
            ("claude-sonnet-4-5-v1:0", "context-management-2025-06-27", "{}", vec!["context-management-2025-06-27"], 0),
            ("claude-opus-4-5-v1:0", "context-management-2025-06-27", "{}", vec![], 1),
            ("claude-opus-4-5-v1:0", "", r#"{"output_config":{"effort":"low"}}"#, vec![EFFORT], 0),
            ("claude-opus-4-6-v1:0", "", r#"{"output_config":{"effort":"low"}}"#, vec![], 0),
            // What someone configured is theirs to know.
            ("claude-x", "dev-full-thinking", r#"{"anthropic_beta":["mine"]}"#, vec!["mine", "dev-full-thinking"], 0),
        ];
        for (model, header, body, expected, warnings) in cases {
            assert_eq!(
                betas(model, header, body),
                (expected.into_iter().map(str::to_owned).collect(), warnings),
                "{model} {header}"
            );
        }
    }
}
