//! The promise that no process of a test outlives it, also where the test itself is killed.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Waits for the end of its standard input, which is the end of the test, and kills what the test could not
/// because it was killed itself. Programs of workspaces are no children of the test, and are made to survive what
/// kills their parents. They are known by their directory: they run in it, or are told of it.
const SCRIPT: &str = r#"
cat >/dev/null
while
    pids=$({
        echo "$DIRECTORY" | grep -lsFf - /proc/[0-9]*/cmdline
        find /proc/[0-9]*/cwd -maxdepth 0 -lname "$DIRECTORY*" 2>/dev/null
    } | cut -d/ -f3 | sort -u)
    [ -n "$pids" ]
do
    kill -9 $pids
done
rm -rf "$DIRECTORY"
"#;

/// Kills what runs in a directory, and removes it, when this process ends without having dropped this.
#[derive(Debug)]
pub struct Watchdog {
    process: Child,
}

impl Watchdog {
    /// Watches over a directory that is the test's own.
    ///
    /// # Panics
    /// There is no `/bin/sh`.
    pub fn over(directory: &Path) -> Self {
        let process = Command::new("/bin/sh")
            .args(["-c", SCRIPT])
            .env("DIRECTORY", directory)
            .current_dir("/")
            // What kills the test's group is to leave it alone.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self { process: process.expect("a watchdog") }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // One that is gone needs no end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
