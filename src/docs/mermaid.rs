//! A Mermaid state diagram.
//!
//! One edge for each pair of states: with one for each trigger, Mermaid draws some over others and
//! loses them. What acts and stays is not drawn; it is in the matrix of the page.

use alloc::format;
use alloc::string::String;

use super::diagram::lines;
use super::sheet::{Group, Sheet};

const WIDTH: usize = 36;

/// The diagram, as `stateDiagram-v2`.
pub fn render(sheet: &Sheet) -> String {
    let mut text = String::from("stateDiagram-v2\n    direction TB\n");
    if let Some(initial) = sheet.initial {
        text += &format!("    [*] --> {initial}\n");
    }
    let within = |state: &str| {
        let members = sheet.group.map_or(&[][..], |group| group.states);
        members.contains(&state)
    };
    let (inner, outer): (String, String) = {
        let mut sides = (String::new(), String::new());
        for arrow in sheet.arrows() {
            let label = lines(&arrow.by, WIDTH).join("<br/>");
            let edge = format!("{} --> {} : {label}\n", arrow.tail, arrow.to);
            if within(arrow.tail) && within(arrow.to) {
                sides.0 += &format!("        {edge}");
            } else {
                sides.1 += &format!("    {edge}");
            }
        }
        sides
    };
    if let Some(Group { name, title, .. }) = sheet.group {
        text += &format!("    state \"{title}\" as {name} {{\n{inner}    }}\n");
    }
    text + &outer
}
