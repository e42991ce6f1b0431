//! A row ignores, and has an op all the same.

use outlive::table::{Row, Verdict};
use strum::{EnumCount, IntoStaticStr, VariantArray};

#[derive(Clone, Copy, VariantArray, EnumCount, IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE", const_into_str)]
enum Door {
    Open,
    Shut,
}

#[derive(Clone, Copy, VariantArray, EnumCount, IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE", const_into_str)]
enum Push {
    Pull,
    Slam,
}

const ROWS: &[Row<Door, Push, (), ()>] = &[
    Row::new("D1", &[Door::Open], &[Push::Pull, Push::Slam], Verdict::Go(Door::Shut), &[()], "…"),
    Row::new("D2", &[Door::Shut], &[Push::Pull], Verdict::Go(Door::Open), &[()], "…"),
    Row::new("D3", &[Door::Shut], &[Push::Slam], Verdict::Ignore(()), &[()], "…"),
];

const INDEX: [[u8; 2]; 2] = outlive::index!(ROWS, Door, Push);

fn main() {
    let _ = INDEX;
}
