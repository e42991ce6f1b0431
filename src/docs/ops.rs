//! An op as text.

use core::fmt;

use alloc::string::String;
use alloc::vec::Vec;

use crate::table::Operation;

/// An op as text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Op {
    /// Its word.
    pub name: &'static str,
    /// Which list of words its argument is from, and the argument.
    pub argument: Option<(String, &'static str)>,
    /// What it does, in one sentence.
    pub meaning: &'static str,
    /// In a rule: the states in which it is done, if not in all that the rule holds in.
    pub only_in: Vec<&'static str>,
}

/// `commit`, `arm(detach)`.
impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.argument {
            Some((_, argument)) => write!(f, "{}({argument})", self.name),
            None => f.write_str(self.name),
        }
    }
}

impl Op {
    pub(super) fn of(op: impl Operation) -> Op {
        let argument = op.argument().map(|(list, word)| (plural(list), word));
        Op { name: op.name(), argument, meaning: op.meaning(), only_in: Vec::new() }
    }

    /// The state in which alone it is done, for a page: ` (SUSPENDED)`.
    pub(super) fn restriction(&self) -> String {
        if self.only_in.is_empty() {
            String::new()
        } else {
            alloc::format!(" ({})", self.only_in.join(", "))
        }
    }
}

/// `TurnOutcome` → `turn_outcomes`: how `words.json` calls the list.
fn plural(list: &str) -> String {
    let mut name = String::new();
    for letter in list.chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    name.push('s');
    name
}
