//! Hand-written pages do not restate a rule: they link to it, and what they link to exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::file;

/// Where pages are written by hand, beside the folders of the crates.
const FOLDERS: [&str; 7] = [
    "",
    "clients/js",
    "clients/python",
    "docs",
    "examples",
    "proptest-regressions",
    "tests/incidents",
];

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path())
}

/// The pages that are written by hand, as paths in the package.
fn pages() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = Vec::new();
    let crates = entries(&root.join("crates")).filter(|path| path.is_dir());
    for folder in FOLDERS.iter().map(|folder| root.join(folder)).chain(crates) {
        for path in entries(&folder) {
            if path.extension().is_some_and(|of| of == "md") {
                pages.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    pages.sort();
    pages
}

/// Without what is fenced or quoted as code.
fn prose(text: &str) -> String {
    let mut prose = String::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            // Every second part is quoted; what a link says may be quoted as well.
            prose.extend(line.split('`').step_by(2));
            prose.push('\n');
        }
    }
    prose
}

/// The targets of a page's links.
fn links(text: &str) -> Vec<String> {
    let prose = prose(text);
    let targets = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://")).map(str::to_owned).collect()
}

/// The anchors of a page: those that are set, and those that its headings make.
fn anchors(text: &str) -> BTreeSet<String> {
    let set = text.split("<a id=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let headings = text.lines().filter_map(|line| {
        line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#'))
    });
    let slug = |heading: &str| -> String {
        let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
        heading
            .to_lowercase()
            .chars()
            .filter(kept)
            .map(|c| if c == ' ' { '-' } else { c })
            .collect()
    };
    set.map(str::to_owned).chain(headings.map(slug)).collect()
}

#[test]
fn every_link_in_a_page_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut broken = Vec::new();
    for page in pages() {
        let folder = Path::new(&page).parent().unwrap();
        for link in links(&file(&page)) {
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if path.is_empty() { PathBuf::from(&page) } else { folder.join(path) };
            let there = root.join(&target).exists();
            let named = anchor.is_empty()
                || there && anchors(&file(target.to_str().unwrap())).contains(anchor);
            if !(there && named) {
                broken.push(format!("{page}: {link}"));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn a_row_that_is_named_in_a_page_of_reasons_is_linked() {
    // An id in the prose of the pages that give reasons is a link, so that a renamed row is noticed.
    let ids: BTreeSet<&str> = outlive::session::table::ROWS.iter().map(|row| row.id).collect();
    for page in ["docs/DESIGN.md", "docs/ARCHITECTURE.md"] {
        let text = prose(&file(page));
        let unlinked: String = text
            .split('[')
            .map(|part| part.split_once("](").map_or(part, |(_, rest)| rest))
            .collect();
        let words = unlinked.split(|c: char| !c.is_ascii_alphanumeric());
        let loose: Vec<&str> = words.filter(|word| ids.contains(word)).collect();
        assert!(loose.is_empty(), "{page} names {loose:?} without a link");
    }
}
