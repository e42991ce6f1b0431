//! A Graphviz source: `dot -Tsvg`.

use alloc::format;
use alloc::string::String;

use super::diagram::lines;
use super::sheet::Sheet;

const WIDTH: usize = 30;

/// The diagram, as a `digraph`. What acts and stays is not drawn.
pub fn render(sheet: &Sheet) -> String {
    let mut text = format!("digraph {} {{\n", sheet.name);
    text += "    compound = true\n";
    text += "    node [shape = box, style = rounded, fontname = \"sans-serif\"]\n";
    text += "    edge [fontname = \"monospace\", fontsize = 10]\n";
    for state in &sheet.states {
        let (name, meaning) = (state.name, state.meaning);
        text += &format!("    {name} [tooltip = \"{meaning}\"]\n");
    }
    if let Some(group) = sheet.group {
        let (name, title) = (group.name, group.title);
        text += &format!("    subgraph cluster_{name} {{\n        label = \"{title}\"\n");
        text += &format!("        {}\n    }}\n", group.states.join("; "));
    }
    if let Some(initial) = sheet.initial {
        text += &format!("    begin [shape = point]\n    begin -> {initial}\n");
    }
    for arrow in sheet.arrows() {
        let label = lines(&arrow.by, WIDTH).join("\\n");
        let from = arrow.from.first().copied().unwrap_or_default();
        let tail = if arrow.tail == from {
            String::new()
        } else {
            format!(", ltail = cluster_{}", arrow.tail)
        };
        text += &format!("    {from} -> {} [label = \"{label}\"{tail}]\n", arrow.to);
    }
    text + "}\n"
}
