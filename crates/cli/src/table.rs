//! `outlive table`: a table as text.

use clap::{Args, ValueEnum};
use outlive::docs::{Sheet, dot, json, markdown, mermaid};
use outlive::table::Verdict;

use crate::Exit;
use crate::output::{fail, say};

/// Print a table: legend, rows, and every cell.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Table {
    /// Which table; the session's if not said.
    #[arg(value_name = "TABLE", value_enum)]
    which: Option<Which>,
    /// The same, as an option.
    #[arg(long = "table", value_name = "TABLE", value_enum, conflicts_with = "which")]
    named: Option<Which>,
    /// As what. A table that goes nowhere (routing) has no diagram.
    #[arg(long, value_enum, default_value_t = Format::Markdown)]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  outlive table
  outlive table connection --format mermaid
  outlive table --format dot | dot -Tsvg > session.svg
  outlive table routing --format json";

/// A table, by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Which {
    /// What a session does on each event.
    #[default]
    Session,
    /// What one connection does.
    Connection,
    /// What is done before any command.
    Routing,
    /// What a process does about its lease, where several serve one database.
    Node,
    /// What a client does about its link to a session.
    Client,
}

impl Which {
    /// The table.
    pub(crate) fn sheet(self) -> Sheet {
        match self {
            Which::Session => Sheet::session(),
            Which::Connection => Sheet::connection(),
            Which::Routing => Sheet::routing(),
            Which::Node => Sheet::node(),
            Which::Client => Sheet::client(),
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// Legend, rows, matrix and edges.
    Markdown,
    /// A Mermaid state diagram.
    Mermaid,
    /// A Graphviz source.
    Dot,
    /// For programs.
    Json,
}

impl Table {
    pub(crate) fn run(&self) -> Exit {
        let sheet = self.which.or(self.named).unwrap_or_default().sheet();
        let goes = sheet.rows.iter().any(|row| matches!(row.verdict, Verdict::Go(_)));
        if !goes && matches!(self.format, Format::Mermaid | Format::Dot) {
            return fail(&format!(
                "the {} table has no diagram, for it goes nowhere; there are --format markdown and json",
                sheet.name
            ));
        }
        let text = match self.format {
            Format::Markdown => markdown::page(&sheet),
            Format::Mermaid => mermaid::render(&sheet),
            Format::Dot => dot::render(&sheet),
            Format::Json => json::table(&sheet),
        };
        say(&text, Exit::Holds)
    }
}
