//! What the diagrams show: where a table goes, and by what.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::sheet::Sheet;
use crate::table::Verdict;

/// All that leads from one state to another.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Edge {
    /// From this state,
    pub from: &'static str,
    /// to this one,
    pub to: &'static str,
    /// by these, in the order of the triggers.
    pub by: Vec<By>,
}

/// A trigger, and the rows that answer it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct By {
    /// The trigger.
    pub trigger: &'static str,
    /// The rows, by id.
    pub rows: Vec<&'static str>,
}

/// An edge as it is drawn: what all states of a group have in common is drawn once, from the group.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Arrow {
    /// The state, or the group, that it is drawn from.
    pub tail: &'static str,
    /// The states it stands for: one, or those of the group.
    pub from: Vec<&'static str>,
    /// The state it leads to.
    pub to: &'static str,
    /// By these.
    pub by: Vec<By>,
}

impl Sheet {
    /// Where the table goes: an edge for each pair of states, in the order of the states.
    pub fn edges(&self) -> Vec<Edge> {
        let mut edges = Vec::new();
        for (s, from) in self.states.iter().enumerate() {
            for to in &self.states {
                let goes = |t: usize| self.rule(s, t).verdict == Verdict::Go(to.name);
                let by: Vec<By> = (0..self.triggers.len())
                    .filter(|t| goes(*t))
                    .map(|t| By { trigger: self.triggers[t].name, rows: vec![self.rule(s, t).id] })
                    .collect();
                if !by.is_empty() {
                    let (from, to) = (from.name, to.name);
                    edges.push(Edge { from, to, by });
                }
            }
        }
        edges
    }

    /// The edges as they are drawn.
    pub fn arrows(&self) -> Vec<Arrow> {
        let edges = self.edges();
        let lifted = self.lifted(&edges);
        let mut arrows: Vec<Arrow> = edges.iter().filter_map(|edge| rest(edge, &lifted)).collect();
        arrows.extend(lifted);
        arrows
    }

    /// What leads from each state of the group to the same state outside, by the same trigger.
    fn lifted(&self, edges: &[Edge]) -> Vec<Arrow> {
        let Some(group) = self.group else {
            return Vec::new();
        };
        let outside = self.states.iter().map(|state| state.name);
        outside
            .filter(|to| !group.states.contains(to))
            .filter_map(|to| {
                let of = |from: &str| edges.iter().find(|edge| edge.from == from && edge.to == to);
                let members: Option<Vec<&Edge>> =
                    group.states.iter().map(|from| of(from)).collect();
                let members = members?;
                let (first, others) = members.split_first()?;
                let by: Vec<By> = first.by.iter().filter_map(|by| common(by, others)).collect();
                (!by.is_empty()).then(|| Arrow {
                    tail: group.name,
                    from: group.states.to_vec(),
                    to,
                    by,
                })
            })
            .collect()
    }
}

/// The trigger with the rows of all these edges, if all have it.
fn common(by: &By, others: &[&Edge]) -> Option<By> {
    let mut rows = by.rows.clone();
    for edge in others {
        let same = edge.by.iter().find(|other| other.trigger == by.trigger)?;
        for row in &same.rows {
            if !rows.contains(row) {
                rows.push(row);
            }
        }
    }
    Some(By { trigger: by.trigger, rows })
}

/// What of an edge is not drawn from the group.
fn rest(edge: &Edge, lifted: &[Arrow]) -> Option<Arrow> {
    let drawn = |by: &By| {
        lifted.iter().any(|arrow| {
            arrow.to == edge.to
                && arrow.from.contains(&edge.from)
                && arrow.by.iter().any(|other| other.trigger == by.trigger)
        })
    };
    let by: Vec<By> = edge.by.iter().filter(|by| !drawn(by)).cloned().collect();
    (!by.is_empty()).then(|| Arrow { tail: edge.from, from: vec![edge.from], to: edge.to, by })
}

/// The triggers of an arrow, broken into lines of at most `width` characters where words allow it.
pub(super) fn lines(by: &[By], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let last = by.len().saturating_sub(1);
    for (place, by) in by.iter().enumerate() {
        let comma = if place == last { "" } else { "," };
        match lines.last_mut() {
            Some(line) if line.len() + 2 + by.trigger.len() <= width => {
                line.push(' ');
                line.push_str(by.trigger);
                line.push_str(comma);
            }
            Some(_) | None => lines.push(format!("{}{comma}", by.trigger)),
        }
    }
    lines
}
