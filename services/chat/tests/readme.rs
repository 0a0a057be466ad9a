//! `README.md` draws the state machine and the way of a turn; these tests keep it true.
//! `UPDATE_README=1` writes the generated sections anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use chatmesh_chat::machine::{Operation, Row, State, TABLE};

fn readme() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

/// One box per status, one arrow per pair of boxes.
fn diagram() -> String {
    let mut arrows: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for row in TABLE {
        for from in row.from {
            let (from, to) = (room(*from), room(row.to[0]));
            let labels = arrows.entry((from.clone(), to.clone())).or_default();
            let label = format!("{:?}", row.operation);
            if from != to && !labels.contains(&label) {
                labels.push(label);
            }
        }
    }
    let mut text = "```mermaid\nstateDiagram-v2\n".to_owned();
    for ((from, to), labels) in arrows.iter().filter(|(_, labels)| !labels.is_empty()) {
        for label in labels {
            let _ = writeln!(text, "    {from} --> {to}: {label}");
        }
    }
    text + "```\n"
}

/// The box of a state: states that differ only in whether messages wait share one.
fn room(state: State) -> String {
    match (state.status(), state.is_archived()) {
        (_, true) => "archived".to_owned(),
        (Some(status), false) => status.to_string(),
        (None, false) if state == State::N => "[*]".to_owned(),
        (None, false) => "invalid".to_owned(),
    }
}

/// One line per operation: where it is allowed, where it leads, what happens in the transaction.
fn table() -> String {
    let mut text = "| operation | from → to | effects, in order |\n| --- | --- | --- |\n".to_owned();
    for operation in Operation::ALL {
        let rows: Vec<&Row> = TABLE.iter().filter(|row| row.operation == *operation).collect();
        // Rows with the same effects share a line.
        let mut lines: Vec<(Vec<String>, String)> = Vec::new();
        for row in rows {
            let effects: Vec<String> = row.effects.iter().map(|effect| format!("{effect:?}")).collect();
            let effects = if effects.is_empty() { "-".to_owned() } else { effects.join(", ") };
            let way = format!("{} → {}", join(row.from), join(row.to));
            match lines.iter_mut().find(|(_, found)| *found == effects) {
                Some((ways, _)) => ways.push(way),
                None => lines.push((vec![way], effects)),
            }
        }
        for (ways, effects) in lines {
            let _ = writeln!(text, "| {operation:?} | {} | {effects} |", ways.join("; "));
        }
    }
    text
}

fn join(states: &[State]) -> String {
    states.iter().map(ToString::to_string).collect::<Vec<_>>().join("/")
}

fn with_section(text: &str, name: &str, body: &str) -> String {
    let (begin, end) = (format!("<!-- {name}: generated -->\n"), format!("<!-- {name}: end -->"));
    let from = text.find(&begin).expect("the section begins") + begin.len();
    let to = text.find(&end).expect("the section ends");
    format!("{}\n{body}\n{}", &text[..from], &text[to..])
}

#[test]
fn the_readme_draws_the_state_machine_as_it_is_in_the_code() {
    let text = std::fs::read_to_string(readme()).expect("a README");
    let mut wanted = with_section(&text, "diagram", &diagram());
    wanted = with_section(&wanted, "table", &table());
    if std::env::var_os("UPDATE_README").is_some() {
        std::fs::write(readme(), &wanted).expect("written");
        return;
    }
    assert!(text == wanted, "README.md is out of step with the state machine: run this test with UPDATE_README=1");
}

#[test]
fn every_file_that_the_readme_names_exists() {
    let text = std::fs::read_to_string(readme()).expect("a README");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let named: Vec<&str> =
        text.split('`').skip(1).step_by(2).filter(|word| word.ends_with(".rs") || word.ends_with('/')).collect();
    assert!(named.len() > 10, "the README names the files of a turn");
    for name in named {
        assert!(source.join(name).exists(), "README.md names `{name}`, which is not in src");
    }
}
