//! Providers: thin compositions of a codec, an address and a way to show the key.

mod auth;
mod aws;
mod azure;
mod endpoint;
mod service_account;
mod vertex;

use std::borrow::Cow;

use chatmesh_proto::llm::v1::{ProviderSettings, ProviderType};

pub(crate) use self::auth::Auth;
pub use self::endpoint::endpoint;
pub(crate) use self::service_account::{GRANT_TYPE, ServiceAccount};
use crate::classify::Failure;
use crate::codec::Codec;
use crate::codec::anthropic::{Anthropic, BedrockClaude, VertexClaude};
use crate::codec::bedrock_converse::BedrockConverse;
use crate::codec::google::{GOOGLE, VERTEX};
use crate::codec::openai_chat::{COMPATIBLE, OPENAI, OPENROUTER, VERCEL};
use crate::codec::openai_responses::OpenAiResponses;

/// The version of the Gemini API that has everything.
const GEMINI_VERSION: &str = "v1beta";

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
        ProviderType::Vertex if vertex::is_claude(model) => Composition {
            codec: &VertexClaude,
            base_url: vertex::claude_url(settings)?.map(Cow::Owned),
            auth: Auth::Bearer,
        },
        ProviderType::Vertex => {
            Composition { codec: &VERTEX, base_url: vertex::gemini_url(settings)?.map(Cow::Owned), auth: Auth::Bearer }
        }
        ProviderType::Azure => {
            Composition { codec: azure::codec(settings), base_url: None, auth: Auth::Header(auth::API_KEY) }
        }
        ProviderType::Bedrock => {
            let region = aws::region(settings)?;
            let codec: &'static dyn Codec =
                if model.contains("anthropic.") { &BedrockClaude } else { &BedrockConverse };
            let base_url = Some(Cow::Owned(aws::base_url(region)));
            Composition { codec, base_url, auth: Auth::Aws { region: region.to_owned() } }
        }
        ProviderType::Unspecified | ProviderType::Simulated => {
            return Err(Failure::configuration("providers of this type cannot be called by this version"));
        }
    })
}

/// The address that a configured one means: Azure is found by the name of a resource, and is not
/// called at all the addresses that its console shows; the Gemini API has a version of its own.
///
/// # Errors
/// It means nothing.
pub fn address<'a>(
    provider: ProviderType,
    settings: &ProviderSettings,
    configured: &'a str,
) -> Result<Cow<'a, str>, Failure> {
    match provider {
        ProviderType::Azure => azure::base_url(settings, configured).map(Cow::Owned),
        ProviderType::Google => Ok(endpoint::with_version(configured, GEMINI_VERSION)),
        _ => Ok(Cow::Borrowed(configured)),
    }
}

#[cfg(test)]
pub(crate) use self::service_account::tests as service_account_tests;

#[cfg(test)]
mod tests;
