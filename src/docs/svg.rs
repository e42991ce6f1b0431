//! A picture of where a table goes, self-contained, for light and dark.
//!
//! The lines are `currentColor`: in a page the picture takes the page's colour, and alone the one that
//! suits the reader's scheme. What acts and stays is not drawn.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::diagram::{Arrow, lines};
use super::layout::{self, Align, Layout, Point, Route};
use super::sheet::Sheet;

/// Half a state's box.
const HALF: Point = (60, 18);
const LINE_HEIGHT: i32 = 14;

const HEAD: &str = "<style>
svg:root { color: #1f2328 }
@media (prefers-color-scheme: dark) { svg:root { color: #e6edf3 } }
</style>
";

/// The picture; empty for a table that goes nowhere.
pub fn render(sheet: &Sheet) -> String {
    let Some(layout) = layout::of(sheet.name) else {
        return String::new();
    };
    let (width, height) = layout.size;
    let title = sheet.title;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" role=\"img\" fill=\"none\" stroke=\"currentColor\" \
         font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, monospace\" \
         font-size=\"11\">\n<title>{title}: its states, and what leads from one to another</title>\n"
    );
    text += HEAD;
    text += &format!(
        "<defs><marker id=\"{0}-tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" \
         markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0.5 8 4 0 7.5z\" fill=\"currentColor\" \
         stroke=\"none\"/></marker></defs>\n",
        sheet.name
    );
    text += &frame(sheet, layout);
    for arrow in sheet.arrows() {
        text += &draw(sheet, layout, &arrow);
    }
    for state in &sheet.states {
        let place = place_of(layout, state.name);
        let initial = sheet.initial == Some(state.name);
        text += &state_box(sheet, state.name, state.meaning, place, initial);
    }
    text + "</svg>\n"
}

/// What has no place in the layout yet: it is drawn, but perhaps over something else.
pub fn unplaced(sheet: &Sheet) -> Vec<String> {
    let Some(layout) = layout::of(sheet.name) else {
        return Vec::new();
    };
    let placed = |name: &str| layout.states.iter().any(|(state, _)| *state == name);
    let states = sheet.states.iter().filter(|state| !placed(state.name));
    let states = states.map(|state| String::from(state.name));
    let arrows = sheet.arrows();
    let arrows = arrows.iter().filter(|arrow| route(layout, arrow).is_none());
    let arrows = arrows.map(|arrow| format!("{} to {}", arrow.tail, arrow.to));
    states.chain(arrows).collect()
}

fn route<'a>(layout: &'a Layout, arrow: &Arrow) -> Option<&'a Route> {
    let its = |route: &&Route| route.tail == arrow.tail && route.to == arrow.to;
    layout.routes.iter().find(its)
}

fn frame(sheet: &Sheet, layout: &Layout) -> String {
    let (Some(((left, top), (right, bottom))), Some(group)) = (layout.frame, sheet.group) else {
        return String::new();
    };
    let (width, height) = (right - left, bottom - top);
    let (x, y) = (left + 12, bottom - 10);
    let title = group.title;
    format!(
        "<g id=\"{0}-{1}\"><rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" \
         rx=\"10\" stroke-dasharray=\"5 4\" stroke-opacity=\"0.5\"/>\
         <text x=\"{x}\" y=\"{y}\" fill=\"currentColor\" stroke=\"none\" font-style=\"italic\">\
         {title}</text></g>\n",
        sheet.name, group.name
    )
}

fn state_box(sheet: &Sheet, name: &str, meaning: &str, at: Point, initial: bool) -> String {
    let (x, y) = (at.0 - HALF.0, at.1 - HALF.1);
    let (width, height) = (2 * HALF.0, 2 * HALF.1);
    let mut text = format!(
        "<g id=\"{0}-{name}\"><title>{name}: {meaning}</title>\
         <rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"9\" \
         fill=\"currentColor\" fill-opacity=\"0.08\" stroke-width=\"1.5\"/>\
         <text x=\"{1}\" y=\"{2}\" text-anchor=\"middle\" font-size=\"13\" font-weight=\"bold\" \
         fill=\"currentColor\" stroke=\"none\">{name}</text></g>\n",
        sheet.name,
        at.0,
        at.1 + 5
    );
    if initial {
        let (x, tip) = (at.0, y - 1);
        text += &format!(
            "<circle cx=\"{x}\" cy=\"{0}\" r=\"5\" fill=\"currentColor\"/>\
             <path d=\"M{x} {0}V{tip}\" marker-end=\"url(#{1}-tip)\"/>\n",
            y - 30,
            sheet.name
        );
    }
    text
}

fn draw(sheet: &Sheet, layout: &Layout, arrow: &Arrow) -> String {
    let (path, at, align, width) = match route(layout, arrow) {
        Some(route) => (curve(route.path), route.label, route.align, route.width),
        None => straight(layout, arrow),
    };
    let by = arrow.by.iter().map(|by| format!("{} ({})", by.trigger, by.rows.join(", ")));
    let by: Vec<String> = by.collect();
    let title = format!("{} to {}: {}", arrow.from.join(", "), arrow.to, by.join(", "));
    let lines = lines(&arrow.by, width);
    let anchor = match align {
        Align::Left => "start",
        Align::Middle => "middle",
        Align::Right => "end",
    };
    let below = i32::try_from(lines.len()).unwrap_or(1) - 1;
    let first = at.1 + 4 - below * LINE_HEIGHT / 2;
    let mut text = format!(
        "<g><title>{title}</title><path d=\"{path}\" marker-end=\"url(#{0}-tip)\"/>\
         <text text-anchor=\"{anchor}\" fill=\"currentColor\" stroke=\"none\">",
        sheet.name
    );
    for (y, line) in (first..).step_by(LINE_HEIGHT.unsigned_abs() as usize).zip(&lines) {
        text += &format!("<tspan x=\"{0}\" y=\"{y}\">{line}</tspan>", at.0);
    }
    text + "</text></g>\n"
}

fn curve(path: &[Point]) -> String {
    let mut text = String::new();
    for (place, (x, y)) in path.iter().enumerate() {
        let mark = match place {
            0 => "M",
            1 => "C",
            _ => " ",
        };
        text += &format!("{mark}{x} {y}");
    }
    text
}

/// For an arrow without a place in the layout: from border to border, its label in the middle.
fn straight(layout: &Layout, arrow: &Arrow) -> (String, Point, Align, usize) {
    let from = arrow.from.first().copied().unwrap_or(arrow.tail);
    let (from, to) = (place_of(layout, from), place_of(layout, arrow.to));
    let down = if to.1 >= from.1 { HALF.1 } else { -HALF.1 };
    let path = curve(&[(from.0, from.1 + down), from, to, (to.0, to.1 - down)]);
    let between = |a: i32, b: i32| a + (b - a) / 2;
    let middle = (between(from.0, to.0), between(from.1, to.1));
    (path, middle, Align::Left, 20)
}

/// The middle of a state's box; the corner for a state without a place in the layout.
fn place_of(layout: &Layout, state: &str) -> Point {
    let placed = layout.states.iter().find(|(name, _)| *name == state);
    placed.map_or(HALF, |(_, place)| *place)
}
