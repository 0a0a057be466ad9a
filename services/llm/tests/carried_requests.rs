//! Real sessions with providers, in the direction of the request: what is encoded of a recorded
//! conversation equals what the recorded client sent, but for differences that are named here.

use chatmesh_llm::codec::fold::Folded;
use chatmesh_llm::codec::{Call, Codec, ResponseContext};
use chatmesh_llm::provider::{address, compose, endpoint};
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, Role, ToolDefinition, ToolResult};
use chatmesh_proto::llm::v1::{
    AzureApi, GenerateRequest, ModelOptions, PromptMessage, ProviderSettings, ProviderType, ToolChoice,
};
use chatmesh_testkit::recordings::{Interaction, Recording, or_skip};
use serde_json::{Value, json};

/// A difference that is meant, and what makes both sides equal in spite of it.
type Accepted = (&'static str, fn(&mut Value));

const ACCEPTED: &[Accepted] = &[
    ("we mark what the provider may cache", |body| each(body, &|value| remove(value, "cache_control", |_| true))),
    ("a result is a text here and a list with one text there", |body| {
        each(body, &|value| {
            if value["type"] == "tool_result" && value["content"][0]["type"] == "text" {
                value["content"] = value["content"][0]["text"].take();
            }
        });
    }),
    ("what the provider takes for granted is not sent", |body| {
        remove(body, "tool_choice", |choice| choice == "auto" || choice["type"] == "auto");
        each(body, &|value| {
            for name in ["disable_parallel_tool_use", "strict"] {
                remove(value, name, |value| value == false);
            }
        });
    }),
    ("which tool must be called is not told by every protocol", |body| {
        if body["tool_choice"]["type"] == "tool" {
            body["tool_choice"] = json!({"type": "any"});
        }
    }),
    ("we always ask for a stream", |body| {
        remove(body, "stream", |_| true);
        remove(body, "stream_options", |_| true);
    }),
    ("a message with calls alone has no text here and none there", |body| {
        each(body, &|value| {
            if value["role"] == "assistant" {
                remove(value, "content", Value::is_null);
            }
        });
    }),
    ("our tools are in the order of their names", |body| {
        if let Some(tools) = body.get_mut("tools").and_then(Value::as_array_mut) {
            tools.sort_by_key(|tool| format!("{}{}", tool["name"], tool["function"]["name"]));
        }
    }),
    ("models that reason have a developer in the place of the system", |body| {
        each(body, &|value| {
            if value["role"] == "developer" {
                value["role"] = json!("system");
            }
        });
    }),
];

#[test]
fn requests_to_bedrock_are_those_that_were_recorded() {
    let Some(recordings) = or_skip("requests_to_bedrock_are_those_that_were_recorded") else { return };
    let target = |interaction: &Interaction| {
        let path = interaction.request.path();
        let model = path.split('/').nth(2).expect("a model").replace("%3A", ":");
        (model, ProviderType::Bedrock, ProviderSettings::default())
    };
    compare_all(recordings.bedrock_claude(), target, &read_anthropic);
}

#[test]
fn requests_to_claude_on_vertex_are_those_that_were_recorded() {
    let Some(recordings) = or_skip("requests_to_claude_on_vertex_are_those_that_were_recorded") else { return };
    let target = |interaction: &Interaction| {
        let parts: Vec<_> = interaction.request.path().split('/').collect();
        let after = |name: &str| parts[parts.iter().position(|part| *part == name).expect("a part") + 1].to_owned();
        let model = after("models").split(':').next().expect("a model").to_owned();
        let settings =
            ProviderSettings { region: after("locations"), project: after("projects"), ..ProviderSettings::default() };
        (model, ProviderType::Vertex, settings)
    };
    compare_all(recordings.vertex_claude(), target, &read_anthropic);
}

#[test]
fn requests_to_azure_are_those_that_were_recorded() {
    let Some(recordings) = or_skip("requests_to_azure_are_those_that_were_recorded") else { return };
    let target = |interaction: &Interaction| {
        let model = string(&interaction.request.json()["model"]);
        let settings = ProviderSettings { azure_api: AzureApi::ChatCompletions.into(), ..ProviderSettings::default() };
        (model, ProviderType::Azure, settings)
    };
    compare_all(recordings.azure_chat(), target, &read_chat);
}

/// What a recorded request says, beside what the model said.
#[derive(Debug, Default)]
struct Asked {
    system: String,
    user: String,
    options: ModelOptions,
    tools: Vec<ToolDefinition>,
    required_tool: String,
    /// The results of the calls: identifier and text.
    results: Vec<(String, String)>,
}

fn read_anthropic(body: &Value) -> Asked {
    let blocks = body["messages"].as_array().into_iter().flatten().flat_map(|message| message["content"].as_array());
    let results = blocks.flatten().filter(|block| block["type"] == "tool_result");
    Asked {
        system: string(&body["system"][0]["text"]),
        user: string(&body["messages"][0]["content"][0]["text"]),
        options: ModelOptions { max_output_tokens: number(&body["max_tokens"]), ..ModelOptions::default() },
        tools: tools(body, |tool| (tool, &tool["input_schema"])),
        required_tool: string(&body["tool_choice"]["name"]),
        results: results.map(|block| (string(&block["tool_use_id"]), string(&block["content"][0]["text"]))).collect(),
    }
}

fn read_chat(body: &Value) -> Asked {
    let messages: Vec<_> = body["messages"].as_array().into_iter().flatten().collect();
    let first = |role: &str| {
        let found = messages.iter().find(|message| message["role"] == role);
        found.map(|message| string(&message["content"])).unwrap_or_default()
    };
    let results = messages.iter().filter(|message| message["role"] == "tool");
    Asked {
        system: first("system"),
        user: first("user"),
        options: ModelOptions {
            max_output_tokens: number(&body["max_completion_tokens"]).or_else(|| number(&body["max_tokens"])),
            reasoning_effort: body["reasoning_effort"].as_str().map(str::to_owned),
            ..ModelOptions::default()
        },
        tools: tools(body, |tool| (&tool["function"], &tool["function"]["parameters"])),
        required_tool: String::new(),
        results: results.map(|message| (string(&message["tool_call_id"]), string(&message["content"]))).collect(),
    }
}

fn tools(body: &Value, of: fn(&Value) -> (&Value, &Value)) -> Vec<ToolDefinition> {
    let tools = body["tools"].as_array().into_iter().flatten();
    tools
        .map(|tool| {
            let (named, schema) = of(tool);
            ToolDefinition {
                name: string(&named["name"]),
                description: string(&named["description"]),
                input_schema: schema.to_string(),
                ..ToolDefinition::default()
            }
        })
        .collect()
}

fn compare_all<'a>(
    sessions: impl Iterator<Item = &'a Recording>,
    target: impl Fn(&Interaction) -> (String, ProviderType, ProviderSettings),
    read: &dyn Fn(&Value) -> Asked,
) {
    let (mut compared, mut continued) = (0, 0);
    for session in sessions {
        let mut answers = Vec::new();
        for interaction in &session.interactions {
            let (model, provider, settings) = target(interaction);
            let composition = compose(provider, &settings, &model).expect("a provider");
            let recorded = interaction.request.json();
            let request = conversation(read(&recorded), &answers);
            let options = request.options.clone().unwrap_or_default();
            let call = Call { request: &request, model: &model, options: &options };
            let encoded = composition.codec.encode(&call).expect("encoded");
            let found: Value = serde_json::from_slice(&encoded.body).expect("JSON");
            assert_eq!(canonical(found), canonical(recorded), "{}", session.file);

            let url = &interaction.request.url;
            let base_url = composition.base_url.unwrap_or_else(|| "fantasy-playground-resource".into());
            let base_url = address(provider, &settings, &base_url).expect("an address");
            let asked = endpoint(&base_url, &encoded.path).expect("a URL");
            // What was not streamed has a path of its own with some providers.
            let streamed = url.replace(":rawPredict", ":streamRawPredict");
            let streamed = streamed
                .strip_suffix("/invoke")
                .map(|url| format!("{url}/invoke-with-response-stream"))
                .unwrap_or(streamed);
            assert_eq!(asked.as_str(), streamed);

            compared += 1;
            continued += usize::from(!answers.is_empty());
            answers.push(answer(composition.codec, interaction));
        }
    }
    assert!(compared > 5 && continued > 0, "{compared} {continued}");
}

/// The conversation of a recorded request, with our reading of what the model had said.
fn conversation(asked: Asked, answers: &[Vec<Part>]) -> GenerateRequest {
    let text = |text: String| Part { body: Some(Body::Text(text)), ..Part::default() };
    let mut messages = vec![
        PromptMessage { role: Role::System.into(), parts: vec![text(asked.system)] },
        PromptMessage { role: Role::User.into(), parts: vec![text(asked.user)] },
    ];
    for parts in answers {
        let ids: Vec<_> = parts.iter().filter_map(call_id).collect();
        messages.push(PromptMessage { role: Role::Assistant.into(), parts: parts.clone() });
        let results = asked.results.iter().filter(|(id, _)| ids.contains(&id.as_str()));
        let results = results.map(|(call_id, result)| {
            let result = ToolResult { call_id: call_id.clone(), result: result.clone(), ..ToolResult::default() };
            Part { body: Some(Body::ToolResult(result)), ..Part::default() }
        });
        messages.push(PromptMessage { role: Role::Tool.into(), parts: results.collect() });
    }
    let tool_choice = if asked.required_tool.is_empty() { ToolChoice::Auto } else { ToolChoice::Required };
    GenerateRequest {
        messages,
        tools: asked.tools,
        tool_choice: tool_choice.into(),
        required_tool: asked.required_tool,
        options: Some(asked.options),
        ..GenerateRequest::default()
    }
}

fn call_id(part: &Part) -> Option<&str> {
    match &part.body {
        Some(Body::ToolCall(call)) => Some(&call.call_id),
        _ => None,
    }
}

fn answer(codec: &dyn Codec, interaction: &Interaction) -> Vec<Part> {
    let response = &interaction.response;
    let mut events = Vec::new();
    match response.content_type().starts_with("application/json") {
        true => codec.decode_unary(ResponseContext::default(), &response.body, &mut events),
        false => {
            let mut decoder = codec.decoder(ResponseContext::default());
            decoder.push(&response.body, &mut events);
            decoder.finish(&mut events);
        }
    }
    let folded = Folded::of(events).expect("an answer");
    assert!(folded.warnings.is_empty(), "{:?}", folded.warnings);
    folded.parts
}

fn canonical(mut body: Value) -> Value {
    for (_, level) in ACCEPTED {
        level(&mut body);
    }
    body
}

/// Changes every object within a value, the outermost last.
fn each(value: &mut Value, change: &dyn Fn(&mut Value)) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| each(item, change)),
        Value::Object(fields) => {
            fields.values_mut().for_each(|field| each(field, change));
            change(value);
        }
        _ => {}
    }
}

fn remove(value: &mut Value, name: &str, is_unneeded: fn(&Value) -> bool) {
    if let Some(fields) = value.as_object_mut()
        && fields.get(name).is_some_and(is_unneeded)
    {
        fields.remove(name);
    }
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn number(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|value| u32::try_from(value).ok())
}
