//! The words of a small table.

use outlive::table::Word;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Door {
    Open,
    Shut,
}

impl Word for Door {
    const ALL: &'static [Door] = &[Door::Open, Door::Shut];
    const NAMES: &'static [&'static str] = &["OPEN", "SHUT"];

    fn place(self) -> usize {
        self as usize
    }

    fn meaning(self) -> &'static str {
        ""
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Push {
    Pull,
    Slam,
}

impl Word for Push {
    const ALL: &'static [Push] = &[Push::Pull, Push::Slam];
    const NAMES: &'static [&'static str] = &["PULL", "SLAM"];

    fn place(self) -> usize {
        self as usize
    }

    fn meaning(self) -> &'static str {
        ""
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Swing,
    Lock,
}

impl Op {
    pub const fn rank(self) -> u16 {
        self as u16
    }
}
