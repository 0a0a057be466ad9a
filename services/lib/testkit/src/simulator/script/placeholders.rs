//! `{{name}}` in scripted texts and arguments.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Step;
use crate::simulator::conversation::Conversation;

const DEFAULT_DIRECTORY: &str = "/tmp";

/// Replaces the placeholders of a step; unknown ones stay as they are.
pub(in crate::simulator) fn fill(mut step: Step, vars: &BTreeMap<String, String>, conversation: &Conversation) -> Step {
    let directory = conversation.working_directory().unwrap_or(DEFAULT_DIRECTORY);
    let known = [("dir", directory), ("last_user_message", conversation.last_user_text())];
    let mut values: BTreeMap<&str, &str> = known.into();
    values.extend(vars.iter().map(|(name, value)| (name.as_str(), value.as_str())));

    for text in [&mut step.text, &mut step.reasoning].into_iter().flatten() {
        *text = replace(text, &values);
    }
    for call in &mut step.tool_calls {
        replace_in(&mut call.args, &values);
        call.raw_args = call.raw_args.take().map(|raw| replace(&raw, &values));
    }
    step
}

fn replace_in(value: &mut Value, values: &BTreeMap<&str, &str>) {
    match value {
        Value::String(text) => *text = replace(text, values),
        Value::Array(items) => items.iter_mut().for_each(|item| replace_in(item, values)),
        Value::Object(fields) => fields.values_mut().for_each(|field| replace_in(field, values)),
        _ => {}
    }
}

/// Goes through the text once, so that values are never searched for placeholders.
fn replace(text: &str, values: &BTreeMap<&str, &str>) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        filled.push_str(before);
        match after.split_once("}}").map(|(name, tail)| (values.get(name.trim()), tail)) {
            Some((Some(value), tail)) => {
                filled.push_str(value);
                rest = tail;
            }
            _ => {
                filled.push_str("{{");
                rest = after;
            }
        }
    }
    filled + rest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::simulator::dialect::Dialect;

    #[test]
    fn values_come_from_the_script_then_from_the_request() {
        let body = json!({"messages": [
            {"role": "system", "content": "Working directory: /work"},
            {"role": "user", "content": "{{dir}}"}]});
        let conversation = Conversation::read(Dialect::Chat, &body);
        let step = Step::text("{{last_user_message}} {{unknown}} {{ dir }} {{")
            .call("t", json!({"deep": [{"path": "{{dir}}/a"}], "n": 1}));
        let filled = fill(step.clone(), &BTreeMap::new(), &conversation);
        assert_eq!(filled.text.as_deref(), Some("{{dir}} {{unknown}} /work {{"));
        assert_eq!(filled.tool_calls[0].args, json!({"deep": [{"path": "/work/a"}], "n": 1}));
        let vars = BTreeMap::from([("dir".to_owned(), "/other".to_owned())]);
        let filled = fill(step, &vars, &conversation);
        assert_eq!(filled.tool_calls[0].args["deep"][0]["path"], "/other/a");
    }
}
