//! Tests that need something that this machine does not have.

use std::io::Write as _;

/// Reports that the current test does nothing, since it needs `what`. The line is written past libtest's capture, so
/// plain `cargo test` shows it; `.ci/run` counts these lines as skipped tests, and lists them at its end.
pub fn skip(what: &str) {
    let thread = std::thread::current();
    let line = format!("\nSKIPPED {}: needs {what}\n", thread.name().unwrap_or("a test"));
    // In one write, so that lines of parallel tests are not mixed.
    _ = std::io::stderr().write_all(line.as_bytes());
}
