//! Names of tools for a protocol that takes letters, digits, `_` and `-`, and no more than 64.

use std::collections::{HashMap, HashSet};

use chatmesh_proto::common::v1::ToolDefinition;

use super::call_ids::sanitize;
use super::schema;

const MAX_LENGTH: usize = 64;

/// What tools are called on the wire.
#[derive(Debug, Default)]
pub(super) struct ToolNames<'a>(HashMap<&'a str, String>);

impl<'a> ToolNames<'a> {
    /// Gives each tool a name of its own, the same ones for the same tools.
    pub(super) fn of(tools: &'a [ToolDefinition]) -> Self {
        let mut taken: HashSet<String> =
            tools.iter().filter(|tool| fits(&tool.name)).map(|tool| tool.name.clone()).collect();
        let mut names = HashMap::new();
        for tool in schema::sorted(tools).into_iter().filter(|tool| !fits(&tool.name)) {
            let name = free(&shortened(&tool.name), &taken);
            taken.insert(name.clone());
            names.insert(tool.name.as_str(), name);
        }
        Self(names)
    }

    /// The name of a tool on the wire, of one that is no longer there as well.
    pub(super) fn wire(&self, name: &str) -> String {
        match self.0.get(name) {
            Some(wire) => wire.clone(),
            None => shortened(name),
        }
    }
}

/// The tools that are called otherwise on the wire, by what they are called there.
pub(crate) fn renamed(tools: &[ToolDefinition]) -> HashMap<String, String> {
    ToolNames::of(tools).0.into_iter().map(|(name, wire)| (wire, name.to_owned())).collect()
}

fn fits(name: &str) -> bool {
    shortened(name) == name
}

fn shortened(name: &str) -> String {
    let name: String = sanitize(name).chars().take(MAX_LENGTH).collect();
    if name.is_empty() { "tool".to_owned() } else { name }
}

fn free(wanted: &str, taken: &HashSet<String>) -> String {
    let mut name = wanted.to_owned();
    let mut number = 2_usize;
    while taken.contains(&name) {
        let end = format!("_{number}");
        name = wanted.chars().take(MAX_LENGTH - end.len()).collect::<String>() + &end;
        number += 1;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools(names: &[&str]) -> Vec<ToolDefinition> {
        names.iter().map(|name| ToolDefinition { name: (*name).to_owned(), ..ToolDefinition::default() }).collect()
    }

    #[test]
    fn every_name_finds_its_way_back() {
        let long = "x".repeat(70);
        let longer = "x".repeat(80);
        let tools = tools(&["a.b", "a_b", "a:b", "", &long, &longer, "plain-1"]);
        let names = ToolNames::of(&tools);
        let back = renamed(&tools);
        let mut seen = HashSet::new();
        for tool in &tools {
            let wire = names.wire(&tool.name);
            assert!(wire.len() <= 64 && !wire.is_empty() && sanitize(&wire) == wire, "{wire}");
            assert_eq!(back.get(&wire).map_or(wire.as_str(), String::as_str), tool.name);
            assert!(seen.insert(wire));
        }
        assert_eq!(back.len(), 5, "those that fit keep their names: {back:?}");
        assert_eq!(names.wire("gone.by"), "gone_by");
    }
}
