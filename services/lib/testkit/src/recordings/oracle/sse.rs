//! Server-sent events of a body that is complete.

/// One event that has data.
#[derive(Debug, PartialEq)]
pub(super) struct Event {
    /// The `event:` field, or an empty string.
    pub(super) name: String,
    /// The `data:` lines, joined with line feeds.
    pub(super) data: String,
}

/// Splits a body into its events; comments and events without data are left out.
pub(super) fn events(body: &str) -> Vec<Event> {
    let body = body.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
    body.split("\n\n").filter_map(event).collect()
}

fn event(block: &str) -> Option<Event> {
    let field = |line: &'_ str, name: &str| {
        let value = line.strip_prefix(name)?;
        Some(value.strip_prefix(' ').unwrap_or(value).to_owned())
    };
    let data: Vec<_> = block.lines().filter_map(|line| field(line, "data:")).collect();
    let name = block.lines().find_map(|line| field(line, "event:")).unwrap_or_default();
    (!data.is_empty()).then(|| Event { name, data: data.join("\n") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_names_and_line_ends_are_understood() {
        let read = events(": hello\n\nevent: a\ndata:1\r\ndata: 2\r\n\r\ndata: 3\n\nid: 7\n\n");
        let pairs: Vec<_> = read.iter().map(|one| (one.name.as_str(), one.data.as_str())).collect();
        assert_eq!(pairs, [("a", "1\n2"), ("", "3")]);
    }
}
