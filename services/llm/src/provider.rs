//! Providers: thin compositions of a codec, an address and a way to show the key.

mod auth;
mod endpoint;

use std::borrow::Cow;

use chatmesh_proto::llm::v1::{ProviderSettings, ProviderType};

pub(crate) use self::auth::Auth;
pub use self::endpoint::endpoint;
use crate::classify::Failure;
use crate::codec::Codec;
use crate::codec::anthropic::Anthropic;
use crate::codec::google::{GOOGLE, VERTEX};
use crate::codec::openai_chat::{COMPATIBLE, OPENAI, OPENROUTER, VERCEL};
use crate::codec::openai_responses::OpenAiResponses;

/// How one provider is called for one model.
#[derive(Debug)]
pub struct Composition {
    /// The wire protocol.
    pub codec: &'static dyn Codec,
    /// Where the provider is reached when nobody configured an address; `None` where only the
    /// user can know.
    pub base_url: Option<Cow<'static, str>>,
    /// How the key is shown.
    pub(crate) auth: Auth,
}

/// Composes the provider of a type for one of its models.
///
/// # Errors
/// The type has no wire protocol, or a setting that it needs is missing.
pub fn compose(provider: ProviderType, settings: &ProviderSettings, model: &str) -> Result<Composition, Failure> {
    let fixed = |codec: &'static dyn Codec, base_url: &'static str, auth: Auth| Composition {
        codec,
        base_url: Some(base_url.into()),
        auth,
    };
    Ok(match provider {
        ProviderType::Anthropic => fixed(&Anthropic, "https://api.anthropic.com", Auth::Header(auth::X_API_KEY)),
        ProviderType::Openai => fixed(&OpenAiResponses, "https://api.openai.com", Auth::Bearer),
        ProviderType::OpenaiChat => fixed(&OPENAI, "https://api.openai.com", Auth::Bearer),
        ProviderType::OpenaiCompatible => Composition { codec: &COMPATIBLE, base_url: None, auth: Auth::Bearer },
        ProviderType::Openrouter => fixed(&OPENROUTER, "https://openrouter.ai/api/v1", Auth::Bearer),
        ProviderType::Vercel => fixed(&VERCEL, "https://ai-gateway.vercel.sh/v1", Auth::Bearer),
        ProviderType::Google => {
            let auth = Auth::Header(auth::X_GOOG_API_KEY);
            fixed(&GOOGLE, "https://generativelanguage.googleapis.com/v1beta", auth)
        }
        // Models of Anthropic stand under another publisher and speak another protocol.
        ProviderType::Vertex if model.starts_with("claude") => {
            return Err(Failure::configuration("providers of this type cannot be called by this version"));
        }
        ProviderType::Vertex => {
            Composition { codec: &VERTEX, base_url: Some(vertex_url(settings)?.into()), auth: Auth::Bearer }
        }
        ProviderType::Unspecified | ProviderType::Azure | ProviderType::Bedrock | ProviderType::Simulated => {
            return Err(Failure::configuration("providers of this type cannot be called by this version"));
        }
    })
}

/// Where Vertex AI serves the models of Google in a project and a region.
fn vertex_url(settings: &ProviderSettings) -> Result<String, Failure> {
    let ProviderSettings { region, project, .. } = settings;
    let is_name = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | ':' | '.'))
    };
    if !is_name(project) || project.contains("..") {
        return Err(Failure::configuration("the provider needs the name of a project"));
    }
    let region = if region.is_empty() { "global" } else { region };
    if !region.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Err(Failure::configuration("the region of the provider is not a region's name"));
    }
    let host = if region == "global" { String::new() } else { format!("{region}-") };
    Ok(format!("https://{host}aiplatform.googleapis.com/v1/projects/{project}/locations/{region}/publishers/google"))
}
