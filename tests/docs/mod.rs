//! The generated pages: up to date, complete, and true to the tables.

mod diagrams;
mod json;
mod links;
mod protocol;
mod readme;
mod schema;
mod words;

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use outlive::docs::{Page, REFRESH, Sheet, pages};

/// A file of the package.
fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = fs::read_to_string(&path);
    text.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All generated pages: the walks among them take a second.
static PAGES: LazyLock<Vec<Page>> = LazyLock::new(pages);

/// A generated page.
fn page(path: &str) -> String {
    let page = PAGES.iter().find(|page| page.path == path);
    page.unwrap_or_else(|| panic!("no page {path}")).text.clone()
}

#[test]
fn the_committed_pages_are_those_that_the_tables_give() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/generated");
    for page in PAGES.iter() {
        let committed = fs::read_to_string(dir.join(page.path)).unwrap_or_default();
        let fresh = committed == page.text;
        assert!(fresh, "docs/generated/{} is stale; refresh with: {REFRESH}", page.path);
    }
    for entry in fs::read_dir(dir).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let known = PAGES.iter().any(|page| page.path == name);
        assert!(known, "docs/generated/{name} is none of the pages; remove it");
    }
}

#[test]
fn every_row_stands_on_its_page_with_an_anchor_and_its_because() {
    for sheet in Sheet::all() {
        let page = page(&format!("{}.md", sheet.name));
        for row in &sheet.rows {
            let anchor =
                format!("<a id=\"{}-{}\"></a>{} |", sheet.name, row.id.to_lowercase(), row.id);
            let line = page.lines().find(|line| line.contains(&anchor));
            let line = line.unwrap_or_else(|| panic!("{} has no {}", sheet.name, row.id));
            assert!(line.contains(row.because), "{line}");
            for op in &row.ops {
                assert!(line.contains(&format!("`{op}`")), "{line} lacks {op}");
            }
        }
    }
}

#[test]
fn every_row_stands_under_a_heading() {
    for sheet in Sheet::all() {
        for row in &sheet.rows {
            assert!(sheet.section_of(row).is_some(), "{} {}", sheet.name, row.id);
        }
    }
}

#[test]
fn the_matrix_has_every_cell_and_links_it_to_its_row() {
    for sheet in Sheet::all() {
        let page = page(&format!("{}.md", sheet.name));
        let matrix = page.split("## Matrix").nth(1).unwrap().split("## Edges").next().unwrap();
        for (t, trigger) in sheet.triggers.iter().enumerate() {
            let start = format!("| `{}` |", trigger.name);
            let line = matrix.lines().find(|line| line.starts_with(&start)).unwrap();
            let cells: Vec<&str> = line.split(" | ").skip(1).collect();
            assert_eq!(cells.len(), sheet.states.len(), "{line}");
            for (s, cell) in cells.iter().enumerate() {
                let row = sheet.rule(s, t);
                let target = format!("(#{}-{})", sheet.name, row.id.to_lowercase());
                assert!(cell.contains(&target), "{cell} is not {}", row.id);
                assert_eq!(row.is_impossible(), cell.contains('—'), "{cell}");
            }
        }
    }
}

#[test]
fn every_link_to_an_anchor_finds_it() {
    let markdown = |page: &Page| Path::new(page.path).extension().is_some_and(|of| of == "md");
    for page in pages().into_iter().filter(markdown) {
        for link in page.text.split("](#").skip(1) {
            let anchor = link.split(')').next().unwrap();
            let placed = page.text.contains(&format!("<a id=\"{anchor}\"></a>"));
            let heading =
                |line: &str| line.starts_with("## ") && line[3..].to_lowercase() == anchor;
            assert!(placed || page.text.lines().any(heading), "{}: #{anchor}", page.path);
        }
    }
}
