//! Where models are on Google's Vertex AI.

use chatmesh_proto::llm::v1::ProviderSettings;

use crate::classify::Failure;

/// Where requests go that no region is chosen for.
const GLOBAL: &str = "global";

/// The version with everything that the Gemini API has; Google's own clients use it as well.
const GEMINI_VERSION: &str = "v1beta1";

/// Whether a model is one of Anthropic's, which stand under another publisher and speak another protocol.
pub(super) fn is_claude(model: &str) -> bool {
    model.starts_with("claude")
}

/// The address of Anthropic's models; `None` where the project is not known.
///
/// # Errors
/// The region or the project is no name.
pub(super) fn claude_url(settings: &ProviderSettings) -> Result<Option<String>, Failure> {
    publisher_url(settings, "v1", "anthropic")
}

/// The address of Google's own models; `None` where the project is not known.
///
/// # Errors
/// The region or the project is no name.
pub(super) fn gemini_url(settings: &ProviderSettings) -> Result<Option<String>, Failure> {
    publisher_url(settings, GEMINI_VERSION, "google")
}

fn publisher_url(settings: &ProviderSettings, version: &str, publisher: &str) -> Result<Option<String>, Failure> {
    let ProviderSettings { region, project, .. } = settings;
    // Both become part of the address, so nothing else can be in them.
    let is_word = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if !is_word(region) {
        return Err(Failure::configuration("the region of the provider is none of Vertex AI's"));
    }
    // Projects of a domain are named `example.com:project`.
    let is_project = project.split(['.', ':']).all(|word| is_word(word) && !word.is_empty());
    if !project.is_empty() && !is_project {
        return Err(Failure::configuration("the project of the provider is not the name of one"));
    }
    let location = if region.is_empty() { GLOBAL } else { region };
    let host = match location {
        GLOBAL => "aiplatform.googleapis.com".to_owned(),
        // The regions of more than one country have a domain of their own.
        "us" | "eu" => format!("aiplatform.{location}.rep.googleapis.com"),
        location => format!("{location}-aiplatform.googleapis.com"),
    };
    let url = format!("https://{host}/{version}/projects/{project}/locations/{location}/publishers/{publisher}");
    Ok((!project.is_empty()).then_some(url))
}
