//! The command `outlive replay`.

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn replay(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_outlive"))
        .arg("replay")
        .args(arguments)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command runs");
    // It may have stopped reading at a bad line.
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    child.wait_with_output().expect("it ends")
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn said(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).expect("it speaks UTF-8")
}

const GOOD: &str = "{\"event\":\"stop\",\"incarnation\":1}\n";
const WRONG: &str = "# no\n{\"event\":\"stop\",\"incarnation\":1,\"expect\":{\"rule\":\"C2\"}}\n";

#[test]
fn the_exit_code_says_how_it_went() {
    assert_eq!(code(&replay(&["-"], GOOD)), Some(0));
    assert_eq!(code(&replay(&["-"], WRONG)), Some(1));
    assert_eq!(code(&replay(&["-"], "no")), Some(2));
    assert_eq!(code(&replay(&["nowhere.jsonl"], "")), Some(2));
    assert_eq!(code(&replay(&["--max-candidates", "1", "-"], GOOD)), Some(2));
    let bounded = ["--partial", "--max-candidates", "1", "-"];
    assert_eq!(code(&replay(&bounded, GOOD)), Some(3));
    assert_eq!(code(&replay(&["--partial", "--hidden", "lunch", "-"], GOOD)), Some(2));
}

#[test]
fn the_worst_of_several_files_counts() {
    let fine = "tests/incidents/a-empty-answer.jsonl";
    let output = replay(&["-q", fine, "-", fine], WRONG);
    assert_eq!(code(&output), Some(1));
    assert_eq!(said(&output.stdout).matches("holds").count(), 2);
    assert_eq!(
        said(&output.stderr).lines().next(),
        Some("stdin:2: rule: expected \"C2\", got \"C1\"")
    );
}

#[test]
fn steps_are_printed_to_be_read() {
    let output = replay(&["-"], GOOD);
    assert_eq!(
        said(&output.stdout),
        "    1  ENDED     C1       go        {\"event\":\"stop\",\"incarnation\":1}\n\
         \x20                                → {\"effect\":\"commit\"}\n\
         \x20                                → {\"effect\":\"disarm_all\"}\n\
         stdin: holds: 1 session, 1 step, 1 row taken, ends in ENDED\n"
    );
}

#[test]
fn json_output_is_a_trace_that_holds() {
    let complete = replay(&["--format", "json", "tests/incidents/scenarios-suspend.jsonl"], "");
    let again = replay(&["--format", "json", "-"], said(&complete.stdout));
    assert_eq!(code(&again), Some(0));
    assert_eq!(said(&again.stdout), said(&complete.stdout));
}

#[test]
fn nobody_has_to_read_to_the_end() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_outlive"))
        .args(["replay", "tests/incidents/scenarios-closeout.jsonl"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(said(&output.stderr), "");
    assert_eq!(code(&output), Some(0));
}

#[test]
fn a_record_of_several_sessions_is_printed_with_their_names() {
    let two = "{\"session\":\"s_1\",\"event\":\"stop\",\"incarnation\":1}\n\
               {\"session\":\"s_2\",\"event\":\"attach\",\"connection\":1,\"client\":7}\n";
    let output = replay(&["-"], two);
    let said_lines: Vec<&str> = said(&output.stdout).lines().collect();
    assert!(said_lines[0].starts_with("    1  s_1  ENDED "), "{said_lines:?}");
    let end = "stdin: holds: 2 sessions, 2 steps, 2 rows taken, they end 1 in CREATED, 1 in ENDED";
    assert_eq!(said_lines.last(), Some(&end));
    let wrong =
        "{\"session\":\"s_1\",\"event\":\"stop\",\"incarnation\":1,\"expect\":{\"rule\":\"C2\"}}\n";
    for arguments in [&["-q", "-"][..], &["-q", "--partial", "-"]] {
        let output = replay(arguments, wrong);
        assert_eq!(code(&output), Some(1));
        assert!(said(&output.stderr).starts_with("stdin:1: session s_1: "), "{output:?}");
    }
}

#[test]
fn a_folder_is_no_trace() {
    let output = replay(&["tests/incidents"], "");
    assert_eq!(code(&output), Some(2));
    let says = "error: tests/incidents is a folder; name its files: tests/incidents/*.jsonl\n";
    assert_eq!(said(&output.stderr), says);
}
