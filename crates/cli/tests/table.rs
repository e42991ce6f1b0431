//! `outlive table`.

use std::process::Stdio;

use outlive::docs::{Line, Sheet, dot, json, markdown, mermaid};
use outlive::table::Verdict;

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
        let goes = |row: &Line| matches!(row.verdict, Verdict::Go(_));
        for (format, text) in formats {
            if ["mermaid", "dot"].contains(&format) && !sheet.rows.iter().any(goes) {
                let run = run(&["table", sheet.name, "--format", format]);
                let says = "error: the routing table has no diagram";
                assert_eq!((run.code, run.err.starts_with(says)), (2, true), "{}", run.err);
                continue;
            }
            let run = run(&["table", sheet.name, "--format", format]);
            assert_eq!((run.code, run.err.as_str()), (0, ""), "{} {format}", sheet.name);
            assert_eq!(run.out, text, "{} {format}", sheet.name);
        }
    }
}

#[test]
fn without_arguments_it_is_the_session_in_markdown() {
    assert_eq!(run(&["table"]).out, markdown::page(&Sheet::session()));
}

/// As `outlive table | head -1`, when `head` has gone: the pipe's reader has ended before a word came.
#[test]
fn a_reader_that_has_read_enough_is_no_error() {
    let mut reader = command(&["--version"]);
    let mut reader = reader.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let pipe = reader.stdin.take().unwrap();
    reader.wait().unwrap();
    let run = command(&["table"]).stdout(pipe).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(String::from_utf8(run.stderr).unwrap(), "");
    assert_eq!(run.status.code(), Some(0));
}
