//! A mesh with one provider of each protocol, and what clients of each write and read.

use chatmesh_llm::sse::{Item, Parser};
use chatmesh_mesh_tests::{Answer, Client, Mesh};
use chatmesh_testkit::simulator::{Script, Simulator};
use reqwest::{Method, Response};
use serde_json::{Value, json};

/// A protocol that clients and providers speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    ChatCompletions,
    Responses,
    Messages,
}

pub(crate) const PROTOCOLS: [Protocol; 3] = [Protocol::ChatCompletions, Protocol::Responses, Protocol::Messages];

/// A call of a tool in an answer.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) args: Value,
}

/// A mesh whose models `MODEL-of-PROTOCOL` are all the scripted one.
pub(crate) struct World<'a> {
    mesh: &'a Mesh,
    pub(crate) client: Client,
}

impl World<'_> {
    pub(crate) async fn run(script: Script, test: impl AsyncFnOnce(&World<'_>)) {
        Mesh::run(vec![script], async |mesh| {
            let admin = mesh.admin();
            for protocol in PROTOCOLS {
                let name = format!("sim-{}", protocol.model());
                let provider = json!({
                    "name": name, "type": protocol.provider_type(), "base_url": mesh.simulator().base_url(),
                    "api_key": CANARY,
                });
                admin.post("/api/v1/providers", &provider).await.ok();
                let model = json!({"provider": name, "model": "smart", "name": protocol.model()});
                admin.post("/api/v1/models", &model).await.ok();
            }
            let client = mesh.member("ada").await;
            test(&World { mesh, client }).await;
        })
        .await;
    }

    pub(crate) fn simulator(&self) -> &Simulator {
        self.mesh.simulator()
    }

    pub(crate) fn mesh(&self) -> &Mesh {
        self.mesh
    }

    /// Sends a request in a protocol.
    pub(crate) async fn post(&self, protocol: Protocol, body: &Value) -> Answer {
        self.client.post(protocol.path(), body).await
    }

    pub(crate) async fn open(&self, protocol: Protocol, body: &Value) -> Response {
        self.client.send(Method::POST, protocol.path(), Some(body)).await
    }

    /// The events of a stream, each as its JSON.
    pub(crate) async fn stream(&self, protocol: Protocol, body: &Value) -> Vec<Value> {
        let response = self.open(protocol, body).await;
        let status = response.status();
        let text = response.bytes().await.expect("a whole stream");
        assert!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&text));
        events(&text)
    }
}

/// A key that must not be seen anywhere.
pub(crate) const CANARY: &str = "sk-canary-0123456789abcdef";

pub(crate) fn events(bytes: &[u8]) -> Vec<Value> {
    let mut events = Vec::new();
    let mut parser = Parser::new();
    let mut take = |item: Item<'_>| {
        if let Item::Event { data, .. } = item
            && data != "[DONE]"
        {
            events.push(serde_json::from_str(data).expect("JSON"));
        }
    };
    parser.push(bytes, &mut take).expect("a stream of events");
    parser.finish(&mut take);
    events
}

/// A question.
pub(crate) fn ask(protocol: Protocol, model: &str, stream: bool) -> Value {
    match protocol {
        Protocol::ChatCompletions => {
            json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "What?"}]})
        }
        Protocol::Responses => json!({
            "model": model, "stream": stream, "input": [{"role": "user", "content": "What?"}], "store": false,
            // What a provider does not keep, it takes back only as it encrypted it.
            "include": ["reasoning.encrypted_content"],
        }),
        Protocol::Messages => json!({
            "model": model, "stream": stream, "max_tokens": 900, "messages": [{"role": "user", "content": "What?"}],
        }),
    }
}

impl Protocol {
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::ChatCompletions => "/v1/chat/completions",
            Self::Responses => "/v1/responses",
            Self::Messages => "/v1/messages",
        }
    }

    /// The name of the model whose provider speaks this.
    pub(crate) fn model(self) -> &'static str {
        match self {
            Self::ChatCompletions => "smart-on-chat",
            Self::Responses => "smart-on-responses",
            Self::Messages => "smart-on-messages",
        }
    }

    fn provider_type(self) -> &'static str {
        match self {
            Self::ChatCompletions => "PROVIDER_TYPE_OPENAI_CHAT",
            Self::Responses => "PROVIDER_TYPE_OPENAI",
            Self::Messages => "PROVIDER_TYPE_ANTHROPIC",
        }
    }

    /// The text of a whole answer.
    pub(crate) fn text_of(self, answer: &Value) -> String {
        let joined = |values: &Value, field: &str| -> String {
            values.as_array().into_iter().flatten().filter_map(|value| value[field].as_str()).collect()
        };
        match self {
            Self::ChatCompletions => answer["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned(),
            Self::Responses => {
                let items = answer["output"].as_array().into_iter().flatten();
                items.map(|item| joined(&item["content"], "text")).collect()
            }
            Self::Messages => joined(&answer["content"], "text"),
        }
    }

    /// The tokens that went in and came out.
    pub(crate) fn usage_of(self, answer: &Value) -> (u64, u64) {
        let usage = &answer["usage"];
        let names = match self {
            Self::ChatCompletions => ("prompt_tokens", "completion_tokens"),
            Self::Responses | Self::Messages => ("input_tokens", "output_tokens"),
        };
        (usage[names.0].as_u64().unwrap_or_default(), usage[names.1].as_u64().unwrap_or_default())
    }

    /// The text of a stream.
    pub(crate) fn streamed_text(self, events: &[Value]) -> String {
        let pieces = events.iter().filter_map(|event| match self {
            Self::ChatCompletions => event["choices"][0]["delta"]["content"].as_str(),
            Self::Responses => event["delta"].as_str().filter(|_| event["type"] == "response.output_text.delta"),
            Self::Messages => event["delta"]["text"].as_str(),
        });
        pieces.collect()
    }

    /// Offers a tool.
    pub(crate) fn offer(self, body: &mut Value, name: &str) {
        let schema = json!({"type": "object", "properties": {"at": {"type": "string"}}});
        body["tools"] = match self {
            Self::ChatCompletions => {
                json!([{"type": "function", "function": {"name": name, "description": "looks", "parameters": schema}}])
            }
            Self::Responses => {
                json!([{"type": "function", "name": name, "description": "looks", "parameters": schema, "strict": false}])
            }
            Self::Messages => json!([{"name": name, "description": "looks", "input_schema": schema}]),
        };
    }

    /// The first call of a tool in an answer.
    pub(crate) fn call_in(self, answer: &Value) -> Option<Call> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let parsed = |value: &Value| serde_json::from_str(value.as_str().unwrap_or_default()).unwrap_or_default();
        match self {
            Self::ChatCompletions => {
                let call = answer["choices"][0]["message"]["tool_calls"].get(0)?;
                let function = &call["function"];
                Some(Call {
                    id: text(&call["id"]),
                    name: text(&function["name"]),
                    args: parsed(&function["arguments"]),
                })
            }
            Self::Responses => {
                let call = answer["output"].as_array()?.iter().find(|item| item["type"] == "function_call")?;
                Some(Call { id: text(&call["call_id"]), name: text(&call["name"]), args: parsed(&call["arguments"]) })
            }
            Self::Messages => {
                let call = answer["content"].as_array()?.iter().find(|block| block["type"] == "tool_use")?;
                Some(Call { id: text(&call["id"]), name: text(&call["name"]), args: call["input"].clone() })
            }
        }
    }

    /// Goes on with the answer and the result of its call, as SDKs do.
    pub(crate) fn answer(self, body: &mut Value, answer: &Value, call: &Call, result: &str) {
        let (list, more) = match self {
            Self::ChatCompletions => (
                "messages",
                vec![
                    answer["choices"][0]["message"].clone(),
                    json!({"role": "tool", "tool_call_id": call.id, "content": result}),
                ],
            ),
            Self::Responses => {
                let mut items = answer["output"].as_array().cloned().unwrap_or_default();
                items.push(json!({"type": "function_call_output", "call_id": call.id, "output": result}));
                ("input", items)
            }
            Self::Messages => (
                "messages",
                vec![
                    json!({"role": "assistant", "content": answer["content"]}),
                    json!({"role": "user", "content": [
                        {"type": "tool_result", "tool_use_id": call.id, "content": result},
                    ]}),
                ],
            ),
        };
        body[list].as_array_mut().expect("a list").extend(more);
    }
}
