//! Instructions, counted by callgrind where it is installed: no noise of a shared machine is in them.
//!
//! The program runs itself on the same work once and twice; the difference is the work.

use std::process::Command;

/// The first argument of a run that is counted.
pub const WORD: &str = "--perform";

/// Instructions a unit of work; `None` without callgrind.
pub fn of(subject: &str, name: &str) -> Option<f64> {
    const UNITS: usize = 40_000;
    let (once, twice) = (total(subject, name, UNITS)?, total(subject, name, 2 * UNITS)?);
    Some((twice - once) / UNITS as f64)
}

fn total(subject: &str, name: &str, times: usize) -> Option<f64> {
    let program = std::env::current_exe().ok()?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args([WORD, subject, name, &times.to_string()])
        .output()
        .ok()?;
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    let line =
        printed.lines().find_map(|line| line.split_once("Collected : "))?.1.trim().to_owned();
    line.parse().ok()
}

/// As a cell.
pub fn cell(count: Option<f64>) -> String {
    count.map_or_else(|| "–".to_owned(), |count| format!("{count:.0}"))
}
