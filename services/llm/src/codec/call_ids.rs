//! Identifiers of tool calls. Providers invent them in many shapes; ours have letters, digits,
//! `_` and `-` only, because that is what every provider takes back, and are unique in a chat.

use std::borrow::Cow;
use std::collections::HashSet;

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::llm::v1::GenerateRequest;

/// Replaces every character that some provider refuses by `_`.
pub fn sanitize(id: &str) -> Cow<'_, str> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if id.chars().all(is_allowed) {
        return Cow::Borrowed(id);
    }
    Cow::Owned(id.chars().map(|c| if is_allowed(c) { c } else { '_' }).collect())
}

/// The identifiers of all tool calls in a conversation.
pub fn used(request: &GenerateRequest) -> HashSet<String> {
    let parts = request.messages.iter().flat_map(|message| &message.parts);
    parts
        .filter_map(|part| match &part.body {
            Some(Body::ToolCall(call)) => Some(call.call_id.clone()),
            _ => None,
        })
        .collect()
}

/// Hands out identifiers, each at most once.
#[derive(Debug, Default)]
pub(super) struct CallIds {
    taken: HashSet<String>,
}

impl CallIds {
    pub(super) fn without(taken: HashSet<String>) -> Self {
        Self { taken }
    }

    /// The wanted identifier, or one that begins with it where it is taken.
    pub(super) fn claim(&mut self, wanted: &str) -> String {
        let mut id = wanted.to_owned();
        let mut number = 2_usize;
        while !self.taken.insert(id.clone()) {
            id = format!("{wanted}-{number}");
            number += 1;
        }
        id
    }

    /// An identifier for a call that came without one.
    pub(super) fn invent(&mut self) -> String {
        let mut number = self.taken.len();
        loop {
            let id = format!("tool-call-{number}");
            if self.taken.insert(id.clone()) {
                return id;
            }
            number += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_identifier_is_given_once() {
        let mut ids = CallIds::without(HashSet::from(["a".to_owned(), "tool-call-2".to_owned()]));
        assert_eq!(ids.claim("a"), "a-2");
        assert_eq!(ids.claim("a"), "a-3");
        assert_eq!(ids.claim("b"), "b");
        assert_eq!(ids.invent(), "tool-call-5");
        assert_eq!(ids.invent(), "tool-call-6");
    }

    #[test]
    fn only_harmless_characters_remain() {
        assert_eq!(sanitize("functions.add:0"), "functions_add_0");
        assert_eq!(sanitize("call_é/1"), "call___1");
        assert!(matches!(sanitize("toolu_01-X"), Cow::Borrowed("toolu_01-X")));
    }
}
