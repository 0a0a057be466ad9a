//! Advice that goes with the result of a command.

/// Commands that serve or watch until somebody ends them, by their first words.
const SERVERS: [&str; 22] = [
    "npm start",
    "npm run dev",
    "npm run start",
    "npm run serve",
    "npm run watch",
    "yarn dev",
    "yarn start",
    "pnpm dev",
    "pnpm start",
    "vite",
    "next dev",
    "nodemon",
    "python -m http.server",
    "python3 -m http.server",
    "flask run",
    "uvicorn",
    "gunicorn",
    "rails server",
    "php -S",
    "cargo watch",
    "docker compose up",
    "tail -f",
];
/// What may stand before the words of a command.
const PREFIXES: [&str; 4] = ["exec", "npx", "nohup", "time"];

/// Advice for a command that was waited for.
pub(in crate::builtin) fn on_command(command: &str, is_running: bool, is_cut: bool) -> Option<String> {
    let mut notes = Vec::new();
    if dumps_files(command) {
        notes.push("prefer `read_file` for looking at files: it numbers the lines and reads parts");
    }
    if is_running && is_server(command) {
        notes.push("this looks like a command that does not end by itself: start such with `run_in_background`");
    }
    if is_running {
        notes.push("`process_output` reads on and waits for its end, `process_signal` ends it");
    }
    notes.extend(on_output(is_cut));
    joined(&notes)
}

/// Advice for a command that was left running at once.
pub(in crate::builtin) const ON_BACKGROUND: &str =
    "the command runs in the background: `process_output` returns what it writes, `process_signal` ends it";

/// Advice for a look at a command that was left running.
pub(in crate::builtin) fn on_look(is_running: bool, is_cut: bool) -> Option<String> {
    let running = is_running.then_some("the command is still running, and this is what it wrote so far");
    joined(&running.into_iter().chain(on_output(is_cut)).collect::<Vec<_>>())
}

fn on_output(is_cut: bool) -> Option<&'static str> {
    is_cut.then_some(
        "the middle of the output is left out: filter it, or write it to a file and read that with `read_file`",
    )
}

fn joined(notes: &[&str]) -> Option<String> {
    (!notes.is_empty()).then(|| notes.join("; "))
}

/// True for a command that only shows a file, or searches without regard to what is worth searching.
fn dumps_files(command: &str) -> bool {
    let command = command.trim_start();
    if command.contains(['|', '>', '<', ';', '&', '\n']) {
        return false;
    }
    let mut words = command.split_whitespace();
    match words.next() {
        Some("cat") => words.next().is_some(),
        Some("grep" | "rg") => words.any(|word| matches!(word, "-l" | "--include-all")),
        _ => false,
    }
}

/// True where one of the commands of a line looks like a server.
fn is_server(line: &str) -> bool {
    line.split(['\n', ';', '&', '|']).any(|command| {
        let words = command.split_whitespace().filter(|word| !word.contains('=') || word.starts_with('-'));
        let words: Vec<&str> = words.skip_while(|word| PREFIXES.contains(word)).collect();
        let is_detached = words.iter().any(|word| matches!(*word, "-d" | "--detach"));
        !is_detached && SERVERS.iter().any(|server| words.starts_with(&server.split(' ').collect::<Vec<_>>()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_shows_files_is_told_from_what_works_with_them() {
        for command in ["cat a.txt", "  cat a b", "grep -l x -r .", "rg --include-all x"] {
            assert!(dumps_files(command), "{command}");
        }
        for command in ["cat", "cat a | wc", "cat > a <<E\nE", "cat a; ls", "cat a && ls", "grep x a", "concat a", ""] {
            assert!(!dumps_files(command), "{command}");
        }
    }

    #[test]
    fn servers_are_known_by_their_first_words() {
        for command in [
            "npm run dev",
            "cd web && npm start",
            "PORT=80 npx vite --host",
            "exec python3 -m http.server 8000",
            "make; tail -f log",
        ] {
            assert!(is_server(command), "{command}");
        }
        for command in
            ["npm run build", "echo npm start", "invite", "docker compose up -d", "tail -n 5 log", "ls vite", ""]
        {
            assert!(!is_server(command), "{command}");
        }
    }

    #[test]
    fn advice_is_given_where_it_applies() {
        assert_eq!(on_command("true", false, false), None);
        assert_eq!(on_command("npm start", false, false), None, "one that ended is no server");
        let late = on_command("npm start", true, true).expect("a note");
        for word in ["run_in_background", "process_output", "left out"] {
            assert!(late.contains(word), "{late}");
        }
        assert!(on_command("make", true, false).is_some_and(|note| !note.contains("run_in_background")));
        assert_eq!(on_look(false, false), None);
        assert!(on_look(true, false).is_some_and(|note| note.contains("still running")));
    }
}
