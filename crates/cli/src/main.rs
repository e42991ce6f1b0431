//! The command line `outlive`: serve sessions; check, read and replay their tables.

mod check;
mod docs;
mod explain;
mod output;
mod replay;
#[cfg(feature = "serve")]
mod serve;
mod summary;
mod table;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Sessions that outlive their connections: serve them; check, read and replay their tables.
#[derive(Parser)]
#[command(version, after_help = EXITS)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// One file per command, each with its arguments and a `run(&self) -> Exit`.
#[derive(Subcommand)]
enum Command {
    #[cfg(feature = "serve")]
    Serve(Box<serve::Serve>),
    Check(check::Check),
    Replay(replay::Replay),
    Explain(explain::Explain),
    Table(table::Table),
    Docs(docs::Docs),
}

impl Command {
    fn run(&self) -> Exit {
        match self {
            #[cfg(feature = "serve")]
            Command::Serve(command) => command.run(),
            Command::Check(command) => command.run(),
            Command::Replay(command) => command.run(),
            Command::Explain(command) => command.run(),
            Command::Table(command) => command.run(),
            Command::Docs(command) => command.run(),
        }
    }
}

const EXITS: &str = "\
Exit codes:
  0  everything that was asked holds
  1  a law is broken, a trace diverges, a page is stale
  2  the input cannot be used: arguments, files, limits
  3  a bound was reached before the answer

Examples:
  outlive serve                      a server to try, with a page and a store
  outlive serve --backend http://127.0.0.1:8000/answer
                                     your own program answers: outlive serve --help
  outlive check                      whether every law holds in every world
  outlive table                      the session's table, as Markdown
  outlive explain closing prompt     what happens in a cell, and why
  outlive docs --check               whether docs/generated is up to date";

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

fn main() -> ExitCode {
    // With the file that it names for `serve`.
    #[cfg(feature = "serve")]
    let line = serve::config::parse(std::env::args_os().collect());
    #[cfg(not(feature = "serve"))]
    let line = Ok(Cli::parse());
    let exit = line.map_or_else(|exit| exit, |cli: Cli| cli.command.run());
    ExitCode::from(exit as u8)
}
