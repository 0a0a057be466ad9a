use chatmesh_proto::common::v1::{Role, ToolDefinition};
use chatmesh_proto::llm::v1::{GenerateRequest, ModelOptions, OutputFormat, ToolChoice, WebSearch};

use super::*;
use crate::codec::testing::{encode, message as prompt, text as said};
use crate::codec::{Call, Codec};

const LLAMA: &str = "us.meta.llama4-scout-17b-instruct-v1:0";
const NOVA_2: &str = "us.amazon.nova-2-lite-v1:0";
const CLAUDE: &str = "global.claude-x";

fn request() -> GenerateRequest {
    GenerateRequest { messages: vec![prompt(Role::User, vec![said("Hi")])], ..GenerateRequest::default() }
}

fn with_tools(tool_choice: ToolChoice, required_tool: &str) -> GenerateRequest {
    let tools = ["a.b", "c"].map(|name| ToolDefinition { name: name.into(), ..ToolDefinition::default() });
    GenerateRequest {
        tools: tools.into(),
        tool_choice: tool_choice.into(),
        required_tool: required_tool.into(),
        ..request()
    }
}

fn sent(model: &str, options: &ModelOptions) -> (Value, Vec<String>) {
    encode(&BedrockConverse, model, options, &request())
}

fn effort(effort: &str) -> ModelOptions {
    ModelOptions { reasoning_effort: Some(effort.to_owned()), ..ModelOptions::default() }
}

#[test]
fn settings_have_their_places() {
    let options = ModelOptions {
        max_output_tokens: Some(500),
        temperature: Some(0.5),
        top_p: Some(0.9),
        top_k: Some(7),
        service_tier: Some("flex".to_owned()),
        extra_body: Some(r#"{"requestMetadata":{"a":"b"},"inferenceConfig":{"maxTokens":400}}"#.to_owned()),
        ..ModelOptions::default()
    };
    let request = GenerateRequest { max_output_tokens: Some(600), stop_sequences: vec!["END".into()], ..request() };
    let (body, warnings) = encode(&BedrockConverse, "amazon.nova-pro-v1:0", &options, &request);
    assert_eq!(
        body["inferenceConfig"],
        json!({"maxTokens": 400, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]})
    );
    assert_eq!(body["additionalModelRequestFields"], json!({"inferenceConfig": {"topK": 7}}));
    assert_eq!((&body["serviceTier"], &body["requestMetadata"]), (&json!({"type": "flex"}), &json!({"a": "b"})));
    assert!(warnings.is_empty());
}

#[test]
fn what_has_no_place_is_said() {
    let options = ModelOptions {
        top_k: Some(7),
        thinking_budget_tokens: Some(2000),
        reasoning_effort: Some("low".to_owned()),
        presence_penalty: Some(0.1),
        frequency_penalty: Some(0.1),
        seed: Some(1),
        verbosity: Some("low".to_owned()),
        parallel_tool_calls: Some(false),
        web_search: Some(WebSearch::default()),
        ..ModelOptions::default()
    };
    let (body, warnings) = sent(LLAMA, &options);
    assert_eq!(warnings, ["setting_ignored"; 9]);
    assert_eq!(body, json!({"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}));
}

#[test]
fn every_family_is_asked_to_reason_in_its_own_way() {
    let fields = |model, options: &ModelOptions| sent(model, options).0["additionalModelRequestFields"].clone();
    assert_eq!(fields("openai.gpt-oss-20b-1:0", &effort("xhigh")), json!({"reasoning_effort": "high"}));
    assert_eq!(
        fields(NOVA_2, &effort("minimal")),
        json!({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}})
    );
    assert_eq!(
        fields(CLAUDE, &effort("minimal")),
        json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}})
    );
    for model in [CLAUDE, NOVA_2, LLAMA] {
        assert_eq!(fields(model, &effort("none")), Value::Null, "{model}");
    }
    let budget = ModelOptions { thinking_budget_tokens: Some(2000), max_output_tokens: Some(100), ..effort("") };
    let (body, warnings) = sent(CLAUDE, &budget);
    assert_eq!(body["additionalModelRequestFields"], json!({"thinking": {"type": "enabled", "budget_tokens": 2000}}));
    assert_eq!((&body["inferenceConfig"], warnings), (&json!({"maxTokens": 2100}), vec!["setting_changed".to_owned()]));
}

#[test]
fn reasoning_forbids_sampling() {
    let options =
        ModelOptions { temperature: Some(0.5), top_p: Some(0.5), max_output_tokens: Some(9), ..effort("high") };
    let (body, warnings) = sent(NOVA_2, &options);
    assert_eq!((body.get("inferenceConfig"), warnings.len()), (None, 3));
    let (body, warnings) = sent(NOVA_2, &ModelOptions { reasoning_effort: Some("low".into()), ..options });
    assert_eq!((&body["inferenceConfig"], warnings.len()), (&json!({"maxTokens": 9}), 2));
}

#[test]
fn a_call_can_be_demanded() {
    let choice = |request: &GenerateRequest, options: &ModelOptions| {
        let (body, warnings) = encode(&BedrockConverse, CLAUDE, options, request);
        (body["toolConfig"]["toolChoice"].clone(), warnings)
    };
    let none = ModelOptions::default();
    assert_eq!(choice(&with_tools(ToolChoice::Auto, ""), &none), (Value::Null, vec![]));
    assert_eq!(choice(&with_tools(ToolChoice::Required, ""), &none), (json!({"any": {}}), vec![]));
    assert_eq!(choice(&with_tools(ToolChoice::Required, "a.b"), &none), (json!({"tool": {"name": "a_b"}}), vec![]));
    let ignored = vec!["setting_ignored".to_owned()];
    assert_eq!(choice(&with_tools(ToolChoice::Auto, "c"), &none), (Value::Null, ignored.clone()));
    assert_eq!(choice(&with_tools(ToolChoice::Required, ""), &effort("low")), (Value::Null, ignored));
    let request = with_tools(ToolChoice::Required, "nobody");
    assert!(BedrockConverse.encode(&Call { request: &request, model: CLAUDE, options: &none }).is_err());
}

#[test]
fn an_answer_can_have_a_shape() {
    let shaped = |schema: &str| {
        let format = OutputFormat { schema: schema.into(), description: "d".into(), ..OutputFormat::default() };
        let request = GenerateRequest { output_format: Some(format), ..request() };
        encode(&BedrockConverse, LLAMA, &ModelOptions::default(), &request)
    };
    let (body, warnings) = shaped(r#"{"type":"object"}"#);
    assert_eq!(
        body["outputConfig"],
        json!({"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {
            "name": "response", "description": "d", "schema": "{\"type\":\"object\"}",
        }}}})
    );
    assert!(warnings.is_empty());
    assert_eq!(shaped("").1, ["setting_ignored"]);
    assert_eq!(shaped("[1]").1, ["invalid_tool_schema"]);
}
