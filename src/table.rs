//! The form all tables share, and the proof at build time that a table is total and unambiguous.
//!
//! A table is one literal: rows of `id · from · on · verdict · ops in order · because`. The macro
//! [`index!`](crate::index) turns it into `[state][trigger] → row`, and does not compile when a cell
//! has no row, or two. A hole is named by its cell:
//!
//! ```compile_fail
//! # use outlive::table::{Row, Verdict};
//! # #[derive(Clone, Copy, strum::VariantArray, strum::EnumCount, strum::IntoStaticStr)]
//! # #[strum(serialize_all = "SCREAMING_SNAKE_CASE", const_into_str)]
//! # enum Door { Open, Shut }
//! # #[derive(Clone, Copy, strum::VariantArray, strum::EnumCount, strum::IntoStaticStr)]
//! # #[strum(serialize_all = "SCREAMING_SNAKE_CASE", const_into_str)]
//! # enum Push { Pull, Slam }
//! const ROWS: &[Row<Door, Push, (), ()>] = &[
//!     Row::new("D1", &[Door::Open], &[Push::Pull, Push::Slam], Verdict::Go(Door::Shut), &[()], "…"),
//!     Row::new("D2", &[Door::Shut], &[Push::Pull],             Verdict::Go(Door::Open), &[()], "…"),
//! ];
//! // error: no row for SHUT x SLAM
//! const INDEX: [[u8; 2]; 2] = outlive::index!(ROWS, Door, Push);
//! ```
//!
//! With the missing cell it compiles:
//!
//! ```
//! # use outlive::table::{Row, Verdict};
//! # #[derive(Clone, Copy, strum::VariantArray, strum::EnumCount, strum::IntoStaticStr)]
//! # #[strum(serialize_all = "SCREAMING_SNAKE_CASE", const_into_str)]
//! # enum Door { Open, Shut }
//! # #[derive(Clone, Copy, strum::VariantArray, strum::EnumCount, strum::IntoStaticStr)]
//! # #[strum(serialize_all = "SCREAMING_SNAKE_CASE", const_into_str)]
//! # enum Push { Pull, Slam }
//! const ROWS: &[Row<Door, Push, (), &str>] = &[
//!     Row::new("D1", &[Door::Open], &[Push::Pull, Push::Slam], Verdict::Go(Door::Shut), &[()], "…"),
//!     Row::new("D2", &[Door::Shut], &[Push::Pull],             Verdict::Go(Door::Open), &[()], "…"),
//!     Row::new("D3", &[Door::Shut], &[Push::Slam],             Verdict::Ignore("shut"), &[],   "…"),
//! ];
//! const INDEX: [[u8; 2]; 2] = outlive::index!(ROWS, Door, Push);
//! assert_eq!(ROWS[INDEX[Door::Shut as usize][Push::Slam as usize] as usize].id, "D3");
//! ```

use core::fmt;

/// What a table says to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict<S, R> {
    /// Act, and go to this state.
    Go(S),
    /// Act, and stay.
    Stay,
    /// An expected race: late news. Nothing changes.
    Ignore(R),
    /// The sender is told why. Nothing changes.
    Refuse(R),
}

impl<S, R> Verdict<S, R> {
    /// Whether the row does anything.
    pub const fn acts(&self) -> bool {
        matches!(self, Verdict::Go(_) | Verdict::Stay)
    }
}

impl<S: fmt::Display, R: fmt::Display> fmt::Display for Verdict<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Go(state) => write!(f, "go {state}"),
            Verdict::Stay => f.write_str("stay"),
            Verdict::Ignore(reason) => write!(f, "ignore ({reason})"),
            Verdict::Refuse(reason) => write!(f, "refuse ({reason})"),
        }
    }
}

/// A row: in each of the states `from`, on each of the triggers `on`, the same happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Row<S: 'static, T: 'static, O: 'static, R> {
    /// Stands in errors, logs, traces and counterexamples. Never reused for another rule.
    pub id: &'static str,
    /// The states the row holds in.
    pub from: &'static [S],
    /// The triggers the row answers.
    pub on: &'static [T],
    /// What becomes of the event.
    pub verdict: Verdict<S, R>,
    /// What is done, in this order.
    pub ops: &'static [O],
    /// Why.
    pub because: &'static str,
}

impl<S, T, O, R> Row<S, T, O, R> {
    /// A row, written on one line so that a table reads as a table.
    pub const fn new(
        id: &'static str,
        from: &'static [S],
        on: &'static [T],
        verdict: Verdict<S, R>,
        ops: &'static [O],
        because: &'static str,
    ) -> Self {
        Row { id, from, on, verdict, ops, because }
    }

    /// The shape every row of every table has: the first of these that is broken.
    pub const fn misshapen(&self) -> Option<&'static str> {
        if self.id.is_empty() || self.because.is_empty() {
            return Some("has no id or no because");
        }
        if self.from.is_empty() || self.on.is_empty() {
            return Some("covers no cell");
        }
        match (self.verdict.acts(), self.ops.is_empty()) {
            (true, true) => Some("acts but does nothing: ignore or refuse instead"),
            (false, false) => Some("ignores or refuses, yet has ops: refused changes nothing"),
            (true, false) | (false, true) => None,
        }
    }
}

/// `[state][trigger] → row`: see the [module](crate::table).
///
/// `$State` and `$Trigger` are fieldless, derive `EnumCount` and `VariantArray` of strum, and have a
/// `const fn into_str` (strum's `const_into_str` makes one); there may be at most 255 rows.
#[macro_export]
macro_rules! index {
    ($rows:expr, $State:ty, $Trigger:ty) => {{
        const STATES: usize = <$State as ::strum::EnumCount>::COUNT;
        const TRIGGERS: usize = <$Trigger as ::strum::EnumCount>::COUNT;
        const HOLE: u8 = u8::MAX;
        #[allow(clippy::cast_possible_truncation)]
        const fn build() -> [[u8; TRIGGERS]; STATES] {
            let rows = $rows;
            let states = <$State as ::strum::VariantArray>::VARIANTS;
            let triggers = <$Trigger as ::strum::VariantArray>::VARIANTS;
            let mut index = [[HOLE; TRIGGERS]; STATES];
            let mut r = 0;
            while r < rows.len() {
                if let Some(flaw) = rows[r].misshapen() {
                    $crate::table::fail(&["row ", rows[r].id, " ", flaw]);
                }
                let mut f = 0;
                while f < rows[r].from.len() {
                    let mut o = 0;
                    while o < rows[r].on.len() {
                        let (state, trigger) = (rows[r].from[f], rows[r].on[o]);
                        let cell = &mut index[state as usize][trigger as usize];
                        if *cell != HOLE {
                            let other = rows[*cell as usize].id;
                            let (s, t) = (state.into_str(), trigger.into_str());
                            $crate::table::fail(&[
                                "two rows for ",
                                s,
                                " x ",
                                t,
                                ": ",
                                other,
                                " and ",
                                rows[r].id,
                            ]);
                        }
                        *cell = r as u8;
                        o += 1;
                    }
                    f += 1;
                }
                r += 1;
            }
            let mut s = 0;
            while s < STATES {
                let mut t = 0;
                while t < TRIGGERS {
                    if index[s][t] == HOLE {
                        let (s, t) = (states[s].into_str(), triggers[t].into_str());
                        $crate::table::fail(&["no row for ", s, " x ", t]);
                    }
                    t += 1;
                }
                s += 1;
            }
            index
        }
        build()
    }};
}

/// Fails the build with these words, joined.
#[doc(hidden)]
pub const fn fail(words: &[&str]) -> ! {
    let mut text = [0u8; 200];
    let mut length = 0;
    let mut w = 0;
    while w < words.len() {
        let bytes = words[w].as_bytes();
        let mut b = 0;
        while b < bytes.len() && length < text.len() {
            text[length] = bytes[b];
            length += 1;
            b += 1;
        }
        w += 1;
    }
    match core::str::from_utf8(text.split_at(length).0) {
        Ok(message) => panic!("{}", message),
        Err(_) => panic!("a table is not well formed"),
    }
}
