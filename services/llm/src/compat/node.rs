//! Reads the JSON of a request one level at a time. Every value knows where it stands, so that
//! an error can say it, and keeps its text, so that what must return unchanged does.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::BadRequest;

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct Node<'a> {
    raw: &'a RawValue,
    path: String,
}

/// An object, opened.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    path: String,
    entries: BTreeMap<String, &'a RawValue>,
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Node<'a> {
    /// The body of a request.
    pub(super) fn root(body: &'a [u8]) -> Result<Self, BadRequest> {
        let invalid = |why: &dyn std::fmt::Display| BadRequest {
            message: format!("the body is not valid JSON: {why}"),
            param: None,
            code: Some("invalid_json"),
        };
        let text = std::str::from_utf8(body).map_err(|error| invalid(&error))?;
        let raw = serde_json::from_str(text).map_err(|error| invalid(&error))?;
        Ok(Self { raw, path: String::new() })
    }

    /// The value as it was written.
    pub(super) fn text(&self) -> &'a str {
        self.raw.get()
    }

    pub(super) fn is_null(&self) -> bool {
        self.text() == "null"
    }

    pub(super) fn is_string(&self) -> bool {
        self.text().starts_with('"')
    }

    pub(super) fn is_object(&self) -> bool {
        self.text().starts_with('{')
    }

    pub(super) fn is_array(&self) -> bool {
        self.text().starts_with('[')
    }

    pub(super) fn wrong(&self, message: impl Into<String>) -> BadRequest {
        BadRequest::at(&self.path, self.sentence(&message.into()))
    }

    pub(super) fn unsupported(&self, message: impl Into<String>) -> BadRequest {
        BadRequest::unsupported(&self.path, self.sentence(&message.into()))
    }

    fn sentence(&self, message: &str) -> String {
        if self.path.is_empty() { message.to_owned() } else { format!("`{}`: {message}", self.path) }
    }

    fn expected(&self, what: &str) -> BadRequest {
        let found = match self.text().as_bytes().first() {
            Some(b'"') => "a string",
            Some(b'{') => "an object",
            Some(b'[') => "an array",
            Some(b't' | b'f') => "a boolean",
            Some(b'n') => "null",
            _ => "a number",
        };
        self.wrong(format!("expected {what}, found {found}"))
    }

    pub(super) fn fields(&self) -> Result<Fields<'a>, BadRequest> {
        if !self.is_object() {
            return Err(self.expected("an object"));
        }
        let entries = serde_json::from_str(self.text()).map_err(|error| self.wrong(error.to_string()))?;
        Ok(Fields { path: self.path.clone(), entries })
    }

    pub(super) fn items(&self) -> Result<Vec<Self>, BadRequest> {
        if !self.is_array() {
            return Err(self.expected("an array"));
        }
        let items: Vec<&'a RawValue> =
            serde_json::from_str(self.text()).map_err(|error| self.wrong(error.to_string()))?;
        let place = |(at, raw)| Self { raw, path: format!("{}[{at}]", self.path) };
        Ok(items.into_iter().enumerate().map(place).collect())
    }

    pub(super) fn string(&self) -> Result<Cow<'a, str>, BadRequest> {
        let text = serde_json::from_str::<Text<'_>>(self.text()).map_err(|_| self.expected("a string"))?;
        Ok(text.0)
    }

    pub(super) fn boolean(&self) -> Result<bool, BadRequest> {
        serde_json::from_str(self.text()).map_err(|_| self.expected("a boolean"))
    }

    pub(super) fn float(&self) -> Result<f64, BadRequest> {
        serde_json::from_str(self.text()).map_err(|_| self.expected("a number"))
    }

    pub(super) fn float_within(&self, low: f64, high: f64) -> Result<f64, BadRequest> {
        let value = self.float()?;
        match (low..=high).contains(&value) {
            true => Ok(value),
            false => Err(self.wrong(format!("must be from {low} to {high}"))),
        }
    }

    /// A whole number from 0 on; one that is larger than any count is as large as a count can be.
    pub(super) fn count(&self) -> Result<u32, BadRequest> {
        let value: i64 = serde_json::from_str(self.text()).map_err(|_| self.expected("a whole number"))?;
        match u32::try_from(value) {
            Ok(value) => Ok(value),
            Err(_) if value > 0 => Ok(u32::MAX),
            Err(_) => Err(self.wrong("must not be negative")),
        }
    }

    /// A whole number from 1 on.
    pub(super) fn positive(&self) -> Result<u32, BadRequest> {
        match self.count()? {
            0 => Err(self.wrong("must be at least 1")),
            value => Ok(value),
        }
    }

    /// A whole number of any sign, as its low 32 bits.
    pub(super) fn seed(&self) -> Result<u32, BadRequest> {
        let value: i64 = serde_json::from_str(self.text()).map_err(|_| self.expected("a whole number"))?;
        Ok((value & i64::from(u32::MAX)) as u32)
    }

    /// One of some words.
    pub(super) fn one_of(&self, words: &[&str]) -> Result<String, BadRequest> {
        let word = self.string()?;
        match words.contains(&word.as_ref()) {
            true => Ok(word.into_owned()),
            false => Err(self.wrong(format!("`{word}` is not one of {}", words.join(", ")))),
        }
    }
}

impl<'a> Fields<'a> {
    /// A field; `None` where it is missing or null.
    pub(super) fn get(&self, name: &str) -> Option<Node<'a>> {
        let node = Node { raw: self.entries.get(name)?, path: self.place(name) };
        (!node.is_null()).then_some(node)
    }

    pub(super) fn need(&self, name: &str) -> Result<Node<'a>, BadRequest> {
        self.get(name).ok_or_else(|| {
            let place = self.place(name);
            let message = format!("`{place}`: this field is required");
            BadRequest { code: Some("missing_required_parameter"), ..BadRequest::at(place, message) }
        })
    }

    pub(super) fn string(&self, name: &str) -> Result<Option<Cow<'a, str>>, BadRequest> {
        self.get(name).map(|node| node.string()).transpose()
    }

    pub(super) fn need_string(&self, name: &str) -> Result<String, BadRequest> {
        Ok(self.need(name)?.string()?.into_owned())
    }

    /// A text; empty where it is missing.
    pub(super) fn text(&self, name: &str) -> Result<String, BadRequest> {
        Ok(self.string(name)?.unwrap_or_default().into_owned())
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, BadRequest> {
        Ok(self.get(name).map(|node| node.boolean()).transpose()?.unwrap_or(false))
    }

    /// The objects of a list; none where it is missing.
    pub(super) fn list(&self, name: &str) -> Result<Vec<Node<'a>>, BadRequest> {
        self.get(name).map_or(Ok(Vec::new()), |node| node.items())
    }

    /// What an object is, by its `type`.
    pub(super) fn kind(&self) -> Result<String, BadRequest> {
        self.need_string("type")
    }

    /// The fields whose names are not among these.
    pub(super) fn beside(&self, names: &[&str]) -> BTreeMap<&str, &'a RawValue> {
        let others = self.entries.iter().filter(|(name, _)| !names.contains(&name.as_str()));
        others.map(|(name, raw)| (name.as_str(), *raw)).collect()
    }

    pub(super) fn place(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_where_and_what() {
        let root = Node::root(br#"{"a":[{"b":1}],"n":-2,"s":null}"#).unwrap().fields().unwrap();
        let item = &root.list("a").unwrap()[0];
        let error = item.fields().unwrap().need("b").unwrap().string().unwrap_err();
        assert_eq!(error.param.as_deref(), Some("a[0].b"));
        assert_eq!(error.message, "`a[0].b`: expected a string, found a number");
        assert_eq!(root.need("n").unwrap().count().unwrap_err().message, "`n`: must not be negative");
        assert_eq!(root.need("s").unwrap_err().code, Some("missing_required_parameter"));
        assert_eq!(root.need("n").unwrap().fields().unwrap_err().message, "`n`: expected an object, found a number");
    }

    #[test]
    fn what_is_no_json_is_told_so() {
        for body in [&b"{"[..], b"", b"\xFF", b"{}x"] {
            assert_eq!(Node::root(body).unwrap_err().code, Some("invalid_json"));
        }
    }

    #[test]
    fn the_text_of_a_value_stays_as_it_was() {
        let root = Node::root(br#"{"z": {"b" : 1.0, "a":[ ]}}"#).unwrap().fields().unwrap();
        assert_eq!(root.need("z").unwrap().text(), r#"{"b" : 1.0, "a":[ ]}"#);
    }
}
