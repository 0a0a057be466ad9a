//! TOML.

use serde_json::{Map, Number, Value};
use toml::Value as Toml;

use super::{MAX_DEPTH, SyntaxError};

/// Reads TOML. Dates are taken for the text that they are.
pub(super) fn read(text: &str) -> Result<Value, SyntaxError> {
    let table: toml::Table = toml::from_str(text).map_err(|error| {
        let (line, column) = position(text, error.span().map_or(0, |span| span.start));
        refusal(line, column, error.message())
    })?;
    convert(Toml::Table(table), 0).map_err(|what| refusal(1, 1, what))
}

fn refusal(line: usize, column: usize, what: &str) -> SyntaxError {
    SyntaxError { format: "TOML", line, column, what: what.trim().to_owned() }
}

fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(offset)];
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

fn convert(value: Toml, depth: usize) -> Result<Value, &'static str> {
    if depth > MAX_DEPTH {
        return Err("it is nested too deep");
    }
    Ok(match value {
        Toml::String(text) => Value::String(text),
        Toml::Integer(number) => Value::Number(number.into()),
        Toml::Float(number) => Value::Number(Number::from_f64(number).ok_or("a number must be finite")?),
        Toml::Boolean(flag) => Value::Bool(flag),
        Toml::Datetime(time) => Value::String(time.to_string()),
        Toml::Array(items) => {
            Value::Array(items.into_iter().map(|item| convert(item, depth + 1)).collect::<Result<_, _>>()?)
        }
        Toml::Table(table) => {
            let fields = table.into_iter().map(|(key, value)| Ok((key, convert(value, depth + 1)?)));
            Value::Object(fields.collect::<Result<Map<_, _>, &'static str>>()?)
        }
    })
}
