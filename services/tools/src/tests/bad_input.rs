//! Arguments that are wrong: each has its error, and nobody is asked because of them.

use chatmesh_proto::tools::v1::CallToolRequest;
use serde_json::json;

use super::workspace::{Processes, World};

const EXAMPLE: &str = r#"{"files": [{"path": "/a/b.txt", "edits": [{"search": "old", "replace": "new"}]}]}"#;

/// What is said again and again, by a short name.
const WORDS: [(&str, &str); 11] = [
    ("{misfit}", "the arguments do not fit the schema"),
    ("{no template id}", "is not the identifier of a template: give the `id` that `list_templates` returned"),
    ("{no template}", "`template_id` is missing: give the `id` of a template that `list_templates` returned"),
    ("{no value}", "the value of the parameter `size` must be a text, a number, true, false or a list of texts"),
    ("{send}", ": send one JSON object that fits the schema"),
    ("{no id}", "is not the identifier of a process: give the `background_process_id` that `execute` returned"),
    ("{no duration}", "is not a duration like `30s` or `5m`"),
    ("{relative}", "is not absolute: begin it with `/`"),
    ("{example}", ": write something like {like}"),
    ("{like}", EXAMPLE),
    ("{id}", Processes::PROCESS),
];

/// A tool, what a model writes, and what it reads.
const CASES: [(&str, &str, &str); 77] = [
    // What all have in common.
    ("execute", "{", "the arguments are not JSON (EOF while parsing an object at line 1 column 1){send}"),
    ("execute", "ls", "the arguments are not JSON (expected value at line 1 column 1){send}"),
    ("execute", "[]", "the arguments are not a JSON object: send one that fits the schema"),
    ("read_file", "\"/a\"", "the arguments are not a JSON object: send one that fits the schema"),
    ("process_list", "null", "the arguments are not a JSON object: send one that fits the schema"),
    // Workspaces.
    ("create_workspace", "{}", "{no template}"),
    ("create_workspace", r#"{"template_id": ""}"#, "{no template}"),
    ("create_workspace", r#"{"template_id": 7}"#, "{misfit}: invalid type: integer `7`, expected a string"),
    ("create_workspace", r#"{"template_id": "local"}"#, "`template_id` `local` {no template id}"),
    (
        "create_workspace",
        r#"{"template_id": "x", "name": 5}"#,
        "{misfit}: invalid type: integer `5`, expected a string",
    ),
    ("create_workspace", r#"{"template_id": "x", "preset": {}}"#, "{misfit}: invalid type: map, expected a string"),
    (
        "create_workspace",
        r#"{"template_id": "x", "parameters": []}"#,
        "{misfit}: invalid type: sequence, expected a map",
    ),
    ("create_workspace", r#"{"template_id": "x", "parameters": {"size": null}}"#, "{misfit}: {no value}"),
    ("start_workspace", r#"{"parameters": {"size": {"cpus": 4}}}"#, "{misfit}: {no value}"),
    ("start_workspace", r#"{"parameters": "a=b"}"#, "{misfit}: invalid type: string \"a=b\", expected a map"),
    ("list_templates", r#"{"page": "2"}"#, "{misfit}: invalid type: string \"2\", expected i64"),
    ("list_templates", r#"{"query": 5}"#, "{misfit}: invalid type: integer `5`, expected a string"),
    ("read_template", "{}", "{no template}"),
    ("read_template", r#"{"template_id": "../etc"}"#, "`template_id` `../etc` {no template id}"),
    // Commands.
    ("execute", "", "{misfit}: missing field `command`"),
    ("execute", r#"{"cmd": "ls"}"#, "{misfit}: missing field `command`"),
    ("execute", r#"{"command": null}"#, "{misfit}: invalid type: null, expected a string"),
    ("execute", r#"{"command": ["ls", "-l"]}"#, "{misfit}: invalid type: sequence, expected a string"),
    ("execute", r#"{"command": ""}"#, "`command` is empty: give a command to run"),
    ("execute", r#"{"command": " \n"}"#, "`command` is empty: give a command to run"),
    ("execute", r#"{"command": " & "}"#, "`command` is empty: give a command to run"),
    ("execute", r#"{"command": "ls", "timeout": 30}"#, "{misfit}: invalid type: integer `30`, expected a string"),
    (
        "execute",
        r#"{"command": "ls", "timeout": "30"}"#,
        "`timeout` `30` {no duration}: time unit needed, for example 30sec or 30ms",
    ),
    ("execute", r#"{"command": "ls", "timeout": ""}"#, "`timeout` `` {no duration}: value was empty"),
    ("execute", r#"{"command": "ls", "timeout": "-5s"}"#, "`timeout` `-5s` {no duration}: expected number at 0"),
    ("execute", r#"{"command": "ls", "timeout": "soon"}"#, "`timeout` `soon` {no duration}: expected number at 0"),
    (
        "execute",
        r#"{"command": "ls", "timeout": "0s"}"#,
        "`timeout` must be more than 0; use `run_in_background` not to wait",
    ),
    ("execute", r#"{"command": "ls", "workdir": "src"}"#, "`workdir` `src` {relative}"),
    ("execute", r#"{"command": "ls", "workdir": "~/src"}"#, "`workdir` `~/src` {relative}"),
    (
        "execute",
        r#"{"command": "ls", "run_in_background": "yes"}"#,
        "{misfit}: invalid type: string \"yes\", expected a boolean",
    ),
    ("process_output", "{}", "{misfit}: missing field `process_id`"),
    ("process_output", r#"{"process_id": 4711}"#, "{misfit}: invalid type: integer `4711`, expected a string"),
    ("process_output", r#"{"process_id": ""}"#, "`process_id` `` {no id}"),
    ("process_output", r#"{"process_id": "4711"}"#, "`process_id` `4711` {no id}"),
    (
        "process_output",
        r#"{"process_id": "{id}", "wait_timeout": "long"}"#,
        "`wait_timeout` `long` {no duration}: expected number at 0",
    ),
    (
        "process_output",
        r#"{"process_id": "{id}", "wait_timeout": 5}"#,
        "{misfit}: invalid type: integer `5`, expected a string",
    ),
    ("process_signal", r#"{"process_id": "{id}"}"#, "{misfit}: missing field `signal`"),
    ("process_signal", r#"{"signal": "kill"}"#, "{misfit}: missing field `process_id`"),
    ("process_signal", r#"{"process_id": "1; rm -rf /", "signal": "kill"}"#, "`process_id` `1; rm -rf /` {no id}"),
    (
        "process_signal",
        r#"{"process_id": "{id}", "signal": "SIGHUP"}"#,
        "`signal` `SIGHUP` is not known: use `terminate`, or `kill` where that does not help",
    ),
    (
        "process_signal",
        r#"{"process_id": "{id}", "signal": 9}"#,
        "{misfit}: invalid type: integer `9`, expected a string",
    ),
    // Files.
    ("read_file", "{}", "{misfit}: missing field `path`"),
    ("read_file", r#"{"path": "a.txt"}"#, "path `a.txt` {relative}"),
    ("read_file", r#"{"path": ""}"#, "path `` {relative}"),
    ("read_file", r#"{"path": "/a", "offset": -1}"#, "{misfit}: invalid value: integer `-1`, expected u32"),
    ("read_file", r#"{"path": "/a", "limit": 1.5}"#, "{misfit}: invalid type: floating point `1.5`, expected u32"),
    ("read_file", r#"{"path": "/a", "limit": "10"}"#, "{misfit}: invalid type: string \"10\", expected u32"),
    ("write_file", r#"{"path": "/a"}"#, "{misfit}: missing field `content`"),
    ("write_file", r#"{"path": "./a", "content": ""}"#, "path `./a` {relative}"),
    ("write_file", r#"{"path": "/a", "content": {"a": 1}}"#, "{misfit}: invalid type: map, expected a string"),
    ("attach_file", "{}", "{misfit}: missing field `path`"),
    ("attach_file", r#"{"path": "report.pdf"}"#, "path `report.pdf` {relative}"),
    ("attach_file", r#"{"path": "~/report.pdf"}"#, "path `~/report.pdf` {relative}"),
    ("attach_file", r#"{"path": ["/a", "/b"]}"#, "{misfit}: invalid type: sequence, expected a string"),
    ("attach_file", r#"{"path": "/a", "name": 1}"#, "{misfit}: invalid type: integer `1`, expected a string"),
    (
        "attach_file",
        r#"{"path": "/a", "name": "a\nb"}"#,
        r#"the file can not be called "a\nb": give a `name` of one line, 255 bytes at most"#,
    ),
    ("attach_file", r#"{"path": "/w/.."}"#, "path `/w/..` names no file: give the path of one"),
    // Edits, each with its place.
    ("edit_files", "{}", "`files` is missing{example}"),
    (
        "edit_files",
        r#"{"files": [], "edits": []}"#,
        "`files` and `edits` are two forms of the same: give one of them, like {like}",
    ),
    ("edit_files", r#"{"files": []}"#, "`files` is empty{example}"),
    ("edit_files", r#"{"files": {"path": "/a"}}"#, "`files` is not a list{example}"),
    (
        "edit_files",
        r#"{"files": "/a"}"#,
        "`files` is a text and not a list, and holds no list either (expected value at line 1 column 1)",
    ),
    ("edit_files", r#"{"files": ["/a"]}"#, "`files[0]` is not an object{example}"),
    ("edit_files", r#"{"files": [{"path": "/a"}]}"#, "`files[0]` does not fit the schema: missing field `edits`"),
    (
        "edit_files",
        r#"{"files": [{"path": "/a", "edits": [{"search": "x", "replace": "y"}]}, {"path": "b", "edits": []}]}"#,
        "`files[1]`: path `b` {relative}",
    ),
    ("edit_files", r#"{"files": [{"path": "/a", "edits": []}]}"#, "`files[0].edits` is empty{example}"),
    (
        "edit_files",
        r#"{"files": [{"path": "/a", "edits": [{"search": "x", "replace": "y"}, {"search": "z"}]}]}"#,
        "`files[0].edits[1]` does not fit the schema: missing field `replace`",
    ),
    (
        "edit_files",
        r#"{"files": [{"path": "/a", "edits": [{"search": "", "replace": "y"}]}]}"#,
        "`files[0].edits[0].search` is empty: give the text to replace, or write the whole file",
    ),
    (
        "edit_files",
        r#"{"files": [{"path": "/a", "edits": [{"path": "/b", "search": "x", "replace": "y"}]}]}"#,
        "`files[0].edits[0]` names another file than the entry that it is in: give that file its own entry",
    ),
    (
        "edit_files",
        r#"{"edits": [{"old_text": "x", "new_text": "y"}]}"#,
        "`edits[0]` has no `path`: name the file of each edit",
    ),
    (
        "edit_files",
        r#"{"edits": [{"path": "a", "old_text": "x", "new_text": "y"}]}"#,
        "`edits[0]`: path `a` {relative}",
    ),
    (
        "edit_files",
        r#"{"edits": [{"path": "/a", "old_text": "x", "new_text": "y", "replace_all": 1}]}"#,
        "`edits[0]` does not fit the schema: invalid type: integer `1`, expected a boolean",
    ),
];

#[tokio::test(start_paused = true)]
async fn arguments_that_are_wrong_are_refused_before_anybody_is_asked() {
    let world = World::new();
    for (tool, args, expected) in CASES {
        let whole = |text: &str| WORDS.iter().fold(text.to_owned(), |text, (name, word)| text.replace(name, word));
        let (result, is_error) = world.call_with(tool, &whole(args), CallToolRequest::default()).await;
        assert_eq!(result["error"].as_str().unwrap_or_default(), whole(expected), "{tool} {args}");
        assert!(is_error, "{tool} {args}: {result}");
    }
    assert_eq!(world.workspace.asked(), [0, 0, 0]);
}

/// More than the agent takes in one message is said to be too much, and not sent.
#[tokio::test(start_paused = true)]
async fn edits_that_are_too_long_are_refused_before_anybody_is_asked() {
    let world = World::new();
    let text = "x".repeat(512 * 1024);
    let edit = json!({"path": "/a", "search": text, "replace": text});
    let args = json!({"edits": [edit, edit, edit, edit]});
    let error = "the edits have 4194304 bytes, more than the limit of 3145728: make fewer in one call";
    assert_eq!(world.call("edit_files", &args).await, (json!({ "error": error }), true));
    assert_eq!(world.workspace.asked(), [0, 0, 0]);
}
