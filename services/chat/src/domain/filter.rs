//! Which chats of a list are wanted: the query of a request, read.

use std::iter::Peekable;
use std::str::Chars;

use chatmesh_core::Violations;

use crate::machine::Status;

/// The longest query, in bytes.
const MAX_QUERY_BYTES: usize = 1000;
/// The most labels to look for.
const MAX_LABELS: usize = 50;
/// What the terms of a query may be about.
const KEYS: &str = "`title`, `search`, `archived`, `has_unread` or `status`";

/// Which chats of a list are wanted. All of it must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChatFilter {
    /// Parts of the title, in any case.
    pub titles: Vec<String>,
    /// Whether the chats are those that were put away.
    pub archived: bool,
    /// Whether the model said something that the owner has not seen.
    pub has_unread: Option<bool>,
    /// What the chats are doing.
    pub status: Option<Status>,
    /// Labels that the chats have.
    pub labels: Vec<(String, String)>,
}

/// Reads the query and the labels of a request for a list.
pub(crate) fn parse_filter(query: &str, labels: &[String], violations: &mut Violations) -> ChatFilter {
    let mut filter = ChatFilter { labels: parse_labels(labels, violations), ..ChatFilter::default() };
    if query.len() > MAX_QUERY_BYTES || query.contains('\0') {
        violations.add("query", format!("must have at most {MAX_QUERY_BYTES} bytes and no NUL"));
        return filter;
    }
    let mut seen = Vec::new();
    let mut rest = query.chars().peekable();
    loop {
        match next_term(&mut rest) {
            Ok(None) => return filter,
            Ok(Some((key, value))) => {
                violations.check("query", filter.add(&key, value, &mut seen));
            }
            Err(error) => {
                violations.add("query", error);
                return filter;
            }
        }
    }
}

impl ChatFilter {
    fn add(&mut self, key: &str, value: String, seen: &mut Vec<String>) -> Result<(), String> {
        if value.is_empty() {
            return Err(format!("has no value for `{key}`: write `{key}:value`, with quotes where it has spaces"));
        }
        if matches!(key, "archived" | "has_unread" | "status") {
            if seen.iter().any(|earlier| earlier == key) {
                return Err(format!("must not have `{key}` twice"));
            }
            seen.push(key.to_owned());
        }
        match key {
            "title" | "search" => self.titles.push(value),
            "archived" => self.archived = boolean(key, &value)?,
            "has_unread" => self.has_unread = Some(boolean(key, &value)?),
            "status" => self.status = Some(status(&value)?),
            other => return Err(format!("has the unknown key `{other}`: use {KEYS}")),
        }
        Ok(())
    }
}

fn boolean(key: &str, value: &str) -> Result<bool, String> {
    value.parse().map_err(|_| format!("has `{key}:{value}`: must be `true` or `false`"))
}

fn status(value: &str) -> Result<Status, String> {
    let found = Status::ALL.into_iter().find(|status| status.as_str() == value);
    found.ok_or_else(|| {
        let known: Vec<String> = Status::ALL.iter().map(|status| format!("`{}`", status.as_str())).collect();
        format!("has `status:{value}`: must be one of {}", known.join(", "))
    })
}

fn parse_labels(labels: &[String], violations: &mut Violations) -> Vec<(String, String)> {
    violations.require(labels.len() <= MAX_LABELS, "labels", format!("must be at most {MAX_LABELS}"));
    let mut pairs = Vec::new();
    for (index, label) in labels.iter().enumerate().take(MAX_LABELS) {
        match label.split_once('=') {
            Some((key, value)) if !key.is_empty() && !label.contains('\0') => {
                pairs.push((key.to_owned(), value.to_owned()));
            }
            _ => violations.add(format!("labels[{index}]"), "must be `key=value`"),
        }
    }
    pairs
}

/// Reads the next `key:value`; `None` at the end.
fn next_term(rest: &mut Peekable<Chars<'_>>) -> Result<Option<(String, String)>, String> {
    while rest.next_if(|c| c.is_whitespace()).is_some() {}
    let Some(first) = rest.peek() else { return Ok(None) };
    if *first == '"' {
        return Err(bare(&quoted(rest)?));
    }
    let key = word(rest, |c| c == ':');
    if rest.next_if_eq(&':').is_none() {
        return Err(bare(&key));
    }
    let value = if rest.peek() == Some(&'"') { quoted(rest)? } else { word(rest, |_| false) };
    match rest.peek() {
        Some(c) if !c.is_whitespace() => Err(format!("must have a space after the quotes of `{key}`")),
        _ => Ok(Some((key, value))),
    }
}

fn bare(word: &str) -> String {
    format!("has the word `{word}` without a key: write `key:value` with {KEYS}, like `title:{word}`")
}

/// Reads until a space, or until `ends` holds.
fn word(rest: &mut Peekable<Chars<'_>>, ends: impl Fn(char) -> bool) -> String {
    let mut word = String::new();
    while let Some(c) = rest.next_if(|c| !c.is_whitespace() && !ends(*c)) {
        word.push(c);
    }
    word
}

/// Reads a text in quotes; `\` takes the character after it as it is.
fn quoted(rest: &mut Peekable<Chars<'_>>) -> Result<String, String> {
    rest.next();
    let mut text = String::new();
    loop {
        match rest.next() {
            Some('"') => return Ok(text),
            Some('\\') => text.extend(rest.next()),
            Some(c) => text.push(c),
            None => return Err(format!("does not close the quotes before `{text}`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str, labels: &[&str]) -> Result<ChatFilter, String> {
        let mut violations = Violations::new();
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        let filter = parse_filter(query, &labels, &mut violations);
        violations.finish(Some(filter)).map_err(|violations| violations.to_string())
    }

    #[test]
    fn a_query_is_read_with_its_quotes() {
        let filter = parse(r#" title:"two words"  search:"a \"b\" \\" status:requires_action archived:true"#, &[]);
        let filter = filter.expect("a query");
        assert_eq!(filter.titles, ["two words", r#"a "b" \"#]);
        assert_eq!((filter.status, filter.archived, filter.has_unread), (Some(Status::RequiresAction), true, None));
        assert_eq!(parse("", &[]), Ok(ChatFilter::default()));
        assert_eq!(parse("title:a:b", &[]).expect("a query").titles, ["a:b"], "only the first colon counts");
        let labels = parse("", &["a=b", "c=d=e"]).expect("labels").labels;
        assert_eq!(labels, [("a".to_owned(), "b".to_owned()), ("c".to_owned(), "d=e".to_owned())]);
    }

    #[test]
    fn what_is_no_query_is_named_together_with_what_is_allowed() {
        let long = format!("title:{}", "x".repeat(MAX_QUERY_BYTES));
        let table = [
            ("build", "the word `build` without a key: write `key:value` with `title`, `search`, `archived`"),
            ("status:waiting build", "the word `build`"),
            (r#""two words""#, "the word `two words` without a key"),
            ("owner:me", "the unknown key `owner`: use `title`, `search`"),
            (":x", "the unknown key ``"),
            ("title:", "has no value for `title`"),
            (r#"title:"open"#, "does not close the quotes before `open`"),
            (r#"title:"a"b"#, "must have a space after the quotes of `title`"),
            ("archived:yes", "has `archived:yes`: must be `true` or `false`"),
            ("has_unread:1", "must be `true` or `false`"),
            ("status:idle", "has `status:idle`: must be one of `waiting`, `running`"),
            ("status:error status:error", "must not have `status` twice"),
            ("title:a\0b", "no NUL"),
            (&long, "at most 1000 bytes"),
        ];
        for (query, expected) in table {
            let said = parse(query, &[]).expect_err(query);
            assert!(said.starts_with("`query` ") && said.contains(expected), "{query}: {said}");
        }
        for label in ["a", "=b", "", "a=\0"] {
            let said = parse("", &["x=y", label]).expect_err(label);
            assert!(said.contains("`labels[1]` must be `key=value`"), "{label}: {said}");
        }
    }
}
