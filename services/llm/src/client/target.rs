//! Which model to call and where.

use std::collections::HashSet;

use chatmesh_proto::llm::v1::{ModelOptions, ProviderType};
use secrecy::SecretString;
use url::Url;

use crate::classify::{Classifier, Failure, provider_name};
use crate::codec::{Prices, ResponseContext};

/// A model with everything that is needed to call it.
#[derive(Debug, Clone, Default)]
pub struct Target {
    /// What the provider speaks.
    pub provider_type: ProviderType,
    /// What users call the provider; the usual name of its type where it is empty.
    pub display_name: String,
    /// Where it is, with or without the version in the path; the provider's public address where
    /// it is empty.
    pub base_url: String,
    /// The key. Only servers with an address of their own are called without one.
    pub api_key: Option<SecretString>,
    /// What the provider calls the model.
    pub model: String,
    /// The name of the configured model.
    pub model_name: String,
    /// The model's context limit in tokens; 0 where it is not known.
    pub context_limit: u32,
    /// At how many percent of it a conversation is compacted.
    pub compaction_threshold_percent: u32,
    /// How the model is called.
    pub options: ModelOptions,
}

impl Target {
    /// Decides what failures of this target mean, and hides its key in what they say.
    pub fn classifier(&self) -> Classifier {
        let name = match self.display_name.as_str() {
            "" => provider_name(self.provider_type),
            name => name,
        };
        Classifier::new(name).with_secret(self.api_key.clone())
    }

    pub(crate) fn response_context(&self, used_call_ids: HashSet<String>) -> ResponseContext {
        ResponseContext {
            classifier: self.classifier(),
            model: self.model.clone(),
            model_name: self.model_name.clone(),
            context_limit: self.context_limit,
            compaction_threshold_percent: self.compaction_threshold_percent,
            prices: Prices::of(&self.options),
            used_call_ids,
            ..ResponseContext::default()
        }
    }
}

/// Joins a base URL and the path of a protocol, such as `messages`.
///
/// The base may end with its version (`/v1`, `/api/paas/v4`) or have one in its path
/// (`/v1beta/openai`); where it has none, `/v1` is added. A base that already ends with the path
/// stays as it is. A query stays a query.
///
/// # Errors
/// The base is not an absolute `http` or `https` URL.
pub fn endpoint(base_url: &str, path: &str) -> Result<Url, Failure> {
    let invalid = || Failure::configuration("the base URL of the provider is not an http or https URL");
    let mut url = Url::parse(base_url.trim()).map_err(|_| invalid())?;
    if !matches!(url.scheme(), "http" | "https") || url.cannot_be_a_base() {
        return Err(invalid());
    }
    let base = url.path().trim_end_matches('/');
    if base.ends_with(&format!("/{path}")) {
        let base = base.to_owned();
        url.set_path(&base);
        return Ok(url);
    }
    let version = if base.split('/').any(is_version) { "" } else { "/v1" };
    let joined = format!("{base}{version}/{path}");
    url.set_path(&joined);
    Ok(url)
}

/// `v1`, `v4`, `v1beta`
fn is_version(segment: &str) -> bool {
    segment.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_added_where_it_is_missing() {
        let cases = [
            ("https://api.openai.com", "https://api.openai.com/v1/chat/completions"),
            ("https://api.openai.com/", "https://api.openai.com/v1/chat/completions"),
            ("https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"),
            ("https://api.openai.com/v1/", "https://api.openai.com/v1/chat/completions"),
            ("https://api.z.ai/api/coding/paas/v4", "https://api.z.ai/api/coding/paas/v4/chat/completions"),
            ("https://openrouter.ai/api", "https://openrouter.ai/api/v1/chat/completions"),
            ("https://g.example/v1beta/openai", "https://g.example/v1beta/openai/chat/completions"),
            ("http://localhost:8080", "http://localhost:8080/v1/chat/completions"),
            ("http://h/v1/chat/completions", "http://h/v1/chat/completions"),
            ("http://h/x?api-version=1", "http://h/x/v1/chat/completions?api-version=1"),
            ("http://[::1]:8080/vertex", "http://[::1]:8080/vertex/v1/chat/completions"),
        ];
        for (base, expected) in cases {
            assert_eq!(endpoint(base, "chat/completions").unwrap().as_str(), expected);
        }
        for base in ["", "api.openai.com", "ftp://h", "file:///etc", "data:text/plain,x"] {
            assert!(endpoint(base, "messages").is_err(), "{base}");
        }
    }
}
