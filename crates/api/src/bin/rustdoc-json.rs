//! The rustdoc of the compiler that builds everything else, allowed to write JSON: what cargo is given as `RUSTDOC`.
//!
//! `RUSTC_BOOTSTRAP` for all of cargo would reach the build scripts of dependencies, which then build for a nightly:
//! everything would be compiled once more.

use std::env;
use std::process::{Command, exit};

fn main() {
    let status =
        Command::new("rustdoc").args(env::args_os().skip(1)).env("RUSTC_BOOTSTRAP", "1").status();
    exit(status.expect("rustdoc starts").code().unwrap_or(1));
}
