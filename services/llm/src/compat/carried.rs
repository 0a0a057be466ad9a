//! What a provider wants back, in a field of another protocol.
//!
//! A part's metadata that the dialect has no field for leaves as one opaque text: a mark, then
//! JSON in base64. It goes where clients keep opaque texts anyway, the signature of a thought or
//! the encrypted content of reasoning, and is taken apart when it comes back.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, ProviderMetadata, Reasoning, ToolCall, ToolResult};
use serde::{Deserialize, Serialize};

use super::kinds::{ANNOTATIONS, CALL_ID, FUNCTION_CALL, MESSAGE, REFUSAL, RESPONSES, datum};

/// What every carried text begins with.
pub(super) const MARK: &str = "chatmesh1.";

/// Metadata on its way through a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Carried {
    #[serde(flatten)]
    pub(super) of: Of,
    /// Behind which visible part it stands, where the dialect keeps no order: `text` or the
    /// identifier of a call; the beginning where it is empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) after: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    data: Vec<Datum>,
}

/// What the metadata belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub(super) enum Of {
    /// Reasoning. Its text is in here only where the dialect does not keep it apart.
    Reasoning {
        #[serde(default, skip_serializing_if = "String::is_empty")]
        text: String,
        #[serde(default)]
        redacted: bool,
    },
    /// The part before, or the one that `after` names.
    Before,
    /// A text that cannot be seen.
    Text { text: String },
    /// A call that the provider ran.
    Call { id: String, name: String, args: String },
    /// What came of it.
    Result { id: String, name: String, result: String, is_error: bool },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Datum {
    namespace: String,
    kind: String,
    /// The JSON as text, so that not a byte of it changes.
    json: String,
}

impl Carried {
    pub(super) fn new<'a>(of: Of, data: impl IntoIterator<Item = &'a ProviderMetadata>) -> Self {
        let data = data.into_iter().filter_map(|datum| {
            let json = std::str::from_utf8(&datum.json).ok()?.to_owned();
            Some(Datum { namespace: datum.namespace.clone(), kind: datum.kind.clone(), json })
        });
        Self { of, after: String::new(), data: data.collect() }
    }

    pub(super) fn after(mut self, after: &str) -> Self {
        after.clone_into(&mut self.after);
        self
    }

    /// The whole of a part that the provider ran or that cannot be seen.
    pub(super) fn whole(part: &Part) -> Option<Self> {
        let of = match part.body.as_ref()? {
            Body::Text(text) => Of::Text { text: text.clone() },
            Body::Reasoning(it) => Of::Reasoning { text: it.text.clone(), redacted: it.redacted },
            Body::ToolCall(it) => Of::Call { id: it.call_id.clone(), name: it.name.clone(), args: it.args.clone() },
            Body::ToolResult(it) => Of::Result {
                id: it.call_id.clone(),
                name: it.name.clone(),
                result: it.result.clone(),
                is_error: it.is_error,
            },
            _ => return None,
        };
        Some(Self::new(of, &part.provider_metadata))
    }

    /// The text that a client keeps.
    pub(super) fn seal(&self) -> String {
        let json = serde_json::to_vec(self).unwrap_or_default();
        let mut sealed = MARK.to_owned();
        URL_SAFE_NO_PAD.encode_string(json, &mut sealed);
        sealed
    }

    /// Takes a text apart; `None` where it is none of ours.
    pub(super) fn open(sealed: &str) -> Option<Self> {
        let json = URL_SAFE_NO_PAD.decode(sealed.strip_prefix(MARK)?).ok()?;
        serde_json::from_slice(&json).ok()
    }

    pub(super) fn metadata(&self) -> impl Iterator<Item = ProviderMetadata> {
        self.data.iter().map(|it| datum(&it.namespace, &it.kind, it.json.clone()))
    }

    /// Puts it back among the parts of a message. `shown` is the text of the reasoning beside it.
    pub(super) fn restore(self, shown: &str, parts: &mut Vec<Part>) {
        let metadata: Vec<_> = self.metadata().collect();
        let body = match self.of {
            Of::Before => {
                if let Some(last) = parts.last_mut() {
                    last.provider_metadata.extend(metadata);
                }
                return;
            }
            Of::Reasoning { text, redacted } => {
                let text = if text.is_empty() { shown.to_owned() } else { text };
                Body::Reasoning(Reasoning { text, redacted })
            }
            Of::Text { text } => Body::Text(text),
            Of::Call { id, name, args } => {
                let call = ToolCall { call_id: id, name, args, provider_executed: true, ..ToolCall::default() };
                Body::ToolCall(call)
            }
            Of::Result { id, name, result, is_error } => Body::ToolResult(ToolResult {
                call_id: id,
                name,
                result,
                is_error,
                provider_executed: true,
                ..ToolResult::default()
            }),
        };
        let part = Part { body: Some(body), provider_metadata: metadata, ..Part::default() };
        // What the client could see of it makes room for the whole.
        match parts.iter_mut().rev().find(|known| is_same_provider_tool(known, &part)) {
            Some(known) => *known = part,
            None => parts.push(part),
        }
    }
}

fn is_same_provider_tool(known: &Part, other: &Part) -> bool {
    match (&known.body, &other.body) {
        (Some(Body::ToolCall(known)), Some(Body::ToolCall(other))) => {
            known.provider_executed && known.call_id == other.call_id
        }
        (Some(Body::ToolResult(known)), Some(Body::ToolResult(other))) => {
            known.provider_executed && known.call_id == other.call_id
        }
        _ => false,
    }
}

/// The metadata of a part that must return though the dialect has no field for it. Identifiers of
/// items matter to their provider only beside its reasoning, and without it clients are spared.
pub(super) fn returning(
    part: &Part,
    has_reasoned: bool,
    is_native: impl Fn(&ProviderMetadata) -> bool,
) -> Vec<&ProviderMetadata> {
    let is_spared = |datum: &ProviderMetadata| match datum.kind.as_str() {
        MESSAGE | FUNCTION_CALL | ANNOTATIONS => datum.namespace == RESPONSES && !has_reasoned,
        REFUSAL | CALL_ID => !has_reasoned,
        _ => false,
    };
    part.provider_metadata.iter().filter(|datum| !is_spared(datum) && !is_native(datum)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn not_a_byte_changes_on_the_way_through_a_client() {
        let part = Part {
            body: Some(Body::Reasoning(Reasoning { text: "thought é".to_owned(), redacted: false })),
            provider_metadata: vec![
                datum("google", "thought_signature", r#" "a+/=" "#),
                datum("openai.responses", "reasoning", r#"{"id":"rs_1", "b" : [1.0, 2e3]}"#),
            ],
            ..Part::default()
        };
        let sealed = Carried::whole(&part).unwrap().after("call_1").seal();
        assert!(sealed.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)), "{sealed}");
        let carried = Carried::open(&sealed).unwrap();
        assert_eq!(carried.after, "call_1");
        let mut parts = Vec::new();
        carried.restore("", &mut parts);
        assert_eq!(parts, [part]);
    }

    #[test]
    fn what_others_wrote_is_left_alone() {
        for foreign in ["", "ErUB", "chatmesh1.", "chatmesh1.!!", "chatmesh1.e30", "chatmesh2.e30"] {
            assert_eq!(Carried::open(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_whole_call_takes_the_place_of_what_was_shown_of_it() {
        let call = |args: &str| Part {
            body: Some(Body::ToolCall(ToolCall {
                call_id: "ws_1".to_owned(),
                name: "web_search".to_owned(),
                args: args.to_owned(),
                provider_executed: true,
                ..ToolCall::default()
            })),
            ..Part::default()
        };
        let mut parts = vec![call("{}"), Part::default()];
        Carried::whole(&call(r#"{"query":"q"}"#)).unwrap().restore("", &mut parts);
        assert_eq!(parts, [call(r#"{"query":"q"}"#), Part::default()]);
    }
}
