//! `docs/PERFORMANCE.md`: figures between markers, everything else written by hand.

use std::fs;
use std::path::PathBuf;

/// Replaces what stands between the markers of a section.
pub fn write(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/PERFORMANCE.md");
    let old = fs::read_to_string(&path).expect("docs/PERFORMANCE.md");
    let (open, close) = (format!("<!-- figures: {name} -->\n"), "<!-- /figures -->");
    let (before, rest) = old.split_once(&open).expect("the section's marker");
    let (_, after) = rest.split_once(close).expect("the section's end");
    fs::write(path, format!("{before}{open}{text}{close}{after}")).expect("it can be written");
}

/// A table in Markdown: the first column is words, the others are figures.
pub fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
    let rule: Vec<String> = (0..heads.len())
        .map(|column| if column == 0 { "---" } else { "---:" }.to_owned())
        .collect();
    let body: String = rows.iter().map(|row| line(row)).collect();
    format!("{}{}{body}", line(&heads), line(&rule))
}

/// A number in groups of three digits.
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    groups.iter().map(|group| String::from_utf8_lossy(group)).collect::<Vec<_>>().join(" ")
}
