//! Azure OpenAI: OpenAI's protocols at addresses of one's own.

use chatmesh_proto::llm::v1::{AzureApi, ProviderSettings};
use url::Url;

use crate::classify::Failure;
use crate::codec::Codec;
use crate::codec::openai_chat::AZURE;
use crate::codec::openai_responses::OpenAiResponses;

/// The path of the API that needs no version.
const PATH: &str = "/openai/v1";

/// The domains under which a resource is found: of OpenAI, of the older and the newer services.
const DOMAINS: [&str; 3] = [".openai.azure.", ".cognitiveservices.azure.", ".services.ai.azure."];

/// The protocol that was chosen.
pub(super) fn codec(settings: &ProviderSettings) -> &'static dyn Codec {
    match settings.azure_api() {
        AzureApi::ChatCompletions => &AZURE,
        AzureApi::Responses | AzureApi::Unspecified => &OpenAiResponses,
    }
}

/// The address that is called for a configured one: the name of a resource, its host, or any
/// address of it that the console shows. Other hosts are taken as they are.
///
/// # Errors
/// It is not an address.
pub(super) fn base_url(settings: &ProviderSettings, configured: &str) -> Result<String, Failure> {
    let invalid = || Failure::configuration("the base URL of the provider is not the name or the URL of a resource");
    let configured = configured.trim();
    let full = match configured {
        "" => return Err(invalid()),
        url if url.contains("://") => url.to_owned(),
        host if host.contains(['.', ':', '/']) => format!("https://{host}"),
        resource => format!("https://{resource}.openai.azure.com"),
    };
    let mut url = Url::parse(&full).map_err(|_| invalid())?;
    match url.host_str().and_then(resource_host) {
        Some(host) => {
            url.set_host(Some(&host)).map_err(|_| invalid())?;
            url.set_path(PATH);
            url.set_query(None);
        }
        None if url.path() == "/" => url.set_path(PATH),
        None => {}
    }
    let has_version = url.query_pairs().any(|(name, _)| name == "api-version");
    if !settings.api_version.is_empty() && !has_version {
        url.query_pairs_mut().append_pair("api-version", &settings.api_version);
    }
    Ok(url.into())
}

/// The host at which the API of a resource is; `None` where the host is none of Azure's.
fn resource_host(host: &str) -> Option<String> {
    let (resource, end) = DOMAINS.iter().find_map(|domain| host.split_once(domain))?;
    let is_known = matches!(end, "com" | "us" | "cn") && !resource.is_empty() && !resource.contains('.');
    is_known.then(|| format!("{resource}.openai.azure.{end}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(configured: &str, api_version: &str) -> Result<String, Failure> {
        let settings = ProviderSettings { api_version: api_version.to_owned(), ..ProviderSettings::default() };
        base_url(&settings, configured)
    }

    #[test]
    fn every_way_to_name_a_resource_leads_to_it() {
        let names = [
            "acme",
            "acme.openai.azure.com",
            "https://acme.openai.azure.com",
            "https://acme.openai.azure.com/",
            "https://acme.openai.azure.com/openai/v1/",
            "https://acme.openai.azure.com/openai/deployments/gpt-5/chat/completions?api-version=2025-01-01-preview",
            "acme.cognitiveservices.azure.com",
            "https://acme.cognitiveservices.azure.com/",
            "https://acme.services.ai.azure.com/api/projects/first",
            " https://ACME.services.ai.azure.com ",
        ];
        for name in names {
            assert_eq!(address(name, "").unwrap(), "https://acme.openai.azure.com/openai/v1", "{name}");
        }
        assert_eq!(address("acme.openai.azure.us", "").unwrap(), "https://acme.openai.azure.us/openai/v1");
        assert_eq!(address("acme", "preview").unwrap(), "https://acme.openai.azure.com/openai/v1?api-version=preview");
    }

    #[test]
    fn other_hosts_stay_what_they_are() {
        let cases = [
            ("http://127.0.0.1:4010", "http://127.0.0.1:4010/openai/v1"),
            ("https://proxy.example/azure/v1", "https://proxy.example/azure/v1"),
            ("https://proxy.example/v1?api-version=2", "https://proxy.example/v1?api-version=2"),
            ("https://a.b.openai.azure.com/x", "https://a.b.openai.azure.com/x"),
            ("https://acme.openai.azure.com.evil.example/x", "https://acme.openai.azure.com.evil.example/x"),
        ];
        for (configured, expected) in cases {
            assert_eq!(address(configured, "").unwrap(), expected);
        }
        assert_eq!(address("http://h/v1?api-version=2", "3").unwrap(), "http://h/v1?api-version=2");
        for odd in ["", " ", "https://", "a b"] {
            assert!(address(odd, "").is_err(), "{odd}");
        }
    }
}
