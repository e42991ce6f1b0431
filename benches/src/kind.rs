//! On what the figures were taken.

use std::fs;
use std::process::Command;

use crate::Effort;

pub fn section(_: Effort) -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
    let model = model.trim_start_matches(['\t', ' ', ':']);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?");
    let manifest = include_str!("../Cargo.toml");
    let pinned = manifest.lines().filter_map(|line| line.split_once(" = \"="));
    let peers: Vec<String> =
        pinned.map(|(name, version)| format!("{name} {}", version.trim_matches('"'))).collect();
    format!(
        "{model}, {cores} cores, {} {}; load when this was written: {load}. {}. {}. Peers: {}.\n",
        std::env::consts::OS,
        std::env::consts::ARCH,
        first_line("rustc", "--version"),
        first_line("spin", "-V"),
        peers.join(", "),
    )
}

fn first_line(program: &str, argument: &str) -> String {
    let output = Command::new(program).arg(argument).output();
    let printed = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let line = printed.unwrap_or_default().lines().next().unwrap_or_default().trim().to_owned();
    if line.is_empty() { format!("no {program}") } else { line }
}
