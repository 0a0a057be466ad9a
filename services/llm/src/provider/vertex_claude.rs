//! Where Claude is on Google's Vertex AI.

use chatmesh_proto::llm::v1::ProviderSettings;

/// Where requests go that no region is chosen for.
const GLOBAL: &str = "global";

/// The address of the publisher's models; `None` where the project is not known.
pub(super) fn base_url(settings: &ProviderSettings) -> Option<String> {
    let project = Some(settings.project.as_str()).filter(|project| !project.is_empty())?;
    let location = if settings.region.is_empty() { GLOBAL } else { &settings.region };
    let host = match location {
        GLOBAL => "aiplatform.googleapis.com".to_owned(),
        // The regions of more than one country have a domain of their own.
        "us" | "eu" => format!("aiplatform.{location}.rep.googleapis.com"),
        location => format!("{location}-aiplatform.googleapis.com"),
    };
    Some(format!("https://{host}/v1/projects/{project}/locations/{location}/publishers/anthropic"))
}
