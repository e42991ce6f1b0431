//! The command line `outlive`: check, read and replay the tables.

mod replay;

use std::process::ExitCode;

use clap::Parser;

/// How a command ended, for CI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// Everything that was asked holds.
    Holds = 0,
    /// A law is broken, a trace diverges, a page is stale.
    Violated = 1,
    /// The input cannot be used: arguments, files, limits.
    Unusable = 2,
    /// A bound was reached before the answer.
    Incomplete = 3,
}

/// Sessions that outlive their connections.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
enum Outlive {
    Replay(replay::Replay),
}

fn main() -> ExitCode {
    let exit = match Outlive::parse() {
        Outlive::Replay(replay) => replay.run(),
    };
    ExitCode::from(exit as u8)
}
