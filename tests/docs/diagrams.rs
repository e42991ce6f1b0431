//! Nothing that leads anywhere is lost in a diagram.

use std::collections::BTreeSet;

use outlive::docs::Sheet;

use super::page;

/// `(from, trigger, to)` of everything that goes.
type Moves = BTreeSet<(String, String, String)>;

/// By the cells, one by one.
fn of_cells(sheet: &Sheet) -> Moves {
    let mut moves = Moves::new();
    for (s, state) in sheet.states.iter().enumerate() {
        for (t, trigger) in sheet.triggers.iter().enumerate() {
            if let outlive::table::Verdict::Go(to) = sheet.rule(s, t).verdict {
                moves.insert((state.name.into(), trigger.name.into(), to.into()));
            }
        }
    }
    moves
}

/// What a diagram says, arrow by arrow: its tail is a state, or the group and so each of its states.
fn of_arrows<'a>(
    sheet: &Sheet,
    arrows: impl Iterator<Item = (&'a str, &'a str, Vec<&'a str>)>,
) -> Moves {
    let mut moves = Moves::new();
    for (tail, to, triggers) in arrows {
        let group = sheet.group.filter(|group| group.name == tail);
        let tails = group.map_or(vec![tail], |group| group.states.to_vec());
        for (tail, trigger) in tails.iter().flat_map(|tail| triggers.iter().map(move |t| (tail, t)))
        {
            moves.insert(((*tail).into(), (*trigger).into(), to.into()));
        }
    }
    moves
}

fn with_diagram() -> impl Iterator<Item = Sheet> {
    Sheet::all().into_iter().filter(|sheet| !sheet.edges().is_empty())
}

#[test]
fn the_mermaid_diagram_shows_every_move_and_no_other() {
    for sheet in with_diagram() {
        let text = page(&format!("{}.mmd", sheet.name));
        let arrows = text.lines().filter(|line| !line.contains("[*]")).filter_map(|line| {
            let (tail, rest) = line.trim().split_once(" --> ")?;
            let (to, label) = rest.split_once(" : ")?;
            Some((
                tail,
                to,
                label.split(',').map(|t| t.trim_start_matches("<br/>").trim()).collect(),
            ))
        });
        assert_eq!(of_arrows(&sheet, arrows), of_cells(&sheet), "{}", sheet.name);
        assert!(text.contains(&format!("[*] --> {}", sheet.initial.unwrap())));
    }
}

#[test]
fn the_graphviz_source_shows_every_move_and_no_other() {
    for sheet in with_diagram() {
        let text = page(&format!("{}.dot", sheet.name));
        let arrows = text.lines().filter_map(|line| {
            let (tail, rest) = line.trim().split_once(" -> ")?;
            let (to, rest) = rest.split_once(" [label = \"")?;
            let (label, rest) = rest.split_once('"')?;
            let group = rest.split_once("cluster_").map(|(_, name)| name.trim_end_matches(']'));
            let triggers = label.split(',').map(|t| t.trim_start_matches("\\n").trim()).collect();
            Some((group.unwrap_or(tail), to, triggers))
        });
        assert_eq!(of_arrows(&sheet, arrows), of_cells(&sheet), "{}", sheet.name);
    }
}

#[test]
fn the_picture_shows_every_move_and_no_other_in_its_labels_and_in_its_titles() {
    for sheet in with_diagram() {
        let text = page(&format!("{}.svg", sheet.name));
        let (mut labels, mut titles) = (Moves::new(), Moves::new());
        for arrow in text.split("<g><title>").skip(1) {
            let (title, drawn) = arrow.split_once("</title>").unwrap();
            let (ends, by) = title.split_once(": ").unwrap();
            let (from, to) = ends.split_once(" to ").unwrap();
            let spans = drawn.split("</tspan>").filter_map(|span| span.rsplit_once('>'));
            let spans: Vec<&str> = spans.map(|(_, words)| words).collect();
            let spans = spans.join(" ");
            for from in from.split(", ") {
                for label in spans.split(',').map(str::trim).filter(|word| !word.is_empty()) {
                    labels.insert((from.into(), label.into(), to.into()));
                }
                for by in by.split("), ") {
                    let (trigger, _) = by.split_once(" (").unwrap();
                    titles.insert((from.into(), trigger.into(), to.into()));
                }
            }
        }
        assert_eq!(titles, of_cells(&sheet), "{}", sheet.name);
        assert_eq!(labels, of_cells(&sheet), "{}", sheet.name);
    }
}

#[test]
fn everything_in_a_picture_was_placed_by_hand() {
    for sheet in with_diagram() {
        let unplaced = outlive::docs::svg::unplaced(&sheet);
        assert!(unplaced.is_empty(), "add to src/docs/layout.rs, then look at it: {unplaced:?}");
    }
}
