//! The lists of models that the SDKs read.

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat};
use serde::Serialize;

use super::Dialect;
use crate::domain::Model;

/// A model as clients see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelEntry {
    /// What clients call it.
    pub name: String,
    /// The name of its provider.
    pub provider: String,
    /// When it was created, in seconds since 1970.
    pub created: i64,
    /// Its context limit in tokens; 0 where it is not known.
    pub context_limit: u32,
}

impl ModelEntry {
    /// A configured model.
    pub fn of(model: &Model, created: i64) -> Self {
        Self { name: model.name.clone(), provider: model.provider.clone(), created, context_limit: model.context_limit }
    }
}

#[derive(Serialize)]
struct OpenAiModel<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    owned_by: &'a str,
}

#[derive(Serialize)]
struct OpenAiList<'a> {
    object: &'static str,
    data: Vec<OpenAiModel<'a>>,
}

#[derive(Serialize)]
struct AnthropicModel<'a> {
    r#type: &'static str,
    id: &'a str,
    display_name: &'a str,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_input_tokens: Option<u32>,
}

#[derive(Serialize)]
struct AnthropicList<'a> {
    data: Vec<AnthropicModel<'a>>,
    has_more: bool,
    first_id: Option<&'a str>,
    last_id: Option<&'a str>,
}

fn openai(entry: &ModelEntry) -> OpenAiModel<'_> {
    OpenAiModel { id: &entry.name, object: "model", created: entry.created, owned_by: &entry.provider }
}

fn anthropic(entry: &ModelEntry) -> AnthropicModel<'_> {
    let created = DateTime::from_timestamp(entry.created, 0).unwrap_or_default();
    AnthropicModel {
        r#type: "model",
        id: &entry.name,
        display_name: &entry.name,
        created_at: created.to_rfc3339_opts(SecondsFormat::Secs, true),
        max_input_tokens: Some(entry.context_limit).filter(|limit| *limit > 0),
    }
}

fn body(value: &impl Serialize) -> Bytes {
    Bytes::from(serde_json::to_vec(value).unwrap_or_default())
}

/// The body of a list of models. `has_more` is what Anthropic's clients page by; OpenAI's list is
/// always whole.
pub fn render_models(dialect: Dialect, models: &[ModelEntry], has_more: bool) -> Bytes {
    if dialect == Dialect::Messages {
        return body(&AnthropicList {
            data: models.iter().map(anthropic).collect(),
            has_more,
            first_id: models.first().map(|entry| entry.name.as_str()),
            last_id: models.last().map(|entry| entry.name.as_str()),
        });
    }
    body(&OpenAiList { object: "list", data: models.iter().map(openai).collect() })
}

/// The body of one model.
pub fn render_model(dialect: Dialect, model: &ModelEntry) -> Bytes {
    match dialect {
        Dialect::Messages => body(&anthropic(model)),
        Dialect::ChatCompletions | Dialect::Responses => body(&openai(model)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn value(body: &Bytes) -> Value {
        serde_json::from_slice(body).unwrap()
    }

    #[test]
    fn each_family_of_sdks_gets_its_own_list() {
        let entry =
            ModelEntry { name: "fast".into(), provider: "acme".into(), created: 1_700_000_000, context_limit: 8000 };
        let openai = json!({"id": "fast", "object": "model", "created": 1_700_000_000, "owned_by": "acme"});
        let anthropic = json!({"type": "model", "id": "fast", "display_name": "fast",
            "created_at": "2023-11-14T22:13:20Z", "max_input_tokens": 8000});
        assert_eq!(value(&render_model(Dialect::Responses, &entry)), openai);
        assert_eq!(value(&render_model(Dialect::Messages, &entry)), anthropic);
        let list = std::slice::from_ref(&entry);
        let listed = value(&render_models(Dialect::ChatCompletions, list, true));
        assert_eq!(listed, json!({"object": "list", "data": [openai]}));
        let listed = value(&render_models(Dialect::Messages, list, true));
        assert_eq!(listed, json!({"data": [anthropic], "has_more": true, "first_id": "fast", "last_id": "fast"}));
        let empty = value(&render_models(Dialect::Messages, &[], false));
        assert_eq!(empty, json!({"data": [], "has_more": false, "first_id": null, "last_id": null}));
    }
}
