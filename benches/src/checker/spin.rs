//! SPIN on the same model, if it is installed.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;
use std::{env, fs};

use super::Searched;
use crate::harness::seconds_of_children;

pub fn search() -> Option<Searched> {
    let place = verifier()?;
    let (before, clock) = (seconds_of_children(), Instant::now());
    let output = Command::new(place.join("pan")).args(["-m1000000", "-w24"]).output().ok()?;
    let (cpu, wall) = (seconds_of_children() - before, clock.elapsed().as_secs_f64());
    fs::remove_dir_all(place).ok()?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(printed.contains("errors: 0"), "{printed}");
    let states = before_words(&printed, " states, stored");
    let megabytes = before_words(&printed, "\ttotal actual memory usage");
    Some(Searched {
        states: states as u64,
        // It counts the first state as if a transition led to it.
        transitions: Some(before_words(&printed, " transitions (=") as u64 - 1),
        bytes_per_state: megabytes * 1024.0 * 1024.0 / states,
        cpu,
        wall,
    })
}

/// A folder with the compiled verifier.
fn verifier() -> Option<PathBuf> {
    let place = env::temp_dir().join(format!("outlive-bench-{}", std::process::id()));
    fs::create_dir_all(&place).ok()?;
    fs::write(place.join("session.pml"), include_str!("session.pml")).ok()?;
    let run = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        let output = command.args(arguments).current_dir(&place).output().ok()?;
        output.status.success().then_some(())
    };
    run("spin", &["-a", "session.pml"])?;
    run("gcc", &["-O2", "-w", "-DSAFETY", "-DNOREDUCE", "-o", "pan", "pan.c"])?;
    Some(place)
}

/// The number before these words.
fn before_words(printed: &str, words: &str) -> f64 {
    let line = printed.lines().find_map(|line| line.split_once(words)).expect(words).0;
    line.split_whitespace().last().and_then(|word| word.parse().ok()).expect(words)
}
