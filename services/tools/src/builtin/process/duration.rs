//! Durations, as models write them.

use std::time::Duration;

/// How long a tool waits for a command where the model does not say.
pub(in crate::builtin) const DEFAULT: Duration = Duration::from_secs(10);
/// The longest that a tool waits for a command.
pub(in crate::builtin) const MAX: Duration = Duration::from_secs(4 * 3600);

/// Reads the duration of the argument `name`; longer ones than [`MAX`] are taken as that.
pub(in crate::builtin) fn parse(name: &str, text: Option<&str>) -> Result<Duration, String> {
    let Some(text) = text else { return Ok(DEFAULT) };
    let duration = humantime::parse_duration(text.trim())
        .map_err(|error| format!("`{name}` `{text}` is not a duration like `30s` or `5m`: {error}"))?;
    Ok(duration.min(MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_and_a_bound() {
        let seconds = |text| parse("timeout", text).map(|duration| duration.as_secs());
        assert_eq!(seconds(None), Ok(10));
        for (text, expected) in
            [("1m 30s", 90), ("1m30s", 90), (" 5m ", 300), ("0s", 0), ("4h", 14400), ("9h", 14400), ("1year", 14400)]
        {
            assert_eq!(seconds(Some(text)), Ok(expected), "{text}");
        }
        for text in ["", "soon", "-5s", "90", "1.5", "5 parsecs", "99999999999999999999s"] {
            assert!(seconds(Some(text)).is_err_and(|error| error.starts_with("`timeout` `")), "{text}");
        }
    }
}
