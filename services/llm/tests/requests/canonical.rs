//! In what requests may differ that say the same.

use serde_json::{Value, json};

/// A way to write requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Messages,
    Chat,
    Responses,
    Gemini,
}

use Protocol::{Chat, Gemini, Messages, Responses};

/// Something in which a request may differ.
pub(super) struct Difference {
    pub(super) protocols: &'static [Protocol],
    /// Why that is no difference in what is asked.
    pub(super) reason: &'static str,
    /// Takes the difference away; returns whether there was anything to take.
    pub(super) level: fn(&mut Value) -> bool,
}

const fn differs(protocols: &'static [Protocol], reason: &'static str, level: fn(&mut Value) -> bool) -> Difference {
    Difference { protocols, reason, level }
}

/// All that may differ.
pub(super) const DIFFERENCES: &[Difference] = &[
    differs(
        &[Messages, Chat, Responses],
        "we always ask for a stream, the recorded client also for whole answers",
        |body| remove(body, &["stream", "stream_options"]),
    ),
    differs(&[Messages], "we mark what the provider may cache, the recorded client was told not to", |body| {
        each(body, &["system"], |block| remove(block, &["cache_control"]))
            | each(body, &["messages", "content"], |block| remove(block, &["cache_control"]))
    }),
    differs(&[Messages], "calls in parallel are the default, which the recorded client spells out", |body| {
        let is_default = remove(&mut body["tool_choice"], &["disable_parallel_tool_use"]);
        let is_auto = body["tool_choice"] == json!({"type": "auto"});
        (is_auto && remove(body, &["tool_choice"])) | drop_null(body, "tool_choice") | is_default
    }),
    differs(&[Messages], "a result of one text may be a string or a list", |body| {
        each(body, &["messages", "content"], |block| match &block["content"] {
            Value::String(text) => {
                block["content"] = json!([{"type": "text", "text": text}]);
                true
            }
            _ => false,
        })
    }),
    differs(&[Chat], "tools are not strict by default, which the recorded client spells out", |body| {
        each(body, &["tools"], |tool| remove_if(&mut tool["function"], "strict", &json!(false)))
    }),
    differs(&[Responses], "formats are not strict by default, which we spell out", |body| {
        let format = &mut body["text"]["format"];
        let is_default = format.is_object() && remove_if(format, "strict", &json!(false));
        drop_empty(body, "text");
        is_default
    }),
    differs(
        &[Chat, Responses],
        "instructions to models that reason are `developer` messages; `system` is taken for it",
        |body| {
            let rename = |message: &mut Value| {
                let is_developer = message["role"] == "developer";
                if is_developer {
                    message["role"] = json!("system");
                }
                is_developer
            };
            each(body, &["messages"], rename) | each(body, &["input"], rename)
        },
    ),
    differs(&[Chat], "two names of the same limit; the newer one is for models that reason", |body| {
        let Some(limit) = body.as_object_mut().and_then(|body| body.remove("max_completion_tokens")) else {
            return false;
        };
        body["max_tokens"] = limit;
        true
    }),
    differs(&[Chat], "we say that there is no text beside calls, and leave white space out", |body| {
        each(body, &["messages"], |message| {
            let is_empty = message["content"].as_str().is_none_or(|text| text.trim().is_empty());
            message["role"] == "assistant"
                && (is_empty && !message["content"].is_array())
                && remove(message, &["content"])
        })
    }),
    differs(&[Responses], "we send instructions beside the conversation, not as its first message", |body| {
        let Some(text) = body.as_object_mut().and_then(|body| body.remove("instructions")) else { return false };
        let Some(input) = body["input"].as_array_mut() else { return false };
        input.insert(0, json!({"role": "system", "content": text}));
        true
    }),
    differs(&[Responses], "messages are items without saying so, and a text may be a string or a list", |body| {
        each(body, &["input"], |item| {
            if item["role"].is_null() {
                return false;
            }
            let is_said = remove(item, &["type"]);
            match &item["content"] {
                Value::String(text) => {
                    item["content"] = json!([{"type": "input_text", "text": text}]);
                    true
                }
                _ => is_said,
            }
        })
    }),
    differs(
        &[Responses],
        "we ask every model that reasons for its encrypted reasoning, so that it can return",
        |body| remove_if(body, "include", &json!(["reasoning.encrypted_content"])),
    ),
    differs(&[Gemini], "instructions have no role, but the recorded client names one", |body| {
        body.get_mut("systemInstruction").is_some_and(|system| remove_if(system, "role", &json!("user")))
    }),
    differs(&[Gemini], "the recorded client makes identifiers up where the provider gave its calls none", |body| {
        each(body, &["contents", "parts"], |part| {
            let names = ["functionCall", "functionResponse"];
            names
                .iter()
                .fold(false, |removed, name| part.get_mut(*name).is_some_and(|it| remove(it, &["id"])) | removed)
        })
    }),
];

/// What the recorded client loses of a response when it asks again. What of it binds reasoning is
/// compared with the response itself.
pub(super) const LOSSES: &[Difference] = &[
    differs(&[Responses], "it drops reasoning and the identifiers of items", |body| {
        let Some(items) = body["input"].as_array_mut() else { return false };
        let before = items.len();
        items.retain(|item| item["type"] != "reasoning");
        let is_known = items.iter_mut().fold(false, |known, item| remove(item, &["id", "status"]) | known);
        is_known || items.len() < before
    }),
    differs(&[Messages], "it drops what the model says beside a call of the computer", |body| {
        if !body["tools"][0]["type"].as_str().is_some_and(|kind| kind.starts_with("computer_")) {
            return false;
        }
        let drop_text = |message: &mut Value| {
            let Some(blocks) = message["content"].as_array_mut() else { return false };
            let before = blocks.len();
            blocks.retain(|block| block["type"] != "text");
            blocks.len() < before
        };
        each(body, &["messages"], |message| message["role"] == "assistant" && drop_text(message))
    }),
    differs(&[Chat], "of several texts between calls it keeps the last one", |body| {
        if body["model"] != "moonshotai/kimi-k2.5" {
            return false;
        }
        each(body, &["messages"], |message| message["tool_calls"].is_array() && remove(message, &["content"]))
    }),
];

/// What we may say about a request that was recorded.
pub(super) const WARNINGS: &[(&str, &str)] = &[
    ("setting_changed", "the limit is one of visible words, so the budget to think comes on top"),
    ("reasoning_dropped", "the recorded client did not ask for what lets reasoning return"),
];

/// Removes fields; returns whether there was one.
fn remove(value: &mut Value, names: &[&str]) -> bool {
    let Some(fields) = value.as_object_mut() else { return false };
    names.iter().fold(false, |removed, name| fields.remove(*name).is_some() | removed)
}

fn remove_if(value: &mut Value, name: &str, expected: &Value) -> bool {
    value.get(name) == Some(expected) && remove(value, &[name])
}

/// Takes back what looking at a missing field put there.
fn drop_null(value: &mut Value, name: &str) -> bool {
    let is_null = value.get(name).is_some_and(Value::is_null);
    if is_null {
        remove(value, &[name]);
    }
    false
}

fn drop_empty(value: &mut Value, name: &str) {
    let is_empty = value.get(name).is_some_and(|inner| inner.is_null() || *inner == json!({"format": null}));
    if is_empty {
        remove(value, &[name]);
    }
}

/// Levels every entry of a list, or of the lists in the entries of a list.
fn each(value: &mut Value, path: &[&str], level: impl Fn(&mut Value) -> bool + Copy) -> bool {
    let [name, rest @ ..] = path else { return level(value) };
    let Some(entries) = value.get_mut(*name).and_then(Value::as_array_mut) else { return false };
    entries.iter_mut().fold(false, |changed, entry| each(entry, rest, level) | changed)
}

/// The signatures and encrypted contents in a request, in order.
pub(super) fn signatures(body: &Value) -> Vec<String> {
    let blocks = body["messages"].as_array().into_iter().flatten();
    let blocks = blocks.flat_map(|message| message["content"].as_array().into_iter().flatten());
    let items = body["input"].as_array().into_iter().flatten();
    let parts = body["contents"].as_array().into_iter().flatten();
    let parts = parts.flat_map(|content| content["parts"].as_array().into_iter().flatten());
    let signed = blocks.map(|block| &block["signature"]).chain(items.map(|item| &item["encrypted_content"]));
    let signed = signed.chain(parts.map(|part| &part["thoughtSignature"]));
    signed.filter_map(|signature| signature.as_str().map(str::to_owned)).collect()
}
