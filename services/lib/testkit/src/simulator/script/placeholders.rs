//! `{{name}}` in scripted texts and arguments.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Step;
use crate::simulator::conversation::Conversation;

const DEFAULT_DIRECTORY: &str = "/tmp";
/// What the names of fields of tool results begin with.
const RESULT: &str = "result.";

/// Replaces the placeholders of a step; unknown ones stay as they are.
pub(in crate::simulator) fn fill(mut step: Step, vars: &BTreeMap<String, String>, conversation: &Conversation) -> Step {
    let directory = conversation.working_directory().unwrap_or(DEFAULT_DIRECTORY);
    let known = [("dir", directory), ("last_user_message", conversation.last_user_text())];
    let mut values: BTreeMap<&str, &str> = known.into();
    let results = if asks_for_results(&step) { fields_of_results(conversation) } else { BTreeMap::new() };
    values.extend(results.iter().map(|(name, value)| (name.as_str(), value.as_str())));
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

/// Most steps do not, and a long conversation has many results.
fn asks_for_results(step: &Step) -> bool {
    step.tool_calls.iter().any(|call| call.written_args().contains(RESULT))
}

/// The fields of all results of tools that are texts, by `result.NAME`; where several have one, the newest counts.
fn fields_of_results(conversation: &Conversation) -> BTreeMap<String, String> {
    let results = conversation.utterances.iter().flat_map(|one| &one.results);
    let objects = results.filter_map(|result| serde_json::from_str::<Map<String, Value>>(result).ok());
    let fields = objects.flatten().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())));
    fields.map(|(name, value)| (format!("{RESULT}{name}"), value)).collect()
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

    #[test]
    fn a_step_can_name_what_an_earlier_tool_returned() {
        let result = |text: &str| json!({"role": "tool", "tool_call_id": "1", "content": text});
        let body = json!({"messages": [
            {"role": "user", "content": "Go."},
            result(r#"{"id": "first", "count": 1}"#), result("no JSON"), result(r#"{"id": "second"}"#)]});
        let conversation = Conversation::read(Dialect::Chat, &body);
        let step = Step::calls().call("t", json!({"id": "{{result.id}}", "count": "{{result.count}}"}));
        let filled = fill(step, &BTreeMap::new(), &conversation);
        assert_eq!(filled.tool_calls[0].args, json!({"id": "second", "count": "{{result.count}}"}));
    }
}
