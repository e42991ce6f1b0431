//! `outlive docs`.

use std::fs;
use std::path::Path;

use outlive::docs::{REFRESH, pages};
use outlive_testkit::place::Place;
use outlive_testkit::skip::skip;
use serde_json::{Value, from_str};

use super::run;

#[test]
fn what_was_written_is_up_to_date() {
    let place = Place::new();
    let dir = place.folder();
    let path = dir.to_str().unwrap();
    assert_eq!(run(&["docs", "--dir", path]).code, 0);
    for page in pages() {
        assert_eq!(fs::read_to_string(dir.join(page.path)).unwrap(), page.text);
    }
    let check = run(&["docs", "--check", "--dir", path]);
    assert_eq!((check.code, check.out.as_str()), (0, "every page is up to date\n"));
}

#[test]
fn stale_missing_and_surplus_pages_are_named_with_the_command_that_refreshes() {
    let place = Place::new();
    let dir = place.folder();
    let path = dir.to_str().unwrap();
    assert_eq!(run(&["docs", "--dir", path]).code, 0);
    fs::write(dir.join("session.md"), "as it was once").unwrap();
    fs::remove_file(dir.join("laws.md")).unwrap();
    fs::write(dir.join("old.md"), "of a table that is gone").unwrap();

    let check = run(&["docs", "--check", "--dir", path]);
    assert_eq!(check.code, 1);
    let fault = |word: &str, name: &str| format!("{word}: {}\n", dir.join(name).display());
    assert!(check.out.contains(&fault("stale", "session.md")), "{}", check.out);
    assert!(check.out.contains(&fault("missing", "laws.md")), "{}", check.out);
    assert!(check.out.contains(&fault("surplus, remove it", "old.md")), "{}", check.out);
    assert!(!check.out.contains("routing.md"), "{}", check.out);
    assert!(
        check.out.contains(&format!("refresh with: {REFRESH} --dir {path}\n")),
        "{}",
        check.out
    );
    assert_eq!(fs::read_to_string(dir.join("session.md")).unwrap(), "as it was once");
}

#[test]
fn a_folder_that_is_missing_lacks_every_page() {
    let place = Place::new();
    let dir = place.folder().join("none");
    let check = run(&["docs", "--check", "--dir", dir.to_str().unwrap()]);
    assert_eq!(check.code, 1);
    assert_eq!(check.out.matches("missing: ").count(), pages().len());
    assert!(!dir.exists());
}

#[test]
fn a_folder_that_cannot_be_used_ends_with_2() {
    let place = Place::new();
    let dir = place.folder().join("file");
    fs::write(&dir, "a file").unwrap();
    for args in [&["docs", "--dir"][..], &["docs", "--check", "--dir"]] {
        let mut args = args.to_vec();
        args.push(dir.to_str().unwrap());
        let run = run(&args);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{args:?}");
        assert!(run.err.starts_with("error: "), "{}", run.err);
    }
}

/// By the schema of its makers, as they publish it.
#[test]
fn the_asyncapi_document_is_one() {
    let modules = std::env::var("NODE_PATH").unwrap_or_default();
    let path = Path::new(&modules).join("@asyncapi/specs/schemas/3.0.0.json");
    let Ok(schema) = fs::read_to_string(path) else {
        skip("@asyncapi/specs in NODE_PATH");
        return;
    };
    let schema = jsonschema::draft7::new(&from_str(&schema).unwrap()).unwrap();
    let pages = pages();
    let page = pages.iter().find(|page| page.path == "protocol.asyncapi.json").unwrap();
    let mut document: Value = from_str(&page.text).unwrap();
    let errors: Vec<_> = schema.iter_errors(&document).map(|why| why.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    document["operations"]["send"]["action"] = "shout".into();
    assert!(!schema.is_valid(&document), "it takes anything");
}
