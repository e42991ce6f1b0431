//! Speed and size of `outlive`, beside its peers, in one process: `cargo run --release`.
//!
//! It writes the figures of `docs/PERFORMANCE.md`, each section between its markers. Nothing here judges a
//! time. That all who do the same work come to the same result is asserted.
//!
//! - `SECTION…`: only these.
//! - `--short`: a few minutes in all, a little of everything, and nothing is written.
//!
//! A section is a file and a line in [`SECTIONS`].

mod allocations;
mod checker;
mod document;
mod growth;
mod harness;
mod instructions;
mod kind;
mod machine;
mod step;
mod worlds;

use std::process::ExitCode;

/// How much is measured.
#[derive(Clone, Copy)]
pub struct Effort {
    /// Interleaved rounds, of which the median is taken.
    pub rounds: usize,
    /// Events in a round.
    pub events: usize,
    /// Sessions that are touched at random.
    pub sessions: usize,
    /// Whether this is the short mode.
    pub short: bool,
}

const FULL: Effort = Effort { rounds: 41, events: 400_000, sessions: 1_000_000, short: false };
const SHORT: Effort = Effort { rounds: 9, events: 100_000, sessions: 50_000, short: true };

/// A name, as in the document's markers, and what writes the section.
type Section = (&'static str, fn(Effort) -> String);

const SECTIONS: &[Section] = &[
    ("kind", kind::section),
    ("machine", machine::section),
    ("step", step::section),
    ("growth", growth::section),
    ("checker", checker::section),
    ("worlds", worlds::section),
];

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == instructions::WORD) {
        perform(&words[1..]);
        return ExitCode::SUCCESS;
    }
    let short = words.iter().any(|word| word == "--short");
    words.retain(|word| word != "--short");
    let unknown = words.iter().find(|word| SECTIONS.iter().all(|(name, _)| name != word));
    if let Some(word) = unknown {
        let names: Vec<&str> = SECTIONS.iter().map(|(name, _)| *name).collect();
        eprintln!("no section {word}; there are: {}", names.join(", "));
        return ExitCode::from(2);
    }
    for (name, section) in SECTIONS {
        if !words.is_empty() && !words.iter().any(|word| word == name) {
            continue;
        }
        let text = section(if short { SHORT } else { FULL });
        println!("{text}");
        if !short {
            document::write(name, &text);
        }
    }
    ExitCode::SUCCESS
}

/// Does some work a number of times: what a counted run does.
fn perform(words: &[String]) {
    let [subject, name, times] = words else { panic!("subject, name, times") };
    let times: usize = times.parse().expect("a number");
    let result = match subject.as_str() {
        "machine" => machine::perform(name, times),
        "step" => step::perform(name, times),
        _ => panic!("no subject {subject}"),
    };
    std::hint::black_box(result);
}
