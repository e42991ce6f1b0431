//! The command line, as a program that is run.

#[cfg(feature = "serve")]
mod config;
mod docs;
mod explain;
#[cfg(feature = "serve")]
mod processes;
mod replay;
#[cfg(feature = "serve")]
mod serve;
mod table;

use std::process::{Command, Output, Stdio};

/// What a run printed, and how it ended.
struct Run {
    code: i32,
    out: String,
    err: String,
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_outlive"));
    command.args(args).stdin(Stdio::null());
    command
}

fn run(args: &[&str]) -> Run {
    let Output { status, stdout, stderr } = command(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: status.code().unwrap(), out: text(stdout), err: text(stderr) }
}

#[test]
fn wrong_usage_ends_with_2_and_says_what_would_be_right() {
    for args in [&["tables"][..], &["table", "sessions"], &["table", "--format", "yaml"], &[]] {
        let run = run(args);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{args:?}");
        assert!(!run.err.is_empty());
    }
    assert!(run(&["table", "sessions"]).err.contains("connection, routing"));
}

#[test]
fn every_command_has_examples_in_its_help() {
    for args in [&["--help"][..], &["table", "--help"], &["explain", "--help"], &["docs", "--help"]]
    {
        let run = run(args);
        assert_eq!(run.code, 0);
        assert!(run.out.contains("Examples:"), "{args:?}");
    }
}

#[test]
fn the_help_begins_with_a_server() {
    let help = run(&["--help"]).out;
    let place = |text| help.find(text).unwrap_or_else(|| panic!("no {text} in {help}"));
    assert!(place("\n  serve ") < place("\n  check "));
    assert!(place("\n  outlive serve --backend http://") < place("\n  outlive check "));
}
