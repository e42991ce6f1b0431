//! House rules that no compiler knows: who imports whom within a crate, nothing unfinished, no clock in a test.
//!
//! What one crate may know of another is no test: it is what its Cargo.toml names.

use std::fs;
use std::path::{Path, PathBuf};

/// A source file: its path from the repository's root, its lines of code without comments and unit tests,
/// and how many lines it has in all.
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
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    walk(&root.join(dir), &mut paths);
    assert!(!paths.is_empty(), "{dir}");
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let path = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
        let code =
            text.lines().enumerate().map(|(place, line)| (place + 1, line.trim().to_owned()));
        let code = code.take_while(|(_, line)| line != "#[cfg(test)]");
        let code = code.filter(|(_, line)| !line.starts_with("//")).collect();
        Source { path, code, length: text.lines().count() }
    };
    paths.into_iter().map(read).collect()
}

const CRATES: &[&str] = &["checker", "server", "client", "gateway", "postgres", "cli", "testkit"];

/// The sources of every crate.
fn sources() -> Vec<Source> {
    let crates = CRATES.iter().flat_map(|name| files(&format!("crates/{name}/src")));
    files("src").into_iter().chain(crates).collect()
}

/// The tests of every crate.
fn tests() -> Vec<Source> {
    let crates = ["checker", "server", "client", "gateway", "postgres", "cli"];
    let crates = crates.iter().flat_map(|name| files(&format!("crates/{name}/tests")));
    files("tests").into_iter().chain(crates).chain(files("crates/testkit/src")).collect()
}

/// The lines in which one of these words stands, each with its place.
fn lines_with<'a>(source: &'a Source, words: &'a [&str]) -> impl Iterator<Item = String> + 'a {
    let found = source.code.iter().filter(|(_, line)| words.iter().any(|word| line.contains(word)));
    found.map(|(place, line)| format!("{}:{place}: {line}", source.path))
}

fn none(found: impl IntoIterator<Item = String>, why: &str) {
    let found: Vec<String> = found.into_iter().collect();
    assert!(found.is_empty(), "{why}:\n{}", found.join("\n"));
}

/// The floors of the crate `outlive` from the ground up. A file imports from its own floor and from those below.
const FLOORS: &[&[&str]] = &[
    &["ids", "table"],
    &["vocabulary"],
    &["words", "law", "log"],
    &["session", "connection", "routing", "node", "client", "laws"],
    &["check", "docs", "wire"],
];

/// The module at the top of `outlive` that a file belongs to.
fn module(source: &Source) -> &str {
    source.path.strip_prefix("src/").unwrap().split(['/', '.']).next().unwrap()
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|modules| modules.contains(&module))
}

#[test]
fn every_module_has_its_floor_and_imports_go_down_only() {
    let mut wrong = Vec::new();
    for source in files("src") {
        if source.path == "src/lib.rs" {
            continue;
        }
        let own = floor(module(&source));
        let own = own.unwrap_or_else(|| panic!("{}: on which floor is it?", source.path));
        for (place, line) in &source.code {
            for used in line.split("crate::").skip(1) {
                let used: String =
                    used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if floor(&used).is_some_and(|used| used > own) {
                    wrong.push(format!("{}:{place}: {line}", source.path));
                }
            }
        }
    }
    none(wrong, "imports from a floor above");
}

#[test]
fn the_renderers_read_tables_and_nothing_else() {
    let docs = files("src/docs");
    let words = ["crate::check", "std::fs", "std::env", "std::io", "std::time"];
    none(docs.iter().flat_map(|source| lines_with(source, &words)), "a renderer is pure");
}

/// Where the hub asks a table; everywhere else it does as it was told.
const ASKS: &[(&str, &[&str])] = &[
    ("machine.step", &["driver/step.rs"]),
    ("routing::rule(", &["destination.rs", "driver/command.rs", "driver/spawn.rs"]),
    ("connection.step(", &["link/mod.rs"]),
];

#[test]
fn the_hub_asks_each_table_in_one_place() {
    let hub = files("crates/server/src/hub");
    for (asks, places) in ASKS {
        let found = hub.iter().filter(|source| lines_with(source, &[asks]).next().is_some());
        let start = "crates/server/src/hub/";
        let found: Vec<&str> =
            found.map(|source| source.path.strip_prefix(start).unwrap()).collect();
        assert_eq!(found, *places, "{asks}");
    }
}

#[test]
fn a_store_knows_neither_the_hub_nor_frames() {
    let store = files("crates/server/src/store");
    let words = ["crate::hub", "crate::http", "outlive::wire"];
    none(store.iter().flat_map(|source| lines_with(source, &words)), "a store knows them");
}

#[test]
fn the_endpoints_turn_requests_into_commands_and_decide_nothing() {
    let endpoints = files("crates/server/src/http");
    let words = ["outlive::session", "outlive::routing", "outlive::laws", "Store"];
    none(endpoints.iter().flat_map(|source| lines_with(source, &words)), "the endpoints decide");
    let others = files("crates/server/src");
    let others = others
        .iter()
        .filter(|source| !source.path.contains("/http/") && !source.path.ends_with("/lib.rs"));
    none(
        others.flat_map(|source| lines_with(source, &["axum::", "crate::http"])),
        "they know them",
    );
}

/// Matches over data where the rest is no word of the machine, each with what it is.
const WILDCARDS: &[(&str, &str)] = &[
    ("src/laws/witness.rs", "a byte that is unpacked"),
    ("src/words.rs", "the numbers of close codes: an unknown one is safe by its band"),
];

#[test]
fn no_wildcard_hides_a_state_a_trigger_or_an_effect() {
    for source in files("src") {
        if ["check", "docs", "wire"].contains(&module(&source)) {
            continue;
        }
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
    let session = files("src/session");
    let found: Vec<String> =
        session.iter().flat_map(|source| lines_with(source, &[".state = ", ".state="])).collect();
    // The second is what a step remembers for its refusal, the third copies a whole session.
    let [apply, remember, copy] = &found[..] else { panic!("{found:#?}") };
    assert!(apply.contains("apply.rs") && apply.contains("self.next.state = state"), "{apply}");
    assert!(remember.contains("machine.rs") && remember.contains("= session.state;"), "{remember}");
    assert!(copy.contains("session/mod.rs") && copy.contains("= source.state;"), "{copy}");
}

#[test]
fn no_file_is_longer_than_can_be_read_at_once() {
    for source in sources() {
        let (path, length) = (&source.path, source.length);
        assert!(length <= 450, "{path} has {length} lines");
    }
}

#[test]
fn nothing_is_unfinished() {
    // Written apart, so that this file is no finding of its own.
    let words = ["todo", "unimplemented", "dbg"].map(|word| format!("{word}!("));
    let words = [&words[..], &[["#[", "ignore"].concat(), ["FIX", "ME"].concat()]].concat();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    for files in [sources(), tests()] {
        none(files.iter().flat_map(|source| lines_with(source, &words)), "unfinished");
    }
}

#[test]
fn tests_wait_for_no_clock() {
    let sleep = ["sleep", "("].concat();
    let words = [sleep.as_str(), concat!("Inst", "ant::")];
    let mut files = tests();
    // Its clock is paused: time passes when everybody waits.
    let paused = ["/hub/simulation/", "testkit/src/hub/", "client/tests/clock.rs"];
    files.retain(|source| !paused.iter().any(|path| source.path.contains(path)));
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
