//! The machine in JavaScript does what this one does.

use std::path::Path;
use std::process::Command;

use outlive::client::Close;
use outlive::client::table::ROWS;
use outlive::docs::{REFRESH, clients, vectors};

use crate::skip::skip;

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/js")
}

#[test]
fn the_committed_module_and_vectors_are_those_that_the_table_gives() {
    for page in clients() {
        let committed = std::fs::read_to_string(folder().join(page.path)).unwrap_or_default();
        assert!(
            committed == page.text,
            "clients/js/{} is stale; refresh with: {REFRESH}",
            page.path
        );
    }
}

#[test]
fn the_vectors_take_every_rule() {
    let taken = vectors::taken();
    let rules = ROWS.iter().filter(|row| row.is_possible());
    let never: Vec<&str> =
        rules.map(|row| row.id).filter(|id| !taken.iter().any(|taken| taken == id)).collect();
    assert!(never.is_empty(), "{never:?}");
}

#[test]
fn the_vectors_close_with_each_code_that_says_that_a_server_leaves_and_with_each_that_a_proxy_makes_up()
 {
    let vectors = vectors::render();
    let leaving = (0..=u16::MAX).filter(|number| Close(*number).is_leaving());
    let made_up = [4005, 4006];
    for number in leaving.chain(made_up) {
        assert!(vectors.contains(&format!("\"code\":{number}}},\"trigger\"")), "{number}");
    }
}

#[test]
fn node_takes_the_same_steps() {
    let node = Command::new("node").arg(folder().join("test.mjs")).output();
    let Ok(ran) = node else {
        skip("node");
        return;
    };
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
    assert!(said.contains("all hold"), "{said}");
}

#[test]
fn python_takes_the_same_steps_and_its_driver_holds() {
    let asked = "import sys, websockets.asyncio.client; sys.exit(sys.version_info < (3, 10))";
    if !Command::new("python3").args(["-c", asked]).status().is_ok_and(|status| status.success()) {
        skip("python3 (3.10) with websockets");
        return;
    }
    let python = folder().join("../python");
    let mut run = Command::new("python3");
    run.args(["-m", "unittest", "discover", "-s", "tests"]).current_dir(&python);
    let ran = run.env("PYTHONPATH", prepended(&python.join("src"))).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.success() && said.contains("OK"), "{said}");
}

/// A folder, before those in which Python looks already.
fn prepended(folder: &Path) -> std::ffi::OsString {
    let others = std::env::var_os("PYTHONPATH").unwrap_or_default();
    let paths = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&others));
    std::env::join_paths(paths).unwrap()
}
