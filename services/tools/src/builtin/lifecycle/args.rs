//! Arguments that several of these tools have.

use std::collections::{BTreeMap, HashMap};

use chatmesh_core::Uuid;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Values of parameters. Models write numbers as numbers, and lists as lists, whatever the schema says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Values(BTreeMap<String, String>);

impl Values {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_map(self) -> HashMap<String, String> {
        self.0.into_iter().collect()
    }
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values = BTreeMap::<String, Value>::deserialize(deserializer)?;
        let texts = values.into_iter().map(|(name, value)| match value {
            Value::String(text) => Ok((name, text)),
            Value::Number(_) | Value::Bool(_) | Value::Array(_) => Ok((name, value.to_string())),
            Value::Null | Value::Object(_) => Err(serde::de::Error::custom(format!(
                "the value of the parameter `{name}` must be a text, a number, true, false or a list of texts"
            ))),
        });
        texts.collect::<Result<_, D::Error>>().map(Self)
    }
}

/// Reads the identifier of a template.
pub(super) fn template_id(text: Option<&str>) -> Result<Uuid, String> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    let text = text.ok_or("`template_id` is missing: give the `id` of a template that `list_templates` returned")?;
    Uuid::try_parse(text).map_err(|_| {
        format!(
            "`template_id` `{text}` is not the identifier of a template: give the `id` that `list_templates` returned"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_texts_whatever_a_model_writes() {
        let read = |text| serde_json::from_str::<Values>(text).map(|values| values.0);
        let values = read(r#"{"a": "x", "b": 2, "c": 0.5, "d": true, "e": ["p", "q"], "f": ""}"#).expect("values");
        let texts: Vec<&str> = values.values().map(String::as_str).collect();
        assert_eq!(texts, ["x", "2", "0.5", "true", r#"["p","q"]"#, ""]);
        for wrong in [r#"{"a": null}"#, r#"{"a": {"b": 1}}"#] {
            let error = read(wrong).expect_err(wrong).to_string();
            assert!(error.contains("the parameter `a`"), "{error}");
        }
        for wrong in ["[]", "1", "\"a\""] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_template_is_named_by_its_identifier() {
        let id = "01890a5d-ac96-774b-bcce-b302099a8057";
        assert_eq!(template_id(Some(&format!(" {id} "))).map(|id| id.to_string()).as_deref(), Ok(id));
        for (text, expected) in [(None, "is missing"), (Some("  "), "is missing"), (Some("local"), "`local` is not")] {
            let error = template_id(text).expect_err(expected);
            assert!(error.contains(expected) && error.contains("list_templates"), "{error}");
        }
    }
}
