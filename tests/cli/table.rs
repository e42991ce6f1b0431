//! `outlive table`.

use std::io::Read;
use std::process::Stdio;

use outlive::docs::{Sheet, dot, json, markdown, mermaid};

use super::{command, run};

#[test]
fn each_table_is_printed_in_each_format() {
    for sheet in Sheet::all() {
        let formats = [
            ("markdown", markdown::page(&sheet)),
            ("mermaid", mermaid::render(&sheet)),
            ("dot", dot::render(&sheet)),
            ("json", json::table(&sheet)),
        ];
        for (format, text) in formats {
            let run = run(&["table", sheet.name, "--format", format]);
            assert_eq!(
                (run.code, run.err.as_str()),
                (0, ""),
                "{} {format}",
                sheet.name
            );
            assert_eq!(run.out, text, "{} {format}", sheet.name);
        }
    }
}

#[test]
fn without_arguments_it_is_the_session_in_markdown() {
    assert_eq!(run(&["table"]).out, markdown::page(&Sheet::session()));
}

/// As `outlive table | head -1`: the text is longer than a pipe holds when nobody reads on.
#[test]
fn a_reader_that_has_read_enough_is_no_error() {
    let mut child = command(&["table", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(ended.stderr).unwrap(), "");
    assert_eq!(ended.status.code(), Some(0));
}
