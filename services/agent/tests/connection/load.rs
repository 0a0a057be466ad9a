//! Much at once: output and processes.

use std::time::Instant;

use nix::unistd::Pid;

use super::program::Program;
use super::relay::{Policy, Relay};
use super::{command, process, start, wait};

const GIB: usize = 1024 * 1024 * 1024;
/// How much of each end is kept.
const END: usize = 16 * 1024;

fn resident_kib(id: Pid) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Processor time of the agent, and of its children that have ended, in seconds.
fn processor_seconds(id: Pid) -> (f64, f64) {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).expect("stat");
    let fields = stat.rsplit(") ").next().expect("fields").split(' ').skip(11).take(4);
    let ticks: Vec<f64> = fields.map(|field| field.parse().expect("a number")).collect();
    ((ticks[0] + ticks[1]) / 100.0, (ticks[2] + ticks[3]) / 100.0)
}

/// D3, P03: the agent's memory does not know how much a command prints.
#[tokio::test]
async fn a_command_that_prints_1_gib_leaves_memory_flat_and_has_exact_ends_and_counts() {
    let (mut relay, dir) = (Relay::start(Policy::Welcome).await, tempfile::tempdir().expect("dir"));
    let agent = Program::start(&relay, dir.path(), "");
    let session = relay.session().await;
    let line = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde";
    let warm = start(&session, command("yes warm | head -c 1048576", "")).await;
    wait(&session, &process(&warm).id, 60_000).await.expect("waited");

    let (before, began) = (resident_kib(agent.id()), Instant::now());
    let text = format!("echo begin; yes {line} | head -c {GIB}; echo the end");
    let started = start(&session, command(&text, "k")).await;
    let mut most = before;
    let output = loop {
        let waited = wait(&session, &process(&started).id, 20).await.expect("waited");
        most = most.max(resident_kib(agent.id()));
        if !waited.process.expect("process").running {
            break waited.output.expect("output");
        }
    };
    let seconds = began.elapsed().as_secs_f64();
    let after = resident_kib(agent.id());
    let (own, _) = processor_seconds(agent.id());
    println!(
        "1 GiB of output in {seconds:.1} s; agent's processor time {own:.1} s, RSS {before} KiB before, {most} at most, {after} after"
    );

    let written = "begin\n".len() + GIB + "the end\n".len();
    assert_eq!(output.original_bytes, written as u64);
    assert_eq!(output.retained_bytes + output.omitted_bytes, written as u64);
    let marker = format!("[... {} bytes omitted ...]\n", output.omitted_bytes);
    let (head, tail) = output.text.split_once(&marker).expect("a marker with the exact count");
    let lines = format!("{line}\n").repeat(END / 64 + 1);
    let expected = format!("begin\n{lines}");
    assert!(expected.starts_with(head.trim_end()) && head.trim_end().len() >= END - 1, "{}", head.len());
    let expected = format!("{lines}the end\n");
    assert!(expected.ends_with(tail) && tail.len() > END - 128, "{}", tail.len());
    assert!(most - before < 8 * 1024, "{before} KiB before, {most} at most");
}

/// D3: a thousand processes wait for nothing but themselves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_processes_at_once_end_when_they_are_due() {
    let (mut relay, dir) = (Relay::start(Policy::Welcome).await, tempfile::tempdir().expect("dir"));
    let agent = Program::start(&relay, dir.path(), "");
    let session = relay.session().await;
    let began = Instant::now();
    let runs = (0..1000).map(|index| {
        let session = &session;
        async move {
            let started = start(session, command("sleep 1", &format!("k{index}"))).await;
            let at = began.elapsed();
            let waited = wait(session, &process(&started).id, 60_000).await.expect("waited");
            assert_eq!(waited.process.expect("process").exit_code, Some(0));
            at
        }
    });
    let starts = futures::future::join_all(runs).await;
    let seconds = began.elapsed().as_secs_f64();
    let last_start = starts.into_iter().max().unwrap_or_default().as_secs_f64();
    let rss = resident_kib(agent.id());
    let (own, children) = processor_seconds(agent.id());
    println!(
        "1000 x `sleep 1`: {seconds:.2} s, the last one started after {last_start:.2} s; \
         processor time: agent {own:.2} s, processes {children:.2} s; agent's RSS {rss} KiB"
    );
    assert!(seconds < 20.0, "{seconds} s");
}
