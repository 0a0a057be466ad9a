//! A sentence that the model says with each call, for people to read. The server never sees it.

use serde_json::{Map, Value, json};

const INTENT: &str = "model_intent";
const ARGUMENTS: &str = "properties";

/// Wraps the schema of a tool's arguments so that the sentence is asked for.
pub(super) fn wrap(schema: &str) -> String {
    let arguments: Value = serde_json::from_str(schema).unwrap_or_else(|_| json!({"type": "object", "properties": {}}));
    let intent =
        json!({"type": "string", "description": "In one short sentence, for the user: what this call is for."});
    let wrapped = json!({
        "type": "object",
        "properties": {INTENT: intent, ARGUMENTS: arguments},
        "required": [INTENT, ARGUMENTS],
    });
    wrapped.to_string()
}

/// The tool's own arguments. A model that does not heed the schema may put them beside the sentence, or leave the
/// sentence out.
pub(super) fn unwrap(mut args: Map<String, Value>) -> Map<String, Value> {
    if !args.get(INTENT).is_some_and(Value::is_string) {
        return args;
    }
    args.remove(INTENT);
    match args.remove(ARGUMENTS) {
        Some(Value::Object(arguments)) if args.is_empty() => arguments,
        Some(other) => {
            args.insert(ARGUMENTS.to_owned(), other);
            args
        }
        None => args,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_found_however_the_model_wrote_them() {
        for (given, expected) in [
            (json!({"model_intent": "To look.", "properties": {"a": 1}}), json!({"a": 1})),
            (json!({"model_intent": "To look.", "a": 1}), json!({"a": 1})),
            (json!({"a": 1}), json!({"a": 1})),
            (json!({"model_intent": "To look."}), json!({})),
            (json!({"properties": {"a": 1}}), json!({"properties": {"a": 1}})),
            (json!({"model_intent": "x", "properties": {"a": 1}, "b": 2}), json!({"properties": {"a": 1}, "b": 2})),
            (json!({"model_intent": "x", "properties": 1}), json!({"properties": 1})),
            (json!({"model_intent": {"own": "argument"}}), json!({"model_intent": {"own": "argument"}})),
        ] {
            let Value::Object(args) = given.clone() else { panic!("an object") };
            assert_eq!(Value::Object(unwrap(args)), expected, "{given}");
        }
    }

    #[test]
    fn the_schema_asks_for_both() {
        let own = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]});
        let wrapped: Value = serde_json::from_str(&wrap(&own.to_string())).expect("JSON");
        assert_eq!(wrapped["required"], json!(["model_intent", "properties"]));
        assert_eq!(wrapped["properties"]["properties"], own);
    }
}
