//! Schemas in the provider's own words, which are a part of OpenAPI's. All models know them;
//! JSON Schema as it is, only newer ones do.

use serde_json::value::RawValue;

use crate::codec::fields::{Fields, raw_of};
use crate::codec::json::string_of;

/// How deep a schema may be; what is deeper refers to itself.
const MAX_DEPTH: usize = 24;

/// How many schemas one may be made of, once what it refers to stands in it.
const MAX_SCHEMAS: usize = 2000;

/// What means the same there and here.
const KEPT: &[&str] = &[
    "title",
    "description",
    "nullable",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "minProperties",
    "maxProperties",
    "propertyOrdering",
];

/// A schema of parameters.
#[derive(Debug)]
pub(super) enum Subset {
    /// There are no parameters.
    Nothing,
    /// In the provider's words.
    Said(Box<RawValue>),
    /// Those words do not suffice.
    Unsayable,
}

/// Says a schema in the provider's words.
pub(super) fn subset(schema: &RawValue) -> Subset {
    if has_no_parameters(schema) {
        return Subset::Nothing;
    }
    let mut converter = Converter { root: schema, left: MAX_SCHEMAS };
    converter.schema(schema, 0).map_or(Subset::Unsayable, |fields| Subset::Said(fields.to_raw()))
}

fn has_no_parameters(schema: &RawValue) -> bool {
    let Some(fields) = Fields::of(schema) else { return true };
    let has_none =
        fields.get("properties").is_none_or(|it| Fields::of(it).is_some_and(|it| it.names().next().is_none()));
    let is_open = ["$ref", "allOf", "anyOf", "oneOf", "additionalProperties", "patternProperties"]
        .iter()
        .any(|name| fields.get(name).is_some_and(|value| value.get() != "false"));
    has_none && !is_open
}

struct Converter<'s> {
    root: &'s RawValue,
    /// How many schemas there may still be.
    left: usize,
}

impl Converter<'_> {
    fn schema(&mut self, schema: &RawValue, depth: usize) -> Option<Fields> {
        self.left = self.left.checked_sub(1)?;
        let fields = Fields::of(schema).filter(|_| depth < MAX_DEPTH)?;
        let mut out = Fields::default();
        if let Some(reference) = fields.get("$ref") {
            let target = self.find(&string_of(reference)?)?;
            out = self.schema(&target, depth + 1)?;
        }
        for name in fields.names() {
            let Some(value) = fields.get(name) else { continue };
            match name {
                "type" => set_type(&mut out, value)?,
                "properties" => {
                    let properties = self.properties(value, depth)?;
                    merge(&mut out, name, &properties);
                }
                "items" => out.set(name, self.schema(value, depth + 1)?.to_raw()),
                "allOf" => {
                    for one in list(value)? {
                        let one = self.schema(&one, depth + 1)?;
                        one.names().for_each(|name| one.get(name).into_iter().for_each(|it| join(&mut out, name, it)));
                    }
                }
                "anyOf" | "oneOf" => self.choice(value, depth, &mut out)?,
                "const" => set_words(&mut out, &[value.to_owned()]),
                "enum" => set_words(&mut out, &list(value)?),
                "required" => join(&mut out, name, value),
                "format" => out.set(name, value.to_owned()),
                // Objects that may have any property at all cannot be told from those that have none.
                "additionalProperties" if value.get().starts_with('{') => return None,
                "patternProperties" | "prefixItems" => return None,
                known if KEPT.contains(&known) => out.set(known, value.to_owned()),
                _ => {}
            }
        }
        complete(out)
    }

    /// What a reference within the document leads to.
    fn find(&self, reference: &str) -> Option<Box<RawValue>> {
        let mut found = self.root.to_owned();
        for name in reference.strip_prefix("#")?.split('/').skip(1) {
            let name = name.replace("~1", "/").replace("~0", "~");
            found = Fields::of(&found)?.get(&name)?.to_owned();
        }
        Some(found)
    }

    fn properties(&mut self, value: &RawValue, depth: usize) -> Option<Box<RawValue>> {
        let mut properties = Fields::of(value)?;
        for (_, schema) in properties.values_mut() {
            *schema = self.schema(schema, depth + 1)?.to_raw();
        }
        Some(properties.to_raw())
    }

    /// One of several schemas; the one that allows null only is a word of its own.
    fn choice(&mut self, value: &RawValue, depth: usize, out: &mut Fields) -> Option<()> {
        let mut choices = Vec::new();
        let mut is_nullable = false;
        for one in list(value)? {
            match is_null(&one) {
                true => is_nullable = true,
                false => choices.push(self.schema(&one, depth + 1)?),
            }
        }
        if let [only] = choices.as_slice() {
            only.names().for_each(|name| only.get(name).into_iter().for_each(|it| join(out, name, it)));
        } else if let Some(first) = choices.first_mut() {
            if is_nullable {
                first.set("nullable", raw_of(&true));
            }
            out.set("anyOf", raw_of(&choices));
            return Some(());
        }
        if is_nullable {
            out.set("nullable", raw_of(&true));
        }
        Some(())
    }
}

/// Puts right what the provider refuses of a schema that is otherwise said. `None` where nothing
/// tells of what type it is.
fn complete(mut out: Fields) -> Option<Fields> {
    // Beside a choice nothing else may stand.
    if let Some(choices) = out.get("anyOf") {
        let mut only = Fields::default();
        only.set("anyOf", choices.to_owned());
        return Some(only);
    }
    if out.get("type").is_none() {
        let guess = [("properties", "OBJECT"), ("items", "ARRAY"), ("enum", "STRING")];
        let (_, kind) = guess.iter().find(|(name, _)| out.get(name).is_some())?;
        out.set("type", raw_of(kind));
    }
    let kind = string_of(out.get("type")?)?.into_owned();
    let formats: &[&str] = match kind.as_str() {
        "STRING" => &["enum", "date-time"],
        "NUMBER" => &["float", "double"],
        "INTEGER" => &["int32", "int64"],
        _ => &[],
    };
    if !out.get("format").and_then(string_of).is_some_and(|format| formats.contains(&&*format)) {
        out.remove("format");
    }
    if kind != "STRING" {
        out.remove("enum");
    }
    if kind == "ARRAY" && out.get("items").is_none() {
        let mut items = Fields::default();
        items.set("type", raw_of(&"STRING"));
        out.set("items", items.to_raw());
    }
    let properties = out.get("properties").and_then(Fields::of);
    if kind == "OBJECT" {
        // An object without properties is refused within another one.
        let properties = properties.filter(|properties| properties.names().next().is_some())?;
        let required = out.get("required").and_then(|list| serde_json::from_str::<Vec<String>>(list.get()).ok());
        let required: Vec<_> = required.into_iter().flatten().filter(|name| properties.get(name).is_some()).collect();
        match required.is_empty() {
            true => out.remove("required"),
            false => out.set("required", raw_of(&required)),
        }
    }
    Some(out)
}

/// The type, in the provider's spelling. `None` where there are several beside null.
fn set_type(out: &mut Fields, value: &RawValue) -> Option<()> {
    let kinds: Vec<String> = match string_of(value) {
        Some(kind) => vec![kind.into_owned()],
        None => serde_json::from_str(value.get()).ok()?,
    };
    let (nulls, others): (Vec<_>, Vec<_>) = kinds.into_iter().partition(|kind| kind == "null");
    if !nulls.is_empty() {
        out.set("nullable", raw_of(&true));
    }
    let [only] = others.as_slice() else { return None };
    out.set("type", raw_of(&only.to_ascii_uppercase()));
    Some(())
}

/// The words that are allowed. There are no other values that the provider can be told of.
fn set_words(out: &mut Fields, values: &[Box<RawValue>]) {
    let words: Vec<_> = values.iter().filter_map(|value| string_of(value)).filter(|word| !word.is_empty()).collect();
    if !words.is_empty() {
        out.set("enum", raw_of(&words));
    }
    if values.iter().any(|value| value.get() == "null") {
        out.set("nullable", raw_of(&true));
    }
}

fn is_null(schema: &RawValue) -> bool {
    let kind = Fields::of(schema).and_then(|fields| fields.get("type").and_then(string_of).map(|it| it == "null"));
    kind == Some(true)
}

fn list(value: &RawValue) -> Option<Vec<Box<RawValue>>> {
    serde_json::from_str(value.get()).ok()
}

/// Adds what another schema says of the same value.
fn join(out: &mut Fields, name: &str, value: &RawValue) {
    match name {
        "properties" => merge(out, name, value),
        "required" => {
            let mut all: Vec<String> =
                out.get(name).and_then(|own| serde_json::from_str(own.get()).ok()).unwrap_or_default();
            let more: Vec<String> = serde_json::from_str(value.get()).unwrap_or_default();
            all.extend(more);
            all.sort();
            all.dedup();
            out.set(name, raw_of(&all));
        }
        _ => out.set(name, value.to_owned()),
    }
}

/// Adds the fields of an object to the object that is there.
fn merge(out: &mut Fields, name: &str, value: &RawValue) {
    let mut own = out.get(name).and_then(Fields::of).unwrap_or_default();
    let Some(more) = Fields::of(value) else { return };
    more.names().for_each(|name| more.get(name).into_iter().for_each(|it| own.set(name, it.to_owned())));
    out.set(name, own.to_raw());
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn said(schema: &Value) -> Option<Value> {
        match subset(&RawValue::from_string(schema.to_string()).unwrap()) {
            Subset::Said(said) => Some(serde_json::from_str(said.get()).unwrap()),
            Subset::Nothing => Some(Value::Null),
            Subset::Unsayable => None,
        }
    }

    fn property(schema: &Value) -> Option<Value> {
        let whole = said(&json!({"type": "object", "properties": {"p": schema}}))?;
        assert_eq!(whole["type"], "OBJECT");
        Some(whole["properties"]["p"].clone())
    }

    #[test]
    fn what_is_not_known_there_is_said_otherwise_or_left_out() {
        let cases = [
            (json!({"type": "string", "default": "x", "examples": ["y"]}), json!({"type": "STRING"})),
            (json!({"type": ["string", "null"]}), json!({"type": "STRING", "nullable": true})),
            (json!({"const": "a"}), json!({"enum": ["a"], "type": "STRING"})),
            (json!({"enum": ["a", "", null]}), json!({"enum": ["a"], "nullable": true, "type": "STRING"})),
            (json!({"type": "integer", "enum": [1, 2]}), json!({"type": "INTEGER"})),
            (json!({"type": "string", "format": "uri"}), json!({"type": "STRING"})),
            (json!({"type": "string", "format": "date-time"}), json!({"type": "STRING", "format": "date-time"})),
            (json!({"type": "array"}), json!({"type": "ARRAY", "items": {"type": "STRING"}})),
            (
                json!({"anyOf": [{"type": "number"}, {"type": "null"}], "description": "d"}),
                json!({"type": "NUMBER", "nullable": true, "description": "d"}),
            ),
            (
                json!({"anyOf": [{"type": "number"}, {"type": "null"}, {"type": "string"}], "description": "d"}),
                json!({"anyOf": [{"type": "NUMBER", "nullable": true}, {"type": "STRING"}]}),
            ),
            (
                json!({"allOf": [
                    {"properties": {"a": {"type": "string"}}, "required": ["a", "gone"]},
                    {"type": "object", "properties": {"b": {"type": "boolean"}}, "required": ["b"]},
                ], "additionalProperties": false}),
                json!({"type": "OBJECT", "properties": {"a": {"type": "STRING"}, "b": {"type": "BOOLEAN"}},
                    "required": ["a", "b"]}),
            ),
        ];
        for (schema, expected) in cases {
            assert_eq!(property(&schema), Some(expected), "{schema}");
        }
    }

    #[test]
    fn references_stand_where_they_lead() {
        let schema = json!({
            "type": "object",
            "properties": {"a": {"$ref": "#/$defs/x~1y", "description": "mine"}},
            "$defs": {"x/y": {"type": "string", "description": "theirs"}},
            "$schema": "https://json-schema.org/draft/2020-12/schema",
        });
        let expected = json!({"type": "OBJECT", "properties": {"a": {"type": "STRING", "description": "mine"}}});
        assert_eq!(said(&schema), Some(expected));
    }

    #[test]
    fn what_cannot_be_said_is_sent_as_it_is() {
        let unsayable = [
            json!({"type": "object", "properties": {"a": {"$ref": "#"}}}),
            json!({"type": "object", "properties": {"a": {"$ref": "https://h/x"}}}),
            json!({"type": "object", "properties": {"a": {"type": ["string", "number"]}}}),
            json!({"type": "object", "properties": {"a": {"type": "object"}}}),
            json!({"type": "object", "properties": {"a": {}}}),
            json!({"type": "object", "properties": {"a": true}}),
            json!({"type": "object", "additionalProperties": {"type": "string"}}),
        ];
        for schema in unsayable {
            assert_eq!(said(&schema), None, "{schema}");
        }
        for schema in [json!({"type": "object"}), json!({"type": "object", "properties": {}, "required": []})] {
            assert_eq!(said(&schema), Some(Value::Null), "{schema}");
        }
    }

    #[test]
    fn a_schema_that_grows_with_its_references_is_given_up() {
        let mut definitions = serde_json::Map::new();
        for number in 0..20 {
            let next = json!({"$ref": format!("#/$defs/d{}", number + 1)});
            definitions.insert(format!("d{number}"), json!({"type": "object", "properties": {"l": next, "r": next}}));
        }
        definitions.insert("d20".to_owned(), json!({"type": "string"}));
        let schema = json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": definitions});
        assert_eq!(said(&schema), None);
    }

    #[test]
    fn properties_keep_their_order() {
        let schema = r#"{"type":"object","properties":{"z":{"type":"string"},"a":{"type":"string"}}}"#;
        let Subset::Said(said) = subset(&RawValue::from_string(schema.to_owned()).unwrap()) else { panic!() };
        assert!(said.get().find("\"z\"") < said.get().find("\"a\""), "{said}");
    }
}
