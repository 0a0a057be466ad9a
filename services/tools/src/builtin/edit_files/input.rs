//! What a model asks to edit, in the forms that models know.
//!
//! The form that is advertised is a list of files, each with its edits. Models that learned another tool write a flat
//! list of edits, each with its path; and some write a list as a text that holds it. All of these say the same, so
//! they are taken, and whatever else there is is refused with its place.

use chatmesh_proto::agent::v1::{Edit, FileEdits};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::builtin::{absolute, parse};

/// The most files in a call; the agent takes no more.
const MAX_FILES: usize = 100;
/// The most edits in a call; the agent takes no more.
const MAX_EDITS: usize = 1000;

/// What to write where the form is wrong.
const EXAMPLE: &str = r#"{"files": [{"path": "/a/b.txt", "edits": [{"search": "old", "replace": "new"}]}]}"#;

#[derive(Debug, Deserialize)]
struct Args {
    files: Option<Value>,
    edits: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct FileArgs {
    path: String,
    edits: Value,
}

#[derive(Debug, Deserialize)]
struct EditArgs {
    /// Only in the flat form.
    path: Option<String>,
    #[serde(alias = "old_text")]
    search: String,
    #[serde(alias = "new_text")]
    replace: String,
    replace_all: Option<bool>,
}

/// Reads the arguments of a call.
pub(super) fn read(args: &str) -> Result<Vec<FileEdits>, String> {
    let files = match parse(args)? {
        Args { files: Some(files), edits: None } => nested(files)?,
        Args { files: None, edits: Some(edits) } => flat(edits)?,
        Args { files: Some(_), edits: Some(_) } => {
            return Err(format!("`files` and `edits` are two forms of the same: give one of them, like {EXAMPLE}"));
        }
        Args { files: None, edits: None } => return Err(format!("`files` is missing: write something like {EXAMPLE}")),
    };
    if files.len() > MAX_FILES {
        return Err(format!(
            "there are {} files, more than the limit of {MAX_FILES}: edit fewer in one call",
            files.len()
        ));
    }
    let edits: usize = files.iter().map(|file| file.edits.len()).sum();
    if edits > MAX_EDITS {
        return Err(format!("there are {edits} edits, more than the limit of {MAX_EDITS}: make fewer in one call"));
    }
    Ok(files)
}

/// Files with their edits.
fn nested(files: Value) -> Result<Vec<FileEdits>, String> {
    list("files", files)?.into_iter().enumerate().map(|(index, file)| entry(&format!("files[{index}]"), file)).collect()
}

/// One file with its edits.
fn entry(at: &str, file: Value) -> Result<FileEdits, String> {
    let FileArgs { path, edits } = fit(at, file)?;
    absolute(&path).map_err(|error| format!("`{at}`: {error}"))?;
    let mut file = FileEdits { path, edits: Vec::new() };
    for (index, edit) in list(&format!("{at}.edits"), edits)?.into_iter().enumerate() {
        let at = format!("{at}.edits[{index}]");
        let edit: EditArgs = fit(&at, edit)?;
        if edit.path.as_ref().is_some_and(|other| *other != file.path) {
            return Err(format!(
                "`{at}` names another file than the entry that it is in: give that file its own entry"
            ));
        }
        file.edits.push(checked(&at, edit)?);
    }
    Ok(file)
}

/// Edits that name their files; those of one file are gathered, in their order.
fn flat(edits: Value) -> Result<Vec<FileEdits>, String> {
    let mut files: Vec<FileEdits> = Vec::new();
    for (index, edit) in list("edits", edits)?.into_iter().enumerate() {
        let at = format!("edits[{index}]");
        let mut edit: EditArgs = fit(&at, edit)?;
        let path = edit.path.take().ok_or_else(|| format!("`{at}` has no `path`: name the file of each edit"))?;
        absolute(&path).map_err(|error| format!("`{at}`: {error}"))?;
        let edit = checked(&at, edit)?;
        match files.iter_mut().find(|file| file.path == path) {
            Some(file) => file.edits.push(edit),
            None => files.push(FileEdits { path, edits: vec![edit] }),
        }
    }
    Ok(files)
}

fn checked(at: &str, edit: EditArgs) -> Result<Edit, String> {
    let EditArgs { path: _, search, replace, replace_all } = edit;
    if search.is_empty() {
        return Err(format!("`{at}.search` is empty: give the text to replace, or write the whole file"));
    }
    Ok(Edit { search, replace, replace_all: replace_all.unwrap_or_default() })
}

/// A list with something in it, also one that was written as a text.
fn list(at: &str, value: Value) -> Result<Vec<Value>, String> {
    let value = match value {
        Value::String(text) => {
            let wrong = |error: serde_json::Error| {
                format!("`{at}` is a text and not a list, and holds no list either ({error})")
            };
            serde_json::from_str(&text).map_err(wrong)?
        }
        other => other,
    };
    match value {
        Value::Array(items) if items.is_empty() => Err(format!("`{at}` is empty: write something like {EXAMPLE}")),
        Value::Array(items) => Ok(items),
        _ => Err(format!("`{at}` is not a list: write something like {EXAMPLE}")),
    }
}

fn fit<T: DeserializeOwned>(at: &str, value: Value) -> Result<T, String> {
    if !value.is_object() {
        return Err(format!("`{at}` is not an object: write something like {EXAMPLE}"));
    }
    serde_json::from_value(value).map_err(|error| format!("`{at}` does not fit the schema: {error}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn edit(search: &str, replace: &str, replace_all: bool) -> Edit {
        Edit { search: search.to_owned(), replace: replace.to_owned(), replace_all }
    }

    #[test]
    fn all_forms_say_the_same() {
        let expected = [
            FileEdits { path: "/a".to_owned(), edits: vec![edit("1", "2", false), edit("3", "", true)] },
            FileEdits { path: "/b".to_owned(), edits: vec![edit("x", "y", false)] },
        ];
        let first = json!([
            {"search": "1", "replace": "2", "replace_all": null},
            {"search": "3", "replace": "", "replace_all": true},
        ]);
        let nested =
            json!([{"path": "/a", "edits": first}, {"path": "/b", "edits": [{"search": "x", "replace": "y"}]}]);
        let flat = json!([
            {"path": "/a", "old_text": "1", "new_text": "2"},
            {"path": "/b", "search": "x", "replace": "y"},
            {"path": "/a", "old_text": "3", "new_text": "", "replace_all": true},
        ]);
        for args in [
            json!({ "files": nested }),
            json!({ "files": nested.to_string() }),
            json!({ "files": nested, "edits": null }),
            json!({ "edits": flat }),
            json!({ "edits": flat.to_string() }),
            json!({ "files": [{"path": "/a", "edits": first.to_string()}, nested[1]] }),
        ] {
            assert_eq!(read(&args.to_string()).as_deref(), Ok(&expected[..]), "{args}");
        }
    }

    #[test]
    fn there_are_bounds() {
        let one = |path: String| json!({"path": path, "search": "a", "replace": "b"});
        let many = |count: usize, path: &dyn Fn(usize) -> String| {
            let edits: Vec<Value> = (0..count).map(|at| one(path(at))).collect();
            read(&json!({ "edits": edits }).to_string()).map(|files| files.len())
        };
        assert_eq!(many(100, &|at| format!("/{at}")), Ok(100));
        assert!(many(101, &|at| format!("/{at}")).is_err_and(|error| error.contains("101 files")));
        assert_eq!(many(1000, &|_| "/a".to_owned()), Ok(1));
        assert!(many(1001, &|_| "/a".to_owned()).is_err_and(|error| error.contains("1001 edits")));
    }
}
