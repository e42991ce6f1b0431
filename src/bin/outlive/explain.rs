//! `outlive explain`: one cell of a table, in sentences.

use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use outlive::Reason;
use outlive::docs::{Line, Named, Sheet};
use outlive::table::Verdict;
use serde_json::{Value, json};

use crate::Exit;
use crate::output::{complain, say};
use crate::table::Which;

/// Say what happens in a state on a trigger, and why.
#[derive(Args)]
#[command(after_help = EXAMPLES, override_usage = "outlive explain [OPTIONS] [TABLE] <STATE> <TRIGGER>")]
pub(crate) struct Explain {
    /// Which table (the session's if not said), the state and the trigger, in any case.
    #[arg(value_name = "WORDS", num_args = 2..=3, required = true)]
    words: Vec<String>,
    /// The table, as an option.
    #[arg(long, value_enum)]
    table: Option<Which>,
    /// As what.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  outlive explain closing prompt
  outlive explain DETACHED lost-last --format json
  outlive explain connection open send
  outlive explain --table routing active absent

`outlive table` names all states and triggers.";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// A cell, and what lies in its line and its column.
struct Cell<'a> {
    sheet: &'a Sheet,
    state: Named,
    trigger: Named,
    row: &'a Line,
    /// The triggers that the state acts on.
    accepts: Vec<&'static str>,
    /// The states that act on the trigger.
    accepted_in: Vec<&'static str>,
}

impl Explain {
    pub(crate) fn run(&self) -> Exit {
        let (table, state, trigger) = match self.cell() {
            Ok(cell) => cell,
            Err(wrong) => return complain(&wrong),
        };
        let sheet = table.sheet();
        let state = find(table, state, |sheet| (sheet.state, &sheet.states));
        let trigger = find(table, trigger, |sheet| (sheet.trigger, &sheet.triggers));
        match (state, trigger) {
            (Ok(state), Ok(trigger)) => {
                let cell = Cell::of(&sheet, state, trigger);
                let text = match self.format {
                    Format::Text => cell.text(),
                    Format::Json => format!("{:#}\n", cell.json()),
                };
                say(&text, Exit::Holds)
            }
            (Err(state), Err(trigger)) => {
                complain(&state);
                complain(&trigger)
            }
            (Err(wrong), Ok(_)) | (Ok(_), Err(wrong)) => complain(&wrong),
        }
    }

    /// Which table, state and trigger are meant.
    fn cell(&self) -> Result<(Which, &str, &str), String> {
        let (named, state, trigger) = match &self.words[..] {
            [table, state, trigger] => (Some(named(table)?), state, trigger),
            [state, trigger] => (None, state, trigger),
            _ => return Err("a cell is a state and a trigger".into()),
        };
        match (named, self.table) {
            (Some(one), Some(other)) if one != other => Err("two tables are named".into()),
            (one, other) => Ok((one.or(other).unwrap_or_default(), state, trigger)),
        }
    }
}

fn named(table: &str) -> Result<Which, String> {
    let names = || Sheet::all().map(|sheet| sheet.name).join(", ");
    Which::from_str(table, true)
        .map_err(|_| format!("there is no table `{table}`; there are: {}", names()))
}

/// What a word is called in a table, and the words there are.
type Words = fn(&Sheet) -> (&'static str, &[Named]);

/// The place of a word, or what would have been right.
fn find(table: Which, word: &str, words: Words) -> Result<usize, String> {
    let sheet = table.sheet();
    let (kind, known) = words(&sheet);
    let said = word.to_uppercase().replace(['-', ' '], "_");
    if let Some(place) = known.iter().position(|known| known.name == said) {
        return Ok(place);
    }
    let all: Vec<&str> = known.iter().map(|known| known.name).collect();
    let nearest = all.iter().min_by_key(|known| distance(&said, known)).unwrap_or(&"");
    let mut text =
        format!("`{word}` is no {kind} of the {} table; did you mean {nearest}?", sheet.name);
    let elsewhere = |other: &&Which| words(&other.sheet()).1.iter().any(|it| it.name == said);
    if let Some(other) = Which::value_variants().iter().find(elsewhere) {
        let sheet = other.sheet();
        let (kind, name) = (words(&sheet).0, sheet.name);
        let _ = write!(text, " {said} is a {kind} of the {name} table (`--table {name}`).");
    }
    let _ = write!(text, " It must be one of: {}", all.join(", "));
    Err(text)
}

/// How many letters must be added, removed or replaced to come from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut costs: Vec<usize> = (0..=to.len()).collect();
    for (place, letter) in from.chars().enumerate() {
        let mut diagonal = costs[0];
        costs[0] = place + 1;
        for (column, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = costs[column + 1];
            costs[column + 1] = replaced.min(diagonal + 1).min(costs[column] + 1);
        }
    }
    costs[to.len()]
}

impl<'a> Cell<'a> {
    fn of(sheet: &'a Sheet, state: usize, trigger: usize) -> Cell<'a> {
        let acts = |s, t| sheet.rule(s, t).verdict.acts();
        let triggers = (0..sheet.triggers.len()).filter(|t| acts(state, *t));
        let states = (0..sheet.states.len()).filter(|s| acts(*s, trigger));
        Cell {
            sheet,
            state: sheet.states[state],
            trigger: sheet.triggers[trigger],
            row: sheet.rule(state, trigger),
            accepts: triggers.map(|t| sheet.triggers[t].name).collect(),
            accepted_in: states.map(|s| sheet.states[s].name).collect(),
        }
    }

    fn reason(&self) -> Option<Reason> {
        match self.row.verdict {
            Verdict::Ignore(reason) | Verdict::Refuse(reason) => Some(reason),
            Verdict::Go(_) | Verdict::Stay => None,
        }
    }

    fn text(&self) -> String {
        let Cell { state, trigger, row, .. } = self;
        let mut text =
            format!("{} x {}: {} (rule {})\n", state.name, trigger.name, row.verdict, row.id);
        let _ = writeln!(text, "\n  {}: {}", state.name, state.meaning);
        let _ = writeln!(text, "  {}: {}", trigger.name, trigger.meaning);
        let _ = writeln!(text, "\nBecause: {}.", row.because);
        if let Some(reason) = self.reason() {
            let _ = writeln!(text, "Reason: {reason}: {}.", reason.meaning());
        }
        if row.ops.is_empty() {
            text += "\nNothing is done, and nothing changes.\n";
        } else {
            text += "\nDone, in this order:\n";
            for (place, op) in (1..).zip(&row.ops) {
                let _ = writeln!(text, "  {place}. {op}: {}", op.meaning);
            }
        }
        let title = if row.verdict.acts() {
            "What else is acted on"
        } else {
            "What would have been accepted instead"
        };
        let (of, by) = (state.name, trigger.name);
        let _ = writeln!(text, "\n{title}:");
        let _ = writeln!(text, "  {of} acts on: {}", listed(&self.accepts));
        let _ = writeln!(text, "  {by} is acted on in: {}", listed(&self.accepted_in));
        text
    }

    fn json(&self) -> Value {
        let ops = self.row.ops.iter().map(|op| {
            let argument = op.argument.map(|(_, argument)| argument);
            json!({ "op": op.name, "argument": argument, "meaning": op.meaning })
        });
        let (verdict, to) = match self.row.verdict {
            Verdict::Go(state) => ("go", Some(state)),
            Verdict::Stay => ("stay", None),
            Verdict::Ignore(_) => ("ignore", None),
            Verdict::Refuse(_) => ("refuse", None),
        };
        let reason = self.reason();
        json!({
            "table": self.sheet.name,
            "state": self.state,
            "trigger": self.trigger,
            "rule": self.row.id,
            "verdict": verdict,
            "to": to,
            "reason": reason.map(|reason| json!({ "name": reason, "meaning": reason.meaning() })),
            "because": self.row.because,
            "ops": ops.collect::<Value>(),
            "accepts": self.accepts,
            "accepted_in": self.accepted_in,
        })
    }
}

fn listed(words: &[&str]) -> String {
    if words.is_empty() { String::from("nothing") } else { words.join(", ") }
}
