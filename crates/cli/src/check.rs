//! `outlive check`: explores the worlds, finds mutants and races.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use outlive::check::client;
use outlive::check::world::mutants::{self, MutantOutcome};
use outlive::check::world::races::{self, RACES};
use outlive::check::world::{Bytes, Scope, World, scopes};
use outlive::check::{Encoding, Model, Outcome, Plain, Progress, Report, Search};
use serde_json::json;

use crate::Exit;
use crate::output::{fail, say, thousands};
use crate::summary::{Explored, Summary};

/// Explore the worlds completely and hold every law against them.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
#[allow(clippy::struct_excessive_bools, reason = "a flag of a command line is a bool")]
pub(crate) struct Check {
    /// Only this world; may be given several times.
    #[arg(long, value_name = "NAME")]
    world: Vec<String>,
    /// List the worlds and end.
    #[arg(long)]
    list: bool,
    /// The large worlds as well: more than fifty million states, many minutes and two gigabytes.
    #[arg(long)]
    nightly: bool,
    /// Instead: change every row in every small way and see which law notices.
    #[arg(long, conflicts_with_all = ["world", "nightly", "races", "list", "max_states", "max_memory",
        "max_seconds", "diagram", "trace", "test"])]
    mutants: bool,
    /// Instead: find the twenty-four races, each let in by a planted bug.
    #[arg(long, conflicts_with_all = ["world", "nightly", "list", "max_states", "max_memory",
        "max_seconds", "diagram", "trace", "test"])]
    races: bool,
    /// How many threads search; as many as there are cores if not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// End as incomplete beyond this many states in a world.
    #[arg(long, value_name = "N")]
    max_states: Option<u64>,
    /// End as incomplete beyond this much memory in a world.
    #[arg(long, value_name = "MIB")]
    max_memory: Option<u64>,
    /// End as incomplete beyond this time in a world.
    #[arg(long, value_name = "SECONDS")]
    max_seconds: Option<u64>,
    /// Write the first counterexample here as a Mermaid sequence diagram.
    #[arg(long, value_name = "FILE")]
    diagram: Option<PathBuf>,
    /// Write the first counterexample here as a trace for `outlive replay`; that of a client's world has none.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Write the first counterexample here as a Rust test.
    #[arg(long, value_name = "FILE")]
    test: Option<PathBuf>,
    /// How the answer is printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
    /// Races only: the page `docs/races.md`.
    Markdown,
}

const EXAMPLES: &str = "\
Examples:
  outlive check                               every world of every run
  outlive check --world reconnects            one world
  outlive check --nightly                     the large worlds as well
  outlive check --mutants                     whether the laws notice every changed row
  outlive check --races                       the shortest story of each race
  outlive check --format json | jq .worlds
  outlive check --world turns --max-seconds 5 an answer within a bound, or none (exit code 3)";

impl Check {
    pub(crate) fn run(&self) -> Exit {
        if self.list {
            return self.list();
        }
        if self.mutants {
            return self.mutants();
        }
        if self.format == Format::Markdown {
            return if self.races {
                say(&races::page(), Exit::Holds)
            } else {
                fail("`--format markdown` goes with `--races`")
            };
        }
        if self.races {
            return self.races();
        }
        match self.scopes() {
            Ok((scopes, clients)) => told(|| self.worlds(&scopes, &clients)),
            Err(unknown) => fail(&unknown),
        }
    }

    /// Says which worlds there are.
    fn list(&self) -> Exit {
        if let Err(unknown) = self.scopes() {
            return fail(&unknown);
        }
        let clients = client::scopes::DEFAULT.iter().map(|scope| (scope.name, scope.about));
        let of = |scopes: &'static [Scope]| scopes.iter().map(|scope| (scope.name, scope.about));
        let parts: [(&str, Vec<_>); 3] = [
            ("every run", of(scopes::DEFAULT).chain(clients).collect()),
            ("nightly", of(scopes::NIGHTLY).collect()),
            ("mutants", of(scopes::SMALL_WORLDS).collect()),
        ];
        let wanted = |name: &str| self.world.is_empty() || self.world.iter().any(|it| it == name);
        let (mut text, mut worlds) = (String::new(), Vec::new());
        for (part, scopes) in parts {
            let _ = writeln!(text, "{part}:");
            for (name, about) in scopes.into_iter().filter(|(name, _)| wanted(name)) {
                let _ = writeln!(text, "{name:20} {about}");
                worlds.push(json!({ "name": name, "about": about, "searched": part }));
            }
            text.push('\n');
        }
        match self.format {
            Format::Text | Format::Markdown => say(&text, Exit::Holds),
            Format::Json => say(&format!("{:#}\n", json!({ "worlds": worlds })), Exit::Holds),
        }
    }

    fn threads(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        self.threads.map_or_else(cores, usize::from)
    }

    /// The worlds that were asked for: of sessions, and of clients.
    fn scopes(&self) -> Result<(Vec<Scope>, Vec<client::Scope>), String> {
        if self.world.is_empty() {
            let nightly = if self.nightly { scopes::NIGHTLY } else { &[] };
            let sessions = scopes::DEFAULT.iter().chain(nightly).cloned().collect();
            return Ok((sessions, client::scopes::DEFAULT.to_vec()));
        }
        let names = || {
            let clients = client::scopes::DEFAULT.iter().map(|scope| scope.name);
            let names: BTreeSet<&str> =
                scopes::all().map(|scope| scope.name).chain(clients).collect();
            names.into_iter().collect::<Vec<_>>().join(", ")
        };
        let (mut sessions, mut clients) = (Vec::new(), Vec::new());
        for name in &self.world {
            match (scopes::named(name), client::scopes::named(name)) {
                (Some(scope), _) => sessions.push(scope),
                (None, Some(scope)) => clients.push(scope),
                (None, None) => {
                    return Err(format!("there is no world `{name}`; there are: {}", names()));
                }
            }
        }
        Ok((sessions, clients))
    }

    fn worlds(&self, scopes: &[Scope], clients: &[client::Scope]) -> Exit {
        if let Some(path) = self.files().find(|path| !path.parent().is_none_or(is_folder)) {
            return fail(&format!("{}: there is no such folder", path.display()));
        }
        let mut found = Summary::default();
        for scope in scopes {
            let world = match World::new(scope.clone()) {
                Ok(world) => world,
                Err(zero) => return fail(&format!("world {}: {zero}", scope.name)),
            };
            let write = |report: &Report| self.write_counterexample(&world, report, Some(&world));
            if let Err(exit) = self.explore(&world, Bytes, &mut found, write) {
                return exit;
            }
        }
        for scope in clients {
            let world = client::World::new(scope.clone());
            let write = |report: &Report| self.write_counterexample(&world, report, None);
            if let Err(exit) = self.explore(&world, Plain, &mut found, write) {
                return exit;
            }
        }
        // Only together do the worlds take every row.
        let whole = self.world.is_empty();
        let exit = found.exit(whole);
        match self.format {
            Format::Text | Format::Markdown => say(&found.summary(whole), exit),
            Format::Json => say(&found.json(whole), exit),
        }
    }

    /// Searches a world, prints its line as soon as it is known, and takes it down.
    fn explore<W: Explored, E: Encoding<W>>(
        &self,
        world: &W,
        encoding: E,
        found: &mut Summary,
        write: impl Fn(&Report) -> Result<(), String>,
    ) -> Result<(), Exit> {
        let report = self.search(world, encoding);
        if self.format == Format::Text {
            let line = row(world.told().0, &report) + &stories(world, &report);
            if say(&line, Exit::Holds) != Exit::Holds {
                return Err(Exit::Unusable);
            }
        }
        write(&report).map_err(|error| fail(&error))?;
        found.take(world, &report);
        Ok(())
    }

    fn files(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.diagram, &self.trace, &self.test].into_iter().flatten()
    }

    fn search<W: Explored, E: Encoding<W>>(&self, world: &W, encoding: E) -> Report {
        let began = Instant::now();
        let terminal = io::stderr().is_terminal();
        let (name, _) = world.told();
        let show = |progress: &Progress| {
            if terminal {
                let (states, depth) = (thousands(progress.states), progress.depth);
                let seconds = began.elapsed().as_secs();
                let _ =
                    write!(io::stderr(), "\r{name}: {states} states, depth {depth}, {seconds} s ");
            }
        };
        let mut search = Search::packed(world, encoding).threads(self.threads()).progress(show);
        search = search.allow_idle_classes().allow_idle_counters();
        if let Some(states) = self.max_states {
            search = search.max_states(states);
        }
        if let Some(mebibytes) = self.max_memory {
            search = search.max_memory(mebibytes.saturating_mul(1 << 20));
        }
        if let Some(seconds) = self.max_seconds {
            search = search.max_time(Duration::from_secs(seconds));
        }
        let report = search.run();
        if terminal {
            let _ = write!(io::stderr(), "\r{:60}\r", "");
        }
        report
    }

    /// Writes the files that were asked for.
    fn write_counterexample<W: Model>(
        &self,
        world: &W,
        report: &Report,
        recorded: Option<&World>,
    ) -> Result<(), String> {
        let Some(violation) = report.violations.iter().find(|violation| violation.path.is_some())
        else {
            return Ok(());
        };
        let write = |path: &Option<PathBuf>, text: &dyn Fn() -> String| match path {
            None => Ok(()),
            Some(path) => std::fs::write(path, text()).map_err(|error| unwritable(path, &error)),
        };
        write(&self.diagram, &|| violation.sequence_diagram(world))?;
        match (recorded, &self.trace) {
            (Some(world), trace) => write(trace, &|| world.recorded(violation))?,
            (None, Some(path)) => {
                let why = "a trace is a session's, and this counterexample a client's";
                fail(&format!("{} is not written: {why}", path.display()));
            }
            (None, None) => {}
        }
        write(&self.test, &|| violation.test_code(world))
    }

    fn mutants(&self) -> Exit {
        let began = Instant::now();
        let show = |done, total| {
            if io::stderr().is_terminal() {
                let _ = write!(io::stderr(), "\r{done} of {total} mutants ");
            }
        };
        let sessions = mutants::run_all(self.threads(), show);
        let clients = client::mutants::run_all(self.threads(), show);
        let run_all: Vec<(String, MutantOutcome)> = (sessions.into_iter())
            .map(|(mutant, fate)| (mutant.name, fate))
            .chain(clients.into_iter().map(|(mutant, fate)| (mutant.name, fate)))
            .collect();
        let of = |wanted: fn(&MutantOutcome) -> bool| {
            run_all.iter().filter(|(_, fate)| wanted(fate)).count()
        };
        let killed = of(|fate| matches!(fate, MutantOutcome::Killed { .. }));
        let by_shape = of(|fate| matches!(fate, MutantOutcome::Killed { world: None, .. }));
        let equivalent = of(|fate| matches!(fate, MutantOutcome::Equivalent { .. }));
        let survivor = |(name, fate): &(String, MutantOutcome)| {
            (*fate == MutantOutcome::Survived).then(|| name.clone())
        };
        let survived: Vec<String> = run_all.iter().filter_map(survivor).collect();
        let total = run_all.len();
        let exit = if survived.is_empty() { Exit::Holds } else { Exit::Violated };
        if self.format == Format::Json {
            let told = json!({ "worlds": [], "violations": [], "mutants": {
                "total": total, "killed": killed, "killed_by_shape": by_shape,
                "equivalent": equivalent, "survived": survived,
                "seconds": began.elapsed().as_secs_f64(),
            }});
            return say(&format!("{told:#}\n"), exit);
        }
        let mut text = format!(
            "{total} mutants: {killed} killed ({by_shape} do not compile, {} break a law in a world), \
             {equivalent} equivalent, {} survived; {:.0} s\n",
            killed - by_shape,
            survived.len(),
            began.elapsed().as_secs_f64(),
        );
        for (name, fate) in &run_all {
            match fate {
                MutantOutcome::Equivalent { why } => {
                    _ = writeln!(text, "equivalent: {name}: {why}");
                }
                MutantOutcome::Survived => _ = writeln!(text, "SURVIVED: {name}"),
                MutantOutcome::Killed { .. } => {}
            }
        }
        say(&text, exit)
    }

    fn races(&self) -> Exit {
        let mut exit = Exit::Holds;
        let (mut text, mut told) = (String::new(), Vec::new());
        for race in RACES {
            let world = race.world();
            let report = race.find(&world);
            let Some(violation) = report.violations.first() else {
                exit = Exit::Violated;
                let _ = writeln!(text, "{} {}: NOT FOUND\n", race.id, race.title);
                continue;
            };
            let story = violation.story(&world);
            let _ = writeln!(text, "{} {}\n{}\n{story}", race.id, race.title, race.about());
            told.push(json!({ "race": race.id, "title": race.title, "bug": race.about(),
                "law": violation.law, "story": story.lines().collect::<Vec<_>>() }));
        }
        match self.format {
            Format::Text | Format::Markdown => say(&text, exit),
            Format::Json => say(&format!("{:#}\n", json!({ "races": told })), exit),
        }
    }
}

fn is_folder(path: &Path) -> bool {
    path.as_os_str().is_empty() || path.is_dir()
}

fn unwritable(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// A debug build holds each step against the laws by itself, and panics before there is a story to tell.
fn told(search: impl FnOnce() -> Exit) -> Exit {
    match panic::catch_unwind(AssertUnwindSafe(search)) {
        Ok(exit) => exit,
        Err(why) if cfg!(debug_assertions) => {
            drop(why);
            fail("a step broke a law, as told above; a build with --release tells the whole story");
            Exit::Violated
        }
        Err(why) => panic::resume_unwind(why),
    }
}

/// One world, on one line.
fn row(name: &str, report: &Report) -> String {
    let verdict = match &report.outcome {
        Outcome::Verified => "holds",
        Outcome::Violated => "VIOLATED",
        Outcome::Incomplete { .. } => "INCOMPLETE",
    };
    format!(
        "{:20} {:>11} states {:>11} steps  depth {:>3}  {:>5.1} s  {verdict}\n",
        name,
        thousands(report.states),
        thousands(report.transitions),
        report.depth,
        report.seconds,
    )
}

/// Each behaviour once, whatever number of laws it breaks.
fn stories<M: Model>(world: &M, report: &Report) -> String {
    let mut text = String::new();
    let mut told = Vec::new();
    for violation in &report.violations {
        if violation.path.is_some() && told.contains(&&violation.path) {
            let _ = writeln!(text, "also violated: {}: {}", violation.law, violation.detail);
        } else {
            let _ = write!(text, "\n{}", violation.story(world));
            told.push(&violation.path);
        }
    }
    text
}
