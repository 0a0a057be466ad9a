//! Providers and models, as they are configured.

mod change;
mod key;
mod limit;
mod options;
mod usage;

use chatmesh_core::{Timestamp, Violations, typed_id};
use chatmesh_proto::llm::v1::{AzureApi, ModelOptions, ProviderSettings, ProviderType};
use url::Url;

pub use self::change::{KeyChange, ModelChange, ProviderChange};
pub use self::key::{Key, KeyId, KeyPolicy};
pub(crate) use self::key::{check_key_name, check_policy, check_secret, check_weight, hint};
pub(crate) use self::limit::effective;
pub use self::limit::{Amounts, Limit, LimitId, Period, Scope};
pub(crate) use self::options::check_options;
pub use self::usage::{DebugRecord, Outcome, Reservation, ReservationId, UsageEvent, UsageId};
use crate::provider::address;

typed_id!(
    /// A provider.
    ProviderId,
    /// A model.
    ModelId,
);

/// Where a provider's row comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Someone created it.
    Database,
    /// It was taken from the environment at start.
    Environment,
}

/// A configured source of models.
#[derive(Debug, Clone, PartialEq)]
pub struct Provider {
    /// The identifier.
    pub id: ProviderId,
    /// Unique.
    pub name: String,
    /// What it speaks.
    pub provider_type: ProviderType,
    /// Where it is; its public address where it is empty.
    pub base_url: String,
    /// The key, sealed.
    pub sealed_api_key: Option<Vec<u8>>,
    /// False where it was switched off.
    pub enabled: bool,
    /// Where the row comes from.
    pub source: Source,
    /// What its type needs to know beside its address.
    pub settings: ProviderSettings,
    /// Whose keys it is called with.
    pub key_policy: KeyPolicy,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A model of a provider.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The identifier.
    pub id: ModelId,
    /// Unique; what chats call it.
    pub name: String,
    /// Whose it is.
    pub provider_id: ProviderId,
    /// The provider's name.
    pub provider: String,
    /// What the provider calls it.
    pub model: String,
    /// Its context limit in tokens; 0 where it is not known.
    pub context_limit: u32,
    /// True for the one that is used where a chat names none.
    pub is_default: bool,
    /// False where it is not to be used.
    pub enabled: bool,
    /// How it is called.
    pub options: ModelOptions,
    /// At how many percent of the context limit a conversation is compacted, where someone said so.
    pub compaction_threshold_percent: Option<u32>,
    /// The names of other models that are tried where this one cannot answer.
    pub fallbacks: Vec<String>,
    /// Whether requests and answers are kept for a while.
    pub record_debug: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Never compact.
const MAX_PERCENT: u32 = 100;

const DEFAULT_THRESHOLD_PERCENT: u32 = 70;

/// Models with huge contexts answer worse and cost more long before their limit.
const HUGE_CONTEXT: u32 = 500_000;
const HUGE_THRESHOLD_PERCENT: u32 = 30;

impl Model {
    /// At how many percent of its context limit a conversation is compacted.
    pub(crate) fn compaction_threshold(&self) -> u32 {
        let default =
            if self.context_limit >= HUGE_CONTEXT { HUGE_THRESHOLD_PERCENT } else { DEFAULT_THRESHOLD_PERCENT };
        self.compaction_threshold_percent.unwrap_or(default)
    }
}

/// A name or an identifier, as clients give either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// An identifier; a thing may also be named like one, and the identifier wins.
    Id(chatmesh_core::Uuid),
    /// A name.
    Name(String),
}

impl Reference {
    /// Reads what a client gave; `None` for a text that nothing can be called, which a database
    /// would not even look for.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        (!text.contains('\0')).then(|| Self::from(text))
    }
}

impl From<&str> for Reference {
    fn from(text: &str) -> Self {
        match chatmesh_core::Uuid::try_parse(text) {
            Ok(id) => Self::Id(id),
            Err(_) => Self::Name(text.to_owned()),
        }
    }
}

const MAX_NAME: usize = 64;
const MAX_MODEL: usize = 200;
const MAX_KEY: usize = 4096;

pub(crate) fn check_provider_name(name: &str, violations: &mut Violations) {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let fits = (1..=MAX_NAME).contains(&name.len()) && name.chars().all(allowed);
    violations.require(fits, "name", "must be 1 to 64 letters, digits, `.`, `_` or `-`");
}

/// Checks what a model is called; providers use `/` and `:` in their names.
pub(crate) fn check_model_name(field: &str, name: &str, violations: &mut Violations) {
    let fits = (1..=MAX_MODEL).contains(&name.chars().count()) && name.chars().all(|c| c.is_ascii_graphic());
    violations.require(fits, field, "must be 1 to 200 printable characters without blanks");
}

/// Checks an address; a resource of Azure's has a name that leads to it.
pub(crate) fn check_base_url(provider_type: ProviderType, url: &str, violations: &mut Violations) {
    // The parser would skip some of them, and the text is kept as it came.
    let plain = !url.contains(|c: char| c.is_control() || c.is_whitespace());
    let named = address(provider_type, &ProviderSettings::default(), url).unwrap_or_else(|_| url.into());
    let fits = url.is_empty()
        || plain
            && Url::parse(&named).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some());
    violations.require(fits, "base_url", "must be an http or https URL, like https://llm.example.com/v1");
    let has_key = Url::parse(&named).is_ok_and(|url| !url.username().is_empty() || url.password().is_some());
    violations.require(!has_key, "base_url", "must hold no user name and no password: keys belong into `api_key`");
}

pub(crate) fn check_api_key(key: &str, violations: &mut Violations) {
    // The key of a service account is a JSON document.
    let is_document = key.starts_with('{') && serde_json::from_str::<serde_json::Value>(key).is_ok();
    let fits = key.len() <= MAX_KEY && (is_document || key.bytes().all(|b| b.is_ascii_graphic()));
    violations.require(fits, "api_key", "must be at most 4096 printable ASCII characters without blanks");
}

pub(crate) fn check_provider_type(provider_type: i32, violations: &mut Violations) -> ProviderType {
    let known = ProviderType::try_from(provider_type).unwrap_or_default();
    violations.require(
        known != ProviderType::Unspecified,
        "type",
        "must be set, for example to PROVIDER_TYPE_ANTHROPIC",
    );
    known
}

pub(crate) fn check_settings(settings: &ProviderSettings, violations: &mut Violations) {
    let plain = |text: &str| {
        text.len() <= MAX_NAME && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':'))
    };
    for (field, value) in [
        ("settings.region", &settings.region),
        ("settings.project", &settings.project),
        ("settings.api_version", &settings.api_version),
    ] {
        violations.require(plain(value), field, "must be at most 64 letters, digits, `-`, `_`, `.` or `:`");
    }
    let known = AzureApi::try_from(settings.azure_api).is_ok();
    violations.require(known, "settings.azure_api", "must be AZURE_API_RESPONSES or AZURE_API_CHAT_COMPLETIONS");
}

/// How many other models are tried for one.
const MAX_FALLBACKS: usize = 8;

pub(crate) fn check_fallbacks(field: &str, name: &str, fallbacks: &[String], violations: &mut Violations) {
    violations.require(fallbacks.len() <= MAX_FALLBACKS, field, "must name at most 8 models");
    for (at, fallback) in fallbacks.iter().enumerate() {
        let field = format!("{field}[{at}]");
        violations.require(fallback != name, &field, "must be another model");
        violations.require(!fallbacks[..at].contains(fallback), &field, "is named twice");
    }
}

pub(crate) fn check_threshold(percent: Option<u32>, violations: &mut Violations) {
    let fits = percent.is_none_or(|percent| percent <= MAX_PERCENT);
    violations.require(fits, "compaction_threshold_percent", "must be from 0 to 100");
}

#[cfg(test)]
mod tests {
    use chatmesh_core::{Clock as _, SystemClock, Uuid};

    use super::*;

    fn model(context_limit: u32, compaction_threshold_percent: Option<u32>) -> Model {
        let now = SystemClock.now();
        Model {
            id: ModelId(Uuid::nil()),
            name: String::new(),
            provider_id: ProviderId(Uuid::nil()),
            provider: String::new(),
            model: String::new(),
            context_limit,
            is_default: false,
            enabled: true,
            options: ModelOptions::default(),
            compaction_threshold_percent,
            fallbacks: Vec::new(),
            record_debug: false,
            created_at: now,
            updated_at: now,
        }
    }

    #[test]
    fn huge_contexts_are_compacted_early_unless_someone_says_otherwise() {
        let cases = [
            (0, None, 70),
            (499_999, None, 70),
            (500_000, None, 30),
            (1_000_000, Some(90), 90),
            (8000, Some(0), 0),
            (8000, Some(100), 100),
        ];
        for (limit, percent, expected) in cases {
            assert_eq!(model(limit, percent).compaction_threshold(), expected, "{limit} {percent:?}");
        }
    }

    #[test]
    fn an_address_is_a_url_or_for_azure_the_name_of_a_resource() {
        let cases = [
            (ProviderType::Openai, "", true),
            (ProviderType::Openai, "https://llm.example.com/v1", true),
            (ProviderType::Openai, "acme", false),
            (ProviderType::Openai, "ftp://h", false),
            (ProviderType::Azure, "", true),
            (ProviderType::Azure, "acme", true),
            (ProviderType::Azure, "acme.openai.azure.com", true),
            (ProviderType::Azure, "https://acme.openai.azure.com", true),
            (ProviderType::OpenaiCompatible, "https://user@h/v1", false),
            (ProviderType::OpenaiCompatible, "https://:password@h/v1", false),
            (ProviderType::Azure, "ftp://h", false),
            (ProviderType::Azure, "ac me", false),
        ];
        for (provider_type, url, fits) in cases {
            let mut violations = Violations::new();
            check_base_url(provider_type, url, &mut violations);
            assert_eq!(violations.finish(Some(())).is_ok(), fits, "{provider_type:?} {url}");
        }
    }

    #[test]
    fn a_threshold_beyond_a_hundred_percent_is_refused() {
        for (percent, is_refused) in [(None, false), (Some(0), false), (Some(100), false), (Some(101), true)] {
            let mut violations = Violations::new();
            check_threshold(percent, &mut violations);
            assert_eq!(violations.finish(Some(())).is_err(), is_refused, "{percent:?}");
        }
    }
}
