//! `outlive explain`: one cell of a table, in sentences.

use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use outlive::Reason;
use outlive::docs::{Line, Named, Op, Sheet};
use outlive::table::Verdict;
use serde_json::{Value, json};

use crate::Exit;
use crate::output::{fail, say};
use crate::table::Which;

/// Say what happens in a state on a trigger, and why; or what a rule says.
#[derive(Args)]
#[command(after_help = EXAMPLES, override_usage = "outlive explain [OPTIONS] [TABLE] <STATE> <TRIGGER>\n       outlive explain [OPTIONS] [TABLE] <RULE>")]
pub(crate) struct Explain {
    /// Which table (the session's if not said), the state and the trigger, in any case. Or a rule, as errors
    /// and traces name it.
    #[arg(value_name = "WORD", num_args = 1..=3, required = true)]
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
  outlive explain P3
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
        match &self.words[..] {
            [rule] => return self.rule(rule, None),
            [table, rule] if Which::from_str(table, true).is_ok() => {
                return named(table)
                    .map_or_else(|wrong| fail(&wrong), |of| self.rule(rule, Some(of)));
            }
            _ => {}
        }
        let (table, state, trigger) = match self.cell() {
            Ok(cell) => cell,
            Err(wrong) => return fail(&wrong),
        };
        let (sheet, words) = (table.sheet(), (state, trigger));
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
            (Err(no_state), Err(no_trigger)) => {
                let swapped = is_known(table, words.1, |sheet| &sheet.states)
                    && is_known(table, words.0, |sheet| &sheet.triggers);
                if swapped {
                    let (trigger, state) = words;
                    return fail(&format!(
                        "the state comes first: `outlive explain {state} {trigger}`"
                    ));
                }
                fail(&no_state);
                fail(&no_trigger)
            }
            (Err(wrong), Ok(_)) | (Ok(_), Err(wrong)) => fail(&wrong),
        }
    }

    /// Prints a rule: of the table that is named, or of every one that has it.
    fn rule(&self, id: &str, named: Option<Which>) -> Exit {
        let id = id.to_uppercase();
        let asked = named.or(self.table);
        let tables = Which::value_variants().iter().filter(|it| asked.is_none_or(|of| of == **it));
        let sheets: Vec<Sheet> = tables.map(|table| table.sheet()).collect();
        let rows = sheets.iter().flat_map(|sheet| sheet.rows.iter().map(move |row| (sheet, row)));
        let found: Vec<_> = rows.filter(|(_, row)| row.id == id).collect();
        if found.is_empty() {
            return fail(&format!(
                "there is no rule `{id}`; `outlive table` has all of them. A cell is a state and a trigger"
            ));
        }
        let text = match self.format {
            Format::Text => found.iter().map(|(sheet, row)| rule_text(sheet, row)).collect(),
            Format::Json => {
                let rules: Vec<Value> =
                    found.iter().map(|(sheet, row)| rule_json(sheet, row)).collect();
                format!("{:#}\n", json!({ "rules": rules }))
            }
        };
        say(&text, Exit::Holds)
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

fn rule_text(sheet: &Sheet, row: &Line) -> String {
    let mut text = format!("rule {} of the {} table: {}\n", row.id, sheet.name, row.verdict);
    let _ = writeln!(text, "\n  in: {}", row.from.join(", "));
    let _ = writeln!(text, "  on: {}", row.on.join(", "));
    let _ = writeln!(text, "\nBecause: {}.", row.because);
    if let Some(reason) = reason(row) {
        let _ = writeln!(text, "Reason: {reason}: {}.", reason.meaning());
    }
    text + &ops_text(&row.ops) + "\n"
}

fn rule_json(sheet: &Sheet, row: &Line) -> Value {
    let mut rule = row_json(row, &row.ops);
    rule["table"] = json!(sheet.name);
    rule["from"] = json!(row.from);
    rule["on"] = json!(row.on);
    rule
}

fn reason(row: &Line) -> Option<Reason> {
    match row.verdict {
        Verdict::Ignore(reason) | Verdict::Refuse(reason) => Some(reason),
        Verdict::Go(_) | Verdict::Stay => None,
    }
}

fn ops_text<'a>(ops: impl IntoIterator<Item = &'a Op>) -> String {
    let mut ops = ops.into_iter().peekable();
    if ops.peek().is_none() {
        return String::from("\nNothing is done, and nothing changes.\n");
    }
    let mut text = String::from("\nDone, in this order:\n");
    for (place, op) in (1..).zip(ops) {
        let only = op.only_in.join(", ");
        let only = if only.is_empty() { only } else { format!(" (only in {only})") };
        let _ = writeln!(text, "  {place}. {op}{only}: {}", op.meaning);
    }
    text
}

/// What a row says, with these of its ops.
fn row_json<'a>(row: &Line, ops: impl IntoIterator<Item = &'a Op>) -> Value {
    let ops = ops.into_iter().map(|op| {
        let argument = op.argument.as_ref().map(|(_, argument)| argument);
        let mut json = json!({ "op": op.name, "argument": argument, "meaning": op.meaning });
        if !op.only_in.is_empty() {
            json["in"] = json!(op.only_in);
        }
        json
    });
    let (verdict, to) = match row.verdict {
        Verdict::Go(state) => ("go", Some(state)),
        Verdict::Stay => ("stay", None),
        Verdict::Ignore(_) => ("ignore", None),
        Verdict::Refuse(_) => ("refuse", None),
    };
    let reason = reason(row);
    json!({
        "rule": row.id,
        "verdict": verdict,
        "to": to,
        "reason": reason.map(|reason| json!({ "name": reason, "meaning": reason.meaning() })),
        "because": row.because,
        "ops": ops.collect::<Value>(),
    })
}

/// As it is written in a table.
fn spelled(word: &str) -> String {
    word.to_uppercase().replace(['-', ' '], "_")
}

fn is_known(table: Which, word: &str, words: fn(&Sheet) -> &[Named]) -> bool {
    words(&table.sheet()).iter().any(|known| known.name == spelled(word))
}

/// What a word is called in a table, and the words there are.
type Words = fn(&Sheet) -> (&'static str, &[Named]);

/// The place of a word, or what would have been right.
fn find(table: Which, word: &str, words: Words) -> Result<usize, String> {
    let sheet = table.sheet();
    let (kind, known) = words(&sheet);
    let said = spelled(word);
    if let Some(place) = known.iter().position(|known| known.name == said) {
        return Ok(place);
    }
    let all: Vec<&str> = known.iter().map(|known| known.name).collect();
    let mut text = format!("`{word}` is no {kind} of the {} table", sheet.name);
    let nearest = all.iter().map(|known| (distance(&said, known), known)).min();
    match nearest {
        // Further away it is a guess.
        Some((far, known)) if far <= 1 + said.len() / 3 => {
            let _ = write!(text, "; did you mean {known}?");
        }
        Some(_) | None => text.push('.'),
    }
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

    /// What is done in this state.
    fn ops(&self) -> Vec<Op> {
        let ops = self.row.ops_in(self.state.name).cloned();
        let here = |mut op: Op| {
            op.only_in.clear();
            op
        };
        ops.map(here).collect()
    }

    fn text(&self) -> String {
        let Cell { state, trigger, row, .. } = self;
        let mut text =
            format!("{} x {}: {} (rule {})\n", state.name, trigger.name, row.verdict, row.id);
        let _ = writeln!(text, "\n  {}: {}", state.name, state.meaning);
        let _ = writeln!(text, "  {}: {}", trigger.name, trigger.meaning);
        let _ = writeln!(text, "\nBecause: {}.", row.because);
        if let Some(reason) = reason(row) {
            let _ = writeln!(text, "Reason: {reason}: {}.", reason.meaning());
        }
        text += &ops_text(&self.ops());
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
        let mut cell = row_json(self.row, &self.ops());
        cell["table"] = json!(self.sheet.name);
        cell["state"] = json!(self.state);
        cell["trigger"] = json!(self.trigger);
        cell["accepts"] = json!(self.accepts);
        cell["accepted_in"] = json!(self.accepted_in);
        cell
    }
}

fn listed(words: &[&str]) -> String {
    if words.is_empty() { String::from("nothing") } else { words.join(", ") }
}
