//! `outlive replay`: recorded traces, held against the table.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use outlive::State;
use outlive::check::trace::{
    Divergence, ExplainOptions, Hidden, Line, Partial, Reader, Recorder, Rejected, Replayed,
    Replayer, Taken, Unexplained, Unreadable, Unsettled,
};

use strum::VariantArray;

use crate::Exit;

/// Replay recorded traces by the table: every step and every law.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Replay {
    /// Traces in JSON Lines; `-` is the standard input. The worst result counts.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Say only what each file came to.
    #[arg(long, short)]
    quiet: bool,
    /// How steps are printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Events may be missing: keep every session that explains the log so far.
    #[arg(long)]
    partial: bool,
    /// The kinds of events that may be missing, instead of the usual ones.
    #[arg(long, value_name = "KINDS", value_delimiter = ',', requires = "partial",
          value_parser = hidden, default_values_t = Hidden::USUAL.iter().copied())]
    hidden: Vec<Hidden>,
    /// The most sessions to keep; more, and the answer is "incomplete".
    #[arg(long, value_name = "N", requires = "partial",
          default_value_t = ExplainOptions::default().candidates)]
    max_candidates: usize,
    /// The most events that may be missing between two lines.
    #[arg(long, value_name = "N", requires = "partial",
          default_value_t = ExplainOptions::default().between)]
    max_hidden: usize,
    /// Lines without `expect` may be late news, too.
    #[arg(long, requires = "partial")]
    late: bool,
}

const EXAMPLES: &str = "\
Examples:
  outlive replay session.jsonl                       every step, and where it goes wrong
  outlive replay --quiet recorded/*.jsonl            in CI
  outlive replay --format json run.jsonl > full.jsonl  the same trace with all that came of it
  outlive replay --partial --hidden written,expired server.log.jsonl
  some-server --trace | outlive replay -

Exit codes: 0 the traces hold; 1 one does not; 2 a file cannot be read; 3 a bound was hit first.";

/// How steps are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Aligned, for reading.
    #[default]
    Text,
    /// JSON Lines: the trace itself, with everything that came of each event as its `expect`.
    Json,
}

/// Why a file did not hold.
enum Failure {
    Unreadable(Unreadable),
    Diverges(Divergence),
    Unsettled(Unsettled),
    Output(io::Error),
    /// Nothing but comments.
    Empty,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Output(error)
    }
}

fn hidden(text: &str) -> Result<Hidden, String> {
    use strum::VariantNames;
    text.parse().map_err(|_| format!("one of: {}", <Hidden as VariantNames>::VARIANTS.join(", ")))
}

impl Replay {
    pub(crate) fn run(&self) -> Exit {
        let mut worst = Exit::Holds;
        for file in &self.files {
            let exit = self.file(file);
            worst = if gravity(exit) > gravity(worst) { exit } else { worst };
        }
        worst
    }

    fn file(&self, path: &Path) -> Exit {
        if path.is_dir() {
            let (name, all) = (path.display(), path.join("*.jsonl"));
            fail(&format!("error: {name} is a folder; name its files: {}", all.display()));
            return Exit::Unusable;
        }
        let name = if path == Path::new("-") { "stdin".into() } else { path.display().to_string() };
        let result = if path == Path::new("-") {
            self.source(&name, io::stdin().lock())
        } else {
            match File::open(path) {
                Ok(file) => self.source(&name, BufReader::new(file)),
                Err(error) => {
                    fail(&format!("error: {name}: {error}"));
                    return Exit::Unusable;
                }
            }
        };
        match result {
            Ok(()) => Exit::Holds,
            Err(failure) => failure.report(&name),
        }
    }

    fn source(&self, name: &str, source: impl BufRead) -> Result<(), Failure> {
        let out = io::BufWriter::new(io::stdout().lock());
        if self.partial { self.explain(name, source, out) } else { self.replay(name, source, out) }
    }

    fn replay(&self, name: &str, source: impl BufRead, out: impl Write) -> Result<(), Failure> {
        let mut replayer = Replayer::new();
        let mut out = Recorder::new(out);
        for read in Reader::new(source) {
            let (number, line) = read.map_err(Failure::Unreadable)?;
            let taken = replayer.feed(number, &line).map_err(Failure::Diverges)?;
            match (self.quiet, self.format, taken) {
                (true, _, _) => {}
                (false, Format::Json, taken) => {
                    out.line(&taken.map_or(line, |taken| taken.complete()))?;
                }
                (false, Format::Text, Some(taken)) => out.text(&step(&taken))?,
                (false, Format::Text, None) => out.text(&begins(number, &line))?,
            }
        }
        let whole = replayer.finish();
        if whole.sessions == 0 {
            return Err(Failure::Empty);
        }
        if self.quiet || self.format == Format::Text {
            out.text(&format!(
                "{name}: holds: {}, {}, {} taken, {}\n",
                many(whole.sessions, "session"),
                many(whole.steps, "step"),
                many(whole.rules.len() as u64, "row"),
                ends(&whole),
            ))?;
        }
        Ok(out.into_inner().flush()?)
    }

    fn explain(&self, name: &str, source: impl BufRead, out: impl Write) -> Result<(), Failure> {
        let mut partial = Partial::new(ExplainOptions {
            hidden: self.hidden.clone(),
            candidates: self.max_candidates,
            between: self.max_hidden,
            late: self.late,
        });
        let mut out = Recorder::new(out);
        for read in Reader::new(source) {
            let (number, line) = read.map_err(Failure::Unreadable)?;
            partial.feed(number, &line).map_err(Failure::Unsettled)?;
            match (self.quiet, self.format) {
                (true, _) => {}
                (false, Format::Json) => out.line(&line)?,
                (false, Format::Text) => out.text(&narrowed(number, &line, &partial))?,
            }
        }
        let explained = partial.finish();
        if explained.sessions == 0 {
            return Err(Failure::Empty);
        }
        if self.quiet || self.format == Format::Text {
            out.text(&format!(
                "{name}: explained: {}, {}, at most {} at a time\n",
                many(explained.sessions, "session"),
                many(explained.lines, "line"),
                many(explained.most as u64, "candidate"),
            ))?;
        }
        Ok(out.into_inner().flush()?)
    }
}

/// The worse a result is, the more it weighs: a contradiction more than a bound, a bound more than
/// nothing, and a file that says nothing at all most of all.
fn gravity(exit: Exit) -> u8 {
    match exit {
        Exit::Holds => 0,
        Exit::Incomplete => 1,
        Exit::Violated => 2,
        Exit::Unusable => 3,
    }
}

fn many(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Where the sessions are at the end.
fn ends(whole: &Replayed) -> String {
    if whole.ends.len() == 1 {
        return format!("ends in {}", whole.state);
    }
    let count = |state: &State| whole.ends.values().filter(|end| *end == state).count();
    let states = State::VARIANTS.iter().map(|state| (count(state), state));
    let states = states.filter(|(count, _)| *count > 0);
    let states: Vec<String> = states.map(|(count, state)| format!("{count} in {state}")).collect();
    format!("they end {}", states.join(", "))
}

/// The number of a line, and of which session it is, where there are several.
fn place(number: u64, session: Option<&str>) -> String {
    let session = session.map_or_else(String::new, |name| format!("{name}  "));
    format!("{number:>5}  {session}")
}

/// How a session begins; its limits are for those who want the JSON.
fn begins(number: u64, line: &Line) -> String {
    let Line::Begin(begin) = line else {
        return String::new();
    };
    let how = begin.start.as_ref().map_or_else(
        || format!("a new session, log {}", begin.log),
        |start| format!("a session restored in {}, log {}", start.state, begin.log),
    );
    let place = place(number, line.session());
    format!("{place}{how}{}\n", remark(begin.note.as_deref()))
}

fn remark(note: Option<&str>) -> String {
    note.map_or_else(String::new, |note| format!("  # {note}"))
}

fn spelled(what: &impl serde::Serialize) -> String {
    serde_json::to_string(what).unwrap_or_default()
}

/// A step: what came, what became of it, and what is done.
fn step(taken: &Taken) -> String {
    let got = &taken.got;
    let verdict = got.verdict.map_or("", |word| word.into_str());
    let reason = got.reason.map_or(String::new(), |r| format!(" ({r})"));
    let state = got.state.map_or("", State::into_str);
    let mut text = format!(
        "{}{:<9} {:<8} {:<9} {}{}\n",
        place(taken.line, taken.fed.session.as_deref()),
        state,
        taken.rules(),
        format!("{verdict}{reason}"),
        spelled(&taken.fed.event),
        remark(taken.fed.note.as_deref()),
    );
    for effect in got.effects.iter().flatten() {
        let _ = writeln!(text, "{:>27}      → {}", "", spelled(effect));
    }
    text
}

/// How many sessions explain the log so far, and where they are.
fn narrowed(number: u64, line: &Line, partial: &Partial) -> String {
    let mut states = Vec::new();
    let mut count = 0;
    for session in partial.candidates() {
        count += 1;
        if !states.contains(&session.state().into_str()) {
            states.push(session.state().into_str());
        }
    }
    let event = match line {
        Line::Begin(_) => return begins(number, line),
        Line::Fed(fed) => spelled(&fed.event),
    };
    let place = place(number, line.session());
    format!("{place}{count:>6}  {:<20} {event}\n", states.join(" "))
}

impl Failure {
    /// Says what is wrong, as `file:line:`, and how the command ends.
    fn report(self, name: &str) -> Exit {
        match self {
            Failure::Unreadable(bad) => {
                fail(&format!("error: {name}:{}: {}", bad.line, bad.flaw));
                fail(&format!("  found: {}", bad.found));
                Exit::Unusable
            }
            Failure::Diverges(divergence) => {
                let of = of(divergence.session.as_deref());
                fail(&format!("{name}:{}: {of}{}", divergence.line, divergence.why));
                if let Some(taken) = divergence.taken {
                    fail(step(&taken).trim_end());
                }
                Exit::Violated
            }
            Failure::Empty => {
                fail(&format!("error: {name}: no line of a trace in it"));
                Exit::Unusable
            }
            Failure::Unsettled(unsettled) => unsettled_exit(name, &unsettled),
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Holds,
            Failure::Output(error) => {
                fail(&format!("cannot write: {error}"));
                Exit::Unusable
            }
        }
    }
}

/// Which session an error is about, where there are several.
fn of(session: Option<&str>) -> String {
    session.map_or_else(String::new, |name| format!("session {name}: "))
}

fn unsettled_exit(name: &str, unsettled: &Unsettled) -> Exit {
    match unsettled {
        Unsettled::Unexplained(nothing) => {
            fail(&unexplained(name, nothing));
            Exit::Violated
        }
        Unsettled::Incomplete { line, session, bound } => {
            let of = of(session.as_deref());
            fail(&format!("{name}:{line}: {of}incomplete: {bound}"));
            Exit::Incomplete
        }
        Unsettled::Unfit { line, session, why } => {
            fail(&format!("{name}:{line}: {}{why}", of(session.as_deref())));
            Exit::Violated
        }
        other => {
            fail(&format!("{name}: {other}"));
            Exit::Violated
        }
    }
}

/// The longest explained beginning, who explains it, and what each has against the next line.
fn unexplained(name: &str, nothing: &Unexplained) -> String {
    let event = spelled(&nothing.fed.event);
    let mut text = format!(
        "{name}:{}: {}nothing explains {event}\n  explained so far: {}; against this line are",
        nothing.line,
        of(nothing.fed.session.as_deref()),
        many(nothing.explained, "line"),
    );
    for Rejected { count, session, trigger, rule, verdict, why, .. } in &nothing.rejected {
        let why = why.as_ref().map_or(String::new(), |why| format!(": {why}"));
        let state = session.state();
        let _ = write!(text, "\n  {count:>6} × {state:<9} {trigger} {rule}: {verdict}{why}");
    }
    text
}

/// To the standard error, which may be closed as well.
fn fail(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
