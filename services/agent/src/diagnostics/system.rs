//! What the agent runs on.

use std::fs;
use std::thread::available_parallelism;

use chatmesh_proto::agent::v1 as pb;
use nix::sys::utsname::uname;

use super::bounded;

/// Where a container's limit of memory stands, in the newer and the older layout.
const MEMORY_LIMITS: [&str; 2] = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

/// Collects what the system says about itself. Blocks.
pub(super) fn facts() -> pb::SystemFacts {
    let names = uname().ok();
    let name = |of: fn(&nix::sys::utsname::UtsName) -> &std::ffi::OsStr| {
        names.as_ref().map(|names| of(names).to_string_lossy().into_owned()).unwrap_or_default()
    };
    let kernel = format!("{} {}", name(|names| names.sysname()), name(|names| names.release()));
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory_bytes = meminfo(&memory, "MemTotal");
    pb::SystemFacts {
        os: bounded(&distribution().unwrap_or_else(|| std::env::consts::OS.to_owned())),
        kernel: bounded(kernel.trim()),
        architecture: std::env::consts::ARCH.to_owned(),
        hostname: bounded(&name(|names| names.nodename())),
        cpus: available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(u32::MAX)),
        memory_bytes,
        available_memory_bytes: meminfo(&memory, "MemAvailable"),
        memory_limit_bytes: memory_limit(memory_bytes),
    }
}

/// How much memory the agent uses.
pub(super) fn resident_bytes() -> Option<u64> {
    meminfo(&fs::read_to_string("/proc/self/status").ok()?, "VmRSS")
}

fn distribution() -> Option<String> {
    let release = fs::read_to_string("/etc/os-release").ok()?;
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(name.trim_matches('"').to_owned())
}

/// A size in a table of the system's, which has lines like `MemTotal:  1024 kB`.
fn meminfo(table: &str, name: &str) -> Option<u64> {
    let line = table.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// The limit of the container. The older layout has one also where there is none, which is then
/// larger than the machine.
fn memory_limit(memory: Option<u64>) -> Option<u64> {
    let limit: u64 = MEMORY_LIMITS.iter().find_map(|path| fs::read_to_string(path).ok())?.trim().parse().ok()?;
    memory.is_none_or(|memory| limit < memory).then_some(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_read_from_a_table_or_absent() {
        let table = "MemTotal:       16303484 kB\nMemAvailable:\t1 kB\nHugePages_Total:       0\n";
        for (name, expected) in [
            ("MemTotal", Some(16_303_484 * 1024)),
            ("MemAvailable", Some(1024)),
            ("HugePages_Total", None),
            ("Mem", None),
        ] {
            assert_eq!(meminfo(table, name), expected, "{name}");
        }
    }
}
