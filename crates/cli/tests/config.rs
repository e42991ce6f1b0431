//! `outlive serve --config`: what a file may say, and what is said of one that cannot be used.

use std::collections::BTreeSet;
use std::path::Path;

use outlive_testkit::place::Place;

use super::{Run, command, run};

/// Prints the configuration in force, with this file and these flags, without what the tests' own environment says.
fn print(file: &Path, flags: &[&str], token: Option<&str>) -> Run {
    let words = ["serve", "--print-config", "--config", file.to_str().unwrap()];
    let mut command = command(&[&words, flags].concat());
    command.env_remove("OUTLIVE_TOKEN");
    command.envs(token.map(|token| ("OUTLIVE_TOKEN", token)));
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

fn write(place: &Place, text: &str) -> std::path::PathBuf {
    let file = place.folder().join("outlive.toml");
    std::fs::write(&file, text).unwrap();
    file
}

/// The flags that a help names, and that are no fields.
fn flags(help: &str) -> BTreeSet<&str> {
    let lines = help.lines().map(str::trim_start).filter_map(|line| line.strip_prefix("--"));
    let names = lines.map(|line| line.split([' ', '=']).next().unwrap());
    names.filter(|name| !["config", "print-config"].contains(name)).collect()
}

/// The fields that a file has, also those that it has only as an example.
fn fields(text: &str) -> BTreeSet<&str> {
    let lines = text.lines().map(|line| line.trim_start_matches("# "));
    let names = lines.filter_map(|line| line.split_once(" = ")).map(|(name, _)| name);
    names.filter(|name| !name.contains(' ')).collect()
}

const EVERYTHING: &str = r#"
listen = "127.0.0.2:1"
store = "of \"mine\" \\ 'ours' #1.db"
durability = "fast"
restored = true
record = "steps.jsonl"
token = "hush-hush"
origin = ["https://a.example", "https://b.example"]
turn-timeout = 0x10
log-format = "json"
backend = "http://127.0.0.1:8000/answer"
backend-interrupt = "http://127.0.0.1:8000/interrupt"
backend-closeout = "http://127.0.0.1:8000/closeout"
backend-history-entries = 10_000
backend-history-bytes = 2_000
backend-start-timeout = 7
backend-interrupt-timeout = 6
backend-closeout-timeout = 5
"#;

#[test]
fn every_flag_is_a_field_and_every_field_says_what_it_is() {
    let run = run(&["serve", "--print-config"]);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    let help = super::run(&["serve", "--help"]).out;
    let flags = flags(&help);
    assert!(flags.len() > 15 && flags.contains("listen"), "{flags:?}");
    assert_eq!(fields(&run.out), flags);
    let lines: Vec<&str> = run.out.lines().collect();
    for (before, line) in lines.iter().zip(&lines[1..]) {
        if !line.is_empty() && !line.starts_with('#') {
            assert!(before.starts_with("# "), "{line} stands without a sentence");
        }
    }
}

#[test]
fn what_is_printed_reads_back_as_it_is() {
    let place = Place::new();
    let defaults = write(&place, "");
    let first = print(&defaults, &[], None);
    assert_eq!((first.code, first.err.as_str()), (0, ""));
    assert!(first.out.contains("\nlisten = \"127.0.0.1:7878\"\n"), "{}", first.out);
    assert!(first.out.contains("\nrestored = false\n"), "{}", first.out);
    let again = print(&write(&place, &first.out), &[], None);
    assert_eq!((again.out, again.code), (first.out, 0), "{}", again.err);

    let all = print(&write(&place, EVERYTHING), &[], None);
    assert_eq!((all.code, all.err.as_str()), (0, ""));
    for line in ["turn-timeout = 16", "restored = true", "backend-history-bytes = 2000"] {
        assert!(all.out.contains(&format!("\n{line}\n")), "{line}: {}", all.out);
    }
    let again = print(&write(&place, &all.out), &["--token", "hush-hush"], None);
    assert_eq!((again.out, again.code), (all.out, 0), "{}", again.err);
}

#[test]
fn a_flag_counts_before_the_environment_and_both_before_the_file() {
    let place = Place::new();
    let file = write(&place, EVERYTHING);
    let flags =
        ["--listen", "[::1]:2", "--origin", "https://c.example", "--backend-history-entries", "3"];
    let run = print(&file, &flags, None);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    for line in [
        "listen = \"[::1]:2\"",
        "origin = [\"https://c.example\"]",
        "backend-history-entries = 3",
        "durability = \"fast\"",
    ] {
        assert!(run.out.contains(&format!("\n{line}\n")), "{line}: {}", run.out);
    }
    // An empty token is none, wherever it stands: which one counts is seen by it.
    assert_eq!(print(&file, &[], Some("")).code, 2);
    assert_eq!(print(&file, &["--token", "T"], Some("")).code, 0);
    let file = write(&place, "listen = \"127.0.0.1:here\"\n");
    assert_eq!(print(&file, &["--listen", "127.0.0.1:1"], None).code, 2, "a mistake is one");
}

#[test]
fn a_model_is_printed_and_its_key_is_not() {
    let place = Place::new();
    let key = place.folder().join("key");
    std::fs::write(&key, "hush-hush\n").unwrap();
    let (key, system) = (toml::Value::from(key.to_str().unwrap()), "Be brief.\nBe \"kind\".");
    let text = format!(
        "backend = \"openai+https://example.org/v1\"\nbackend-model = \"small\"\nbackend-key-file = {key}\nbackend-system = {}\n",
        toml::Value::from(system)
    );
    let first = print(&write(&place, &text), &[], None);
    assert_eq!((first.code, first.err.as_str()), (0, ""));
    for line in ["backend = \"openai+https://example.org/v1\"", "backend-model = \"small\""] {
        assert!(first.out.contains(&format!("\n{line}\n")), "{line}: {}", first.out);
    }
    assert!(!first.out.contains("hush"), "{}", first.out);
    let again = print(&write(&place, &first.out), &[], None);
    assert_eq!((again.out, again.code), (first.out, 0), "{}", again.err);
}

#[test]
fn a_secret_is_named_and_not_printed() {
    let place = Place::new();
    let (file, empty) = (write(&place, EVERYTHING), place.folder().join("empty.toml"));
    std::fs::write(&empty, "").unwrap();
    let runs = [
        print(&file, &[], None),
        print(&empty, &["--token", "hush-hush"], None),
        print(&empty, &[], Some("hush-hush")),
    ];
    for run in runs {
        assert_eq!(run.code, 0, "{}", run.err);
        assert!(run.out.contains("\n# token is set"), "{}", run.out);
        assert!(!run.out.contains("hush"), "{}", run.out);
    }
    assert!(print(&empty, &[], None).out.contains("\n# token = \"TOKEN\"\n"));
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_line_and_remedy_and_nothing_is_started() {
    let place = Place::new();
    let store = place.file();
    // What is started ends at this port, which is taken.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = taken.local_addr().unwrap().to_string();
    let rest = ["--listen", &busy, "--store", store.to_str().unwrap()];
    let backend = "backend = \"http://localhost:8000/answer\"\n";
    for (text, parts) in [
        ("# one\n\nlisen = \"here\"", &[":3: ", "no field `lisen`", "nearest is `listen`"][..]),
        ("turn_timeout = 3", &[":1: ", "nearest is `turn-timeout`"]),
        ("zebra = 1", &["no field `zebra`", "--print-config"]),
        ("config = \"other.toml\"", &["no field `config`"]),
        ("[backend]\nurl = \"http://a/b\"", &[":1: ", "`backend` is a text", "type table"]),
        ("\nturn-timeout = \"60\"", &[":2: ", "a whole number", "turn-timeout = 60", "string"]),
        ("turn-timeout = 0", &[":1: ", "turn-timeout", "0 is not in 1..=4000000"]),
        ("turn-timeout = 1.5", &["a whole number", "float"]),
        ("restored = \"yes\"", &["`restored` is true or false", "string"]),
        ("origin = \"https://a.example\"", &["a list of texts", "origin = ["]),
        ("origin = [1]", &["a list of texts"]),
        ("durability = \"some\"", &[":1: ", "some", "full, fast"]),
        ("token = \"\"", &[":1: ", "--token <TOKEN>"]),
        ("token = \"a\"\ntoken = \"b\"", &[":2: ", "duplicate key"]),
        ("record = \"a\nb\"", &[":1: ", "invalid basic string"]),
        ("backend-closeout = \"http://a/b\"", &[":1: ", "`backend-closeout`", "--backend <URL>"]),
        (
            &format!("{backend}backend-history-bytes = 3\nbackend-history-url = \"http://a\""),
            &["--backend-history-url <BASE>", "cannot be used with", "--backend-history-bytes"],
        ),
        (
            "backend = \"localhost:8000/answer\"",
            &[":1: ", "--backend <URL>", "http://localhost:8000/answer"],
        ),
    ] {
        let file = write(&place, text);
        let file = file.to_str().unwrap();
        let run = run(&[&["serve", "--config", file], &rest[..]].concat());
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{text}: {}", run.err);
        for part in parts.iter().chain(&[file]) {
            assert!(run.err.contains(part), "{text}: {} has no {part}", run.err);
        }
    }
    let run = run(&[&["serve", "--config", "/nowhere/at/all.toml"], &rest[..]].concat());
    assert_eq!((run.code, run.out.as_str()), (2, ""));
    assert!(run.err.contains("/nowhere/at/all.toml cannot be read"), "{}", run.err);
    let left = std::fs::read_dir(place.folder()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["outlive.toml"]);
}

/// `UPDATE=1 cargo test -p outlive-cli --test main config` writes it anew.
#[test]
fn the_page_has_the_whole_configuration() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operating.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let (start, end) = ("<!-- configuration -->\n```toml\n", "```\n<!-- /configuration -->");
    let (before, rest) = text.split_once(start).unwrap();
    let (shown, after) = rest.split_once(end).unwrap();
    let printed = command(&["serve", "--print-config"]).env_remove("OUTLIVE_TOKEN").output();
    let printed = String::from_utf8(printed.unwrap().stdout).unwrap();
    if shown != printed && std::env::var_os("UPDATE").is_some() {
        return std::fs::write(page, [before, start, &printed, end, after].concat()).unwrap();
    }
    assert_eq!(
        shown, printed,
        "docs/operating.md: what is between the marks is not what is printed"
    );
}
