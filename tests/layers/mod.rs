//! House rules as ordinary tests: who may import whom, no clock and no socket in the core, nothing
//! unfinished.

use std::fs;
use std::path::{Path, PathBuf};

/// A source file: its path from `src/`, and its lines of code, without comments and unit tests.
struct Source {
    path: String,
    code: Vec<(usize, String)>,
    length: usize,
}

fn walk(dir: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            walk(&path, out);
        } else if path.extension().is_some_and(|of| of == "rs") {
            out.push(path);
        }
    }
}

fn files(dir: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let path = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
        let code =
            text.lines().enumerate().map(|(place, line)| (place + 1, line.trim().to_owned()));
        let code = code.take_while(|(_, line)| line != "#[cfg(test)]");
        let code = code.filter(|(_, line)| !line.starts_with("//")).collect();
        Source { path, code, length: text.lines().count() }
    };
    paths.into_iter().map(read).collect()
}

/// The lines in which one of these words stands, each with its place.
fn lines_with<'a>(source: &'a Source, words: &'a [&str]) -> impl Iterator<Item = String> + 'a {
    let found = source.code.iter().filter(|(_, line)| words.iter().any(|word| line.contains(word)));
    found.map(|(place, line)| format!("src/{}:{place}: {line}", source.path))
}

/// The machine: what has no feature and no I/O.
fn core() -> Vec<Source> {
    let mut core = files("src");
    core.retain(|source| {
        let module = module(source);
        // The client's driver is an adapter like any other; it lives beside the machine that it runs.
        let adapter = source.path.starts_with("client/driver/");
        let inner = layer(module).is_some_and(|layer| layer < LAYERS.len() - 1);
        !adapter && (module == "lib" || inner)
    });
    assert!(core.len() > 10);
    core
}

fn none(found: impl IntoIterator<Item = String>, why: &str) {
    let found: Vec<String> = found.into_iter().collect();
    assert!(found.is_empty(), "{why}:\n{}", found.join("\n"));
}

/// The layers from the bottom up. A file imports from its own layer and from those below it.
const LAYERS: &[&[&str]] = &[
    &["ids"],
    &["table"],
    &["vocabulary"],
    &["words"],
    &["law", "limits", "log"],
    &["session", "connection", "routing", "client", "laws"],
    // The checker and the renderers; and the adapters, which await, read clocks and open sockets.
    &["check", "docs", "wire", "store", "conformance", "hub", "axum"],
];

/// The module at the top that a file belongs to.
fn module(source: &Source) -> &str {
    source.path.split(['/', '.']).next().unwrap()
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

#[test]
fn every_module_is_in_a_layer() {
    for source in files("src") {
        let module = module(&source);
        let known = layer(module).is_some() || ["lib", "bin"].contains(&module);
        assert!(known, "src/{}: in which layer is it?", source.path);
    }
}

#[test]
fn imports_go_down_only() {
    let mut wrong = Vec::new();
    for source in core() {
        let Some(own) = layer(module(&source)) else { continue };
        for (place, line) in &source.code {
            for used in line.split("crate::").skip(1) {
                let used: String =
                    used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if layer(&used).is_some_and(|used| used > own) {
                    wrong.push(format!("src/{}:{place}: {line}", source.path));
                }
            }
        }
    }
    none(wrong, "imports from a layer above");
}

#[test]
fn nobody_in_the_core_knows_the_checker_the_renderers_or_the_adapters() {
    let outside = LAYERS[LAYERS.len() - 1];
    let words: Vec<String> =
        outside.iter().flat_map(|of| [format!("crate::{of}"), format!("super::{of}")]).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    none(core().iter().flat_map(|source| lines_with(source, &words)), "the core knows them");
}

#[test]
fn a_store_knows_records_and_lines_and_neither_hub_nor_wire() {
    let mut stores = files("src");
    stores.retain(|source| module(source) == "store");
    assert!(stores.len() > 8);
    let own = ["ids", "log", "words", "session", "store"].map(|of| format!("crate::{of}"));
    let foreign = |line: &String| {
        line.split("crate::").skip(1).any(|used| {
            let used = format!("crate::{used}");
            !own.iter().any(|own| used.starts_with(own)) && !used.starts_with("crate::{")
        })
    };
    let found = stores.iter().flat_map(|source| lines_with(source, &["crate::"]));
    none(found.filter(foreign), "a store knows them");
}

/// Where the hub asks a table; everywhere else it does as it was told.
const ASKS: &[(&str, &[&str])] = &[
    ("machine.step", &["hub/driver/feed.rs"]),
    ("routing::rule(", &["hub/driver/birth.rs", "hub/driver/command.rs"]),
    ("connection.step(", &["hub/link/mod.rs"]),
];

#[test]
fn the_hub_asks_each_table_in_one_place() {
    let mut hub = files("src");
    hub.retain(|source| module(source) == "hub");
    assert!(hub.len() > 15);
    for (asks, places) in ASKS {
        let found = hub.iter().filter(|source| lines_with(source, &[asks]).next().is_some());
        let found: Vec<&str> = found.map(|source| source.path.as_str()).collect();
        assert_eq!(found, *places, "{asks}");
    }
}

#[test]
fn endpoints_know_the_hub_and_nobody_knows_the_endpoints() {
    let mut others = files("src");
    others.retain(|source| !["axum", "bin", "lib"].contains(&module(source)));
    none(others.iter().flat_map(|source| lines_with(source, &["axum::"])), "they know them");
    let mut endpoints = files("src");
    endpoints.retain(|source| module(source) == "axum");
    assert!(endpoints.len() > 8);
    // They turn requests into commands, and decide nothing about a session.
    let words = ["crate::session", "crate::routing", "crate::laws", "crate::check", "Store"];
    none(endpoints.iter().flat_map(|source| lines_with(source, &words)), "the endpoints decide");
}

#[test]
fn only_the_laws_are_known_to_the_session_and_only_for_its_own_steps() {
    let sessions = |source: &&Source| source.path.starts_with("session/");
    let core = core();
    let laws = core
        .iter()
        .filter(sessions)
        .flat_map(|source| lines_with(source, &["crate::laws", "laws::"]));
    for line in laws {
        let known = line.contains("use crate::laws") || line.contains("laws::of_step(");
        assert!(known, "{line}");
    }
}

#[test]
fn the_engine_of_the_checker_knows_nothing_of_sessions() {
    let ours = ["check/client", "check/world", "check/trace", "check/mutants", "check/replay"];
    let mut engine = files("src");
    engine.retain(|source| source.path.starts_with("check/"));
    engine.retain(|source| !ours.iter().any(|start| source.path.starts_with(start)));
    assert!(engine.len() > 8);
    let outside =
        |line: &String| !line.contains("crate::check") && !line.contains("outlive::check");
    let found = engine.iter().flat_map(|source| lines_with(source, &["crate::", "outlive::"]));
    none(found.filter(outside), "the engine imports from outside");
}

#[test]
fn the_renderers_read_tables_and_play_no_worlds() {
    let mut docs = files("src");
    docs.retain(|source| source.path.starts_with("docs/"));
    let words = ["crate::check", "std::fs", "std::env", "std::io", "std::time"];
    none(docs.iter().flat_map(|source| lines_with(source, &words)), "a renderer is pure");
}

#[test]
fn the_core_reads_no_clock_opens_nothing_and_draws_no_number() {
    let words = [
        "std::",
        "Instant",
        "SystemTime",
        "UNIX_EPOCH",
        "rand",
        "getrandom",
        "println!",
        "eprintln!",
        "tokio",
        "async ",
        ".await",
        "thread",
        "Mutex",
        "Atomic",
        "HashMap",
        "f32",
        "f64",
    ];
    let core = core();
    let found = core.iter().flat_map(|source| lines_with(source, &words));
    // A feature may be named after what the core does not use.
    none(found.filter(|line| !line.contains("#[cfg(")), "not in the core");
    let lib = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    assert!(lib.contains("#![no_std]") && lib.contains("#![forbid(unsafe_code)]"));
}

/// Matches over data where the rest is no word of the machine, each with what it is.
const WILDCARDS: &[(&str, &str)] = &[
    ("laws/witness.rs", "a byte that is unpacked"),
    ("words.rs", "the numbers of close codes: an unknown one is safe by its band"),
];

#[test]
fn no_wildcard_hides_a_state_a_trigger_or_an_effect() {
    for source in core() {
        let found: Vec<String> = lines_with(&source, &["_ =>"])
            .filter(|line| {
                // A tuple with an open place still names the word that is matched.
                line.contains(": _ =>") || line.contains("| _ =>")
            })
            .collect();
        let allowed = WILDCARDS.iter().any(|(path, _)| *path == source.path);
        assert!(allowed || found.is_empty(), "{found:?}");
        assert!(found.len() <= 1, "{found:?}");
    }
}

#[test]
fn the_state_of_a_session_is_assigned_in_one_place() {
    let core = core();
    let mut sessions = core.iter().filter(|source| source.path.starts_with("session/"));
    let found: Vec<String> = sessions
        .by_ref()
        .flat_map(|source| lines_with(source, &[".state = ", ".state="]))
        .collect();
    // The second is what a step remembers for its refusal, the third copies a whole session.
    let [apply, remember, copy] = &found[..] else { panic!("{found:#?}") };
    assert!(apply.contains("apply.rs") && apply.contains("self.next.state = state"), "{apply}");
    assert!(remember.contains("machine.rs") && remember.contains("= session.state;"), "{remember}");
    assert!(copy.contains("session/mod.rs") && copy.contains("= source.state;"), "{copy}");
}

#[test]
fn no_file_is_longer_than_can_be_read_at_once() {
    for source in files("src") {
        let (path, length) = (&source.path, source.length);
        assert!(length <= 450, "src/{path} has {length} lines");
    }
}

#[test]
fn nothing_is_unfinished() {
    // Written apart, so that this file is no finding of its own.
    let words = ["todo", "unimplemented", "dbg"].map(|word| format!("{word}!("));
    let words = [&words[..], &[["#[", "ignore"].concat(), ["FIX", "ME"].concat()]].concat();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    for dir in ["src", "tests"] {
        let files = files(dir);
        none(files.iter().flat_map(|source| lines_with(source, &words)), "unfinished");
    }
}

#[test]
fn tests_wait_for_no_clock() {
    let sleep = ["sleep", "("].concat();
    let words = [sleep.as_str(), concat!("Inst", "ant::")];
    let mut files = files("tests");
    // Its clock is paused: time passes when everybody waits.
    let paused = |path: &str| path.starts_with("hub/kit/") || path.starts_with("hub/simulation/");
    files.retain(|source| !paused(&source.path));
    none(files.iter().flat_map(|source| lines_with(source, &words)), "a clock");
}

#[test]
fn regressions_are_kept_at_the_top_and_nowhere_else() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert!(root.join("proptest-regressions/README.md").exists());
    assert!(root.join("tests/main.rs").exists());
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    assert!(manifest.contains("autotests = false") && manifest.matches("[[test]]").count() == 1);
    for dir in ["src/proptest-regressions", "tests/proptest-regressions"] {
        assert!(!root.join(dir).exists(), "{dir}");
    }
}
