//! Settings of a call on their way to the provider.

use chatmesh_proto::common::v1::{Role, ToolDefinition};
use chatmesh_proto::llm::v1::{GenerateRequest, ModelOptions, OutputFormat, ToolChoice, WebSearch};

use super::*;
use crate::codec::testing::{encode, message, text};
use crate::codec::{Call, Codec};

fn request() -> GenerateRequest {
    GenerateRequest { messages: vec![message(Role::User, vec![text("go")])], ..GenerateRequest::default() }
}

fn tool(name: &str, schema: &str) -> ToolDefinition {
    let (name, input_schema) = (name.to_owned(), schema.to_owned());
    ToolDefinition { name, description: "does".to_owned(), input_schema, strict: false }
}

fn sent(model: &str, options: &ModelOptions) -> (Value, Vec<String>) {
    let (mut body, codes) = encode(&GOOGLE, model, options, &request());
    (body["generationConfig"].take(), codes)
}

#[test]
fn a_call_without_settings_leaves_everything_to_the_provider() {
    let (body, codes) = encode(&GOOGLE, "gemini-2.5-pro", &ModelOptions::default(), &request());
    assert_eq!(body, json!({"contents": [{"role": "user", "parts": [{"text": "go"}]}], "generationConfig": {}}));
    assert!(codes.is_empty());
}

#[test]
fn settings_of_sampling_have_their_own_names() {
    let options = ModelOptions {
        max_output_tokens: Some(100),
        temperature: Some(0.5),
        top_p: Some(0.9),
        top_k: Some(4),
        presence_penalty: Some(0.25),
        frequency_penalty: Some(-0.25),
        seed: Some(u32::MAX),
        ..ModelOptions::default()
    };
    let mut request = request();
    request.max_output_tokens = Some(50);
    request.stop_sequences = ["a", "", "b"].map(str::to_owned).to_vec();
    let (body, codes) = encode(&GOOGLE, "gemini-2.5-pro", &options, &request);
    let expected = json!({"maxOutputTokens": 50, "temperature": 0.5, "topP": 0.9, "topK": 4, "presencePenalty": 0.25,
        "frequencyPenalty": -0.25, "seed": 2_147_483_647, "stopSequences": ["a", "b"]});
    assert_eq!(body["generationConfig"], expected);
    assert_eq!(codes, ["setting_ignored"]);
}

#[test]
fn what_the_provider_does_not_know_is_told() {
    let options = ModelOptions {
        verbosity: Some("low".to_owned()),
        service_tier: Some("flex".to_owned()),
        parallel_tool_calls: Some(false),
        ..ModelOptions::default()
    };
    let (config, codes) = sent("gemini-2.5-pro", &options);
    assert_eq!((config, codes.len()), (json!({}), 3));
}

#[test]
fn thinking_is_a_budget_or_a_level_by_the_model() {
    let cases = [
        ("gemini-2.5-flash", None, Some("none"), json!({"thinkingBudget": 0, "includeThoughts": false}), 0),
        ("gemini-2.5-pro", None, Some("none"), json!({"thinkingBudget": 128, "includeThoughts": false}), 1),
        ("gemini-2.5-pro", None, Some("medium"), json!({"thinkingBudget": 8192, "includeThoughts": true}), 0),
        ("gemini-2.5-pro", Some(128), None, json!({"thinkingBudget": 128, "includeThoughts": true}), 0),
        ("gemini-2.5-pro", Some(5), Some("low"), json!({"thinkingBudget": 128, "includeThoughts": true}), 2),
        ("gemini-3-flash", None, Some("minimal"), json!({"thinkingLevel": "MINIMAL", "includeThoughts": true}), 0),
        ("gemini-3-pro-preview", None, Some("minimal"), json!({"thinkingLevel": "LOW", "includeThoughts": true}), 1),
        ("gemini-3-pro-preview", None, Some("high"), json!({"thinkingLevel": "HIGH", "includeThoughts": true}), 0),
        ("gemini-3-pro-preview", None, Some("max"), json!({"thinkingLevel": "HIGH", "includeThoughts": true}), 1),
        ("gemini-3-pro-preview", Some(2000), None, json!({"thinkingBudget": 2000, "includeThoughts": true}), 0),
        ("gemini-3-pro-preview", None, Some("very"), Value::Null, 1),
        ("gemini-2.0-flash", None, Some("high"), Value::Null, 1),
        ("gemma-3-27b-it", Some(2000), None, Value::Null, 1),
    ];
    for (model, thinking_budget_tokens, effort, expected, warnings) in cases {
        let reasoning_effort = effort.map(str::to_owned);
        let options = ModelOptions { thinking_budget_tokens, reasoning_effort, ..ModelOptions::default() };
        let (config, codes) = sent(model, &options);
        assert_eq!((&config["thinkingConfig"], codes.len()), (&expected, warnings), "{model} {effort:?}");
    }
}

#[test]
fn the_tokens_to_think_with_come_on_top() {
    for (limit, budget, expected) in [(4000, 2000, 6000), (64_000, 8000, 65_536), (100_000, 2000, 100_000)] {
        let options = ModelOptions {
            max_output_tokens: Some(limit),
            thinking_budget_tokens: Some(budget),
            ..ModelOptions::default()
        };
        assert_eq!(sent("gemini-2.5-pro", &options).0["maxOutputTokens"], expected);
    }
}

#[test]
fn tools_are_declared_in_the_words_of_the_provider_or_as_they_are() {
    let mut asked = request();
    asked.tools = vec![
        tool("say", r#"{"type":"object","properties":{"a":{"type":["string","null"]}},"required":["a"]}"#),
        tool("map", r#"{"type":"object","additionalProperties":{"type":"string"}}"#),
        tool("none", r#"{"type":"object","properties":{}}"#),
    ];
    let (body, codes) = encode(&GOOGLE, "gemini-2.5-pro", &ModelOptions::default(), &asked);
    let expected = json!([{"functionDeclarations": [
        {"name": "map", "description": "does", "parametersJsonSchema":
            {"type": "object", "additionalProperties": {"type": "string"}}},
        {"name": "none", "description": "does"},
        {"name": "say", "description": "does", "parameters":
            {"type": "OBJECT", "properties": {"a": {"type": "STRING", "nullable": true}}, "required": ["a"]}},
    ]}]);
    assert_eq!(body["tools"], expected);
    assert_eq!(body["toolConfig"], json!({"functionCallingConfig": {"mode": "AUTO"}}));
    assert!(codes.is_empty());
}

#[test]
fn a_call_may_be_demanded_forbidden_or_held_to_its_schema() {
    let choice = |choice: ToolChoice, required: &str, strict: bool| {
        let mut asked = request();
        asked.tools = vec![ToolDefinition { strict, ..tool("a.b", "") }];
        asked.tool_choice = choice.into();
        required.clone_into(&mut asked.required_tool);
        encode(&GOOGLE, "gemini-2.5-pro", &ModelOptions::default(), &asked).0["toolConfig"]["functionCallingConfig"]
            .take()
    };
    assert_eq!(choice(ToolChoice::None, "", false), json!({"mode": "NONE"}));
    assert_eq!(choice(ToolChoice::Required, "", true), json!({"mode": "ANY"}));
    assert_eq!(choice(ToolChoice::Required, "a.b", false), json!({"mode": "ANY", "allowedFunctionNames": ["a_b"]}));
    assert_eq!(choice(ToolChoice::Auto, "", true), json!({"mode": "VALIDATED"}));
    let missing = GenerateRequest {
        required_tool: "gone".to_owned(),
        tool_choice: ToolChoice::Required.into(),
        tools: vec![tool("f", "")],
        ..request()
    };
    let call = Call { request: &missing, model: "m", options: &ModelOptions::default() };
    assert!(GOOGLE.encode(&call).unwrap_err().message.contains("`gone`"));
}

#[test]
fn an_answer_may_be_asked_for_as_json() {
    let mut asked = request();
    let schema = r#"{"type":"object","properties":{"z":{"type":"string"},"a":{"type":"string"}}}"#;
    asked.output_format = Some(OutputFormat { schema: schema.to_owned(), strict: true, ..OutputFormat::default() });
    let (body, codes) = encode(&GOOGLE, "gemini-2.5-pro", &ModelOptions::default(), &asked);
    let schema: Value = serde_json::from_str(schema).unwrap();
    assert_eq!(body["generationConfig"], json!({"responseMimeType": "application/json", "responseJsonSchema": schema}));
    assert!(codes.is_empty());

    asked.output_format = Some(OutputFormat::default());
    let (body, _) = encode(&GOOGLE, "gemini-2.5-pro", &ModelOptions::default(), &asked);
    assert_eq!(body["generationConfig"], json!({"responseMimeType": "application/json"}));
    asked.output_format = Some(OutputFormat { schema: "[1]".to_owned(), ..OutputFormat::default() });
    assert_eq!(encode(&GOOGLE, "m", &ModelOptions::default(), &asked).1, ["invalid_tool_schema"]);

    asked.tools = vec![tool("f", "")];
    let (body, codes) = encode(&GOOGLE, "gemini-2.5-pro", &ModelOptions::default(), &asked);
    assert_eq!((&body["generationConfig"], codes), (&json!({}), vec!["setting_ignored".to_owned()]));
    let (body, _) = encode(&GOOGLE, "gemini-3-pro-preview", &ModelOptions::default(), &asked);
    assert_eq!(body["generationConfig"]["responseMimeType"], "application/json");
}

#[test]
fn a_search_is_a_tool_where_the_model_has_room_for_it() {
    let search = |codec: &dyn Codec, model: &str, search: WebSearch, tools: Vec<ToolDefinition>| {
        let options = ModelOptions { web_search: Some(search), ..ModelOptions::default() };
        let (mut body, codes) = encode(codec, model, &options, &GenerateRequest { tools, ..request() });
        (body["tools"].take(), codes.len())
    };
    let blocked = || WebSearch { blocked_domains: vec!["h.example".to_owned()], ..WebSearch::default() };
    let limited = || WebSearch { max_uses: Some(1), context_size: "low".to_owned(), ..WebSearch::default() };
    let plain = json!([{"googleSearch": {}}]);
    assert_eq!(search(&GOOGLE, "gemini-2.5-pro", WebSearch::default(), vec![]), (plain.clone(), 0));
    assert_eq!(search(&GOOGLE, "gemini-2.5-pro", blocked(), vec![]), (plain.clone(), 1));
    assert_eq!(search(&GOOGLE, "gemini-2.5-pro", limited(), vec![]), (plain, 2));
    let excluding = json!([{"googleSearch": {"excludeDomains": ["h.example"]}}]);
    assert_eq!(search(&VERTEX, "gemini-2.5-pro", blocked(), vec![]), (excluding, 0));
    let (tools, warnings) = search(&GOOGLE, "gemini-2.5-pro", WebSearch::default(), vec![tool("f", "")]);
    assert_eq!((tools.as_array().unwrap().len(), warnings), (1, 1));
    let (tools, warnings) = search(&GOOGLE, "gemini-3-pro-preview", WebSearch::default(), vec![tool("f", "")]);
    assert_eq!((tools.as_array().unwrap().len(), warnings), (2, 0));
}

#[test]
fn extra_fields_are_merged_last() {
    let extra = r#"{"generationConfig":{"topK":9},"safetySettings":[],"contents":null}"#;
    let options = ModelOptions { top_k: Some(4), extra_body: Some(extra.to_owned()), ..ModelOptions::default() };
    let (body, _) = encode(&GOOGLE, "gemini-2.5-pro", &options, &request());
    assert_eq!(body, json!({"generationConfig": {"topK": 9}, "safetySettings": []}));
}

#[test]
fn the_model_is_named_by_the_path() {
    let (request, options) = (request(), ModelOptions::default());
    for model in ["gemini-2.5-pro", "models/gemini-2.5-pro"] {
        let encoded = GOOGLE.encode(&Call { request: &request, model, options: &options }).unwrap();
        assert_eq!(encoded.path, "models/gemini-2.5-pro:streamGenerateContent?alt=sse");
    }
    assert!(GOOGLE.encode(&Call { request: &request, model: "a/../b", options: &options }).is_err());
}
