use chatmesh_proto::llm::v1::AzureApi;

use super::*;

fn composed(provider: ProviderType, settings: &ProviderSettings, model: &str) -> (String, Option<String>, Auth) {
    let composition = compose(provider, settings, model).unwrap();
    (format!("{:?}", composition.codec), composition.base_url.map(Cow::into_owned), composition.auth)
}

#[test]
fn claude_is_invoked_on_bedrock_and_every_other_model_converses() {
    let settings = ProviderSettings { region: "eu-central-1".to_owned(), ..ProviderSettings::default() };
    let cases = [
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "BedrockClaude"),
        ("arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-4-1", "BedrockClaude"),
        ("amazon.nova-pro-v1:0", "BedrockConverse"),
        ("openai.gpt-oss-120b-1:0", "BedrockConverse"),
    ];
    for (model, codec) in cases {
        let url = "https://bedrock-runtime.eu-central-1.amazonaws.com".to_owned();
        let auth = Auth::Aws { region: "eu-central-1".to_owned() };
        assert_eq!(composed(ProviderType::Bedrock, &settings, model), (codec.to_owned(), Some(url), auth), "{model}");
    }
    let (_, url, _) = composed(ProviderType::Bedrock, &ProviderSettings::default(), "x");
    assert_eq!(url.unwrap(), "https://bedrock-runtime.us-east-1.amazonaws.com");
    let odd = ProviderSettings { region: "evil.example:1".to_owned(), ..ProviderSettings::default() };
    assert!(compose(ProviderType::Bedrock, &odd, "x").is_err());
}

#[test]
fn azure_speaks_the_protocol_that_was_chosen() {
    for (api, codec) in [
        (AzureApi::Unspecified, "OpenAiResponses"),
        (AzureApi::Responses, "OpenAiResponses"),
        (AzureApi::ChatCompletions, "azure.chat"),
    ] {
        let settings = ProviderSettings { azure_api: api.into(), ..ProviderSettings::default() };
        let (found, url, auth) = composed(ProviderType::Azure, &settings, "gpt-5-mini");
        assert!(found.contains(codec), "{found}");
        assert_eq!((url, auth), (None, Auth::Header(auth::API_KEY)));
    }
}

#[test]
fn claude_on_vertex_is_at_its_publisher() {
    let settings = |region: &str, project: &str| ProviderSettings {
        region: region.to_owned(),
        project: project.to_owned(),
        ..ProviderSettings::default()
    };
    let cases = [
        (
            "us-east5",
            "https://us-east5-aiplatform.googleapis.com/v1/projects/p-1/locations/us-east5/publishers/anthropic",
        ),
        ("", "https://aiplatform.googleapis.com/v1/projects/p-1/locations/global/publishers/anthropic"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com/v1/projects/p-1/locations/eu/publishers/anthropic"),
    ];
    for (region, expected) in cases {
        let (codec, url, auth) = composed(ProviderType::Vertex, &settings(region, "p-1"), "claude-sonnet-4@20250514");
        assert_eq!((codec.as_str(), url.as_deref(), auth), ("VertexClaude", Some(expected), Auth::Bearer));
        let url = endpoint(expected, "models/claude-sonnet-4@20250514:streamRawPredict").unwrap();
        assert_eq!(url.as_str(), format!("{expected}/models/claude-sonnet-4@20250514:streamRawPredict"));
    }
    assert_eq!(composed(ProviderType::Vertex, &settings("us-east5", ""), "claude-x").1, None);
    for (region, project) in [("us.evil", "p-1"), ("us/..", "p-1"), ("", "p/1"), ("", ".."), ("", "p?x"), ("", "p:")] {
        assert!(compose(ProviderType::Vertex, &settings(region, project), "claude-x").is_err(), "{region} {project}");
        assert!(compose(ProviderType::Vertex, &settings(region, project), "gemini-x").is_err(), "{region} {project}");
    }
}

#[test]
fn gemini_is_at_google_with_a_key_and_on_vertex_with_a_token() {
    let (codec, url, auth) = composed(ProviderType::Google, &ProviderSettings::default(), "gemini-2.5-pro");
    assert!(codec.contains("GeminiApi"), "{codec}");
    assert_eq!(url.unwrap(), "https://generativelanguage.googleapis.com/v1beta");
    assert_eq!(auth, Auth::Header(auth::X_GOOG_API_KEY));
    let settings = ProviderSettings { project: "example.com:p-1".to_owned(), ..ProviderSettings::default() };
    let (codec, url, auth) = composed(ProviderType::Vertex, &settings, "gemini-2.5-pro");
    assert!(codec.contains("VertexAi"), "{codec}");
    let expected =
        "https://aiplatform.googleapis.com/v1beta1/projects/example.com:p-1/locations/global/publishers/google";
    assert_eq!((url.as_deref(), auth), (Some(expected), Auth::Bearer));
    let own = address(ProviderType::Google, &ProviderSettings::default(), "http://localhost:4010").unwrap();
    assert_eq!(own, "http://localhost:4010/v1beta");
}
