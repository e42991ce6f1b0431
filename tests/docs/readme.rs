//! The README and the pages beside it say what the tables, the crate and the machine say.

use super::{file, page};

/// What stands between `<!-- name… -->` and `<!-- /name -->`.
fn between<'a>(text: &'a str, name: &str) -> &'a str {
    let (_, rest) = text.split_once(&format!("<!-- {name}")).unwrap_or_else(|| panic!("no {name}"));
    let (_, rest) = rest.split_once("-->").unwrap();
    rest.split_once(&format!("<!-- /{name} -->")).unwrap_or_else(|| panic!("no /{name}")).0
}

/// Words alone: how they are marked up, linked and broken into lines is left out.
fn words(text: &str) -> String {
    let mut words = String::new();
    for (place, part) in text.split("](").enumerate() {
        // After the first one, each part begins with the target of a link.
        let part = if place == 0 { part } else { part.split_once(')').unwrap().1 };
        words += &part.replace(['[', ']', '`'], "");
    }
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The doc comment (`///` or `//!`) in a source file, as text.
fn doc(source: &str, mark: &str) -> String {
    let lines = source.lines().filter_map(|line| line.trim_start().strip_prefix(mark));
    lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_diagram_in_the_page_is_that_of_the_table() {
    let expected = format!("\n```mermaid\n{}```\n", page("session.mmd"));
    let told = "docs/machine.md: put docs/generated/session.mmd between the markers of the diagram";
    assert!(between(&file("docs/machine.md"), "diagram") == expected, "{told}");
}

#[test]
fn the_readme_and_the_crate_begin_with_the_same_sentence() {
    let readme = file("README.md");
    let first = doc(&file("src/lib.rs"), "//!");
    let first = first.lines().next().unwrap();
    assert!(readme.contains(&format!("# outlive\n\n{first}\n")), "{first}");
}

#[test]
fn the_contract_in_the_page_is_that_of_the_machine() {
    let machine = doc(&file("src/session/machine.rs"), "///");
    let contract = machine.split_once("changes nothing.\n\n").unwrap().1;
    let contract = contract.split("\n\n").next().unwrap();
    assert_eq!(words(between(&file("docs/machine.md"), "contract")), words(contract));
}

#[test]
fn the_code_in_the_readme_is_that_of_the_example() {
    let readme = file("README.md");
    for part in ["example", "serving"] {
        let shown = between(&readme, part).trim();
        let shown =
            shown.strip_prefix("```rust,ignore\n").and_then(|code| code.strip_suffix("```"));
        let shown = shown.unwrap();
        assert!(file("crates/server/examples/chat.rs").contains(shown), "{shown}");
    }
}

#[test]
fn the_client_in_the_readme_is_that_of_the_example() {
    let expected = format!("\n```js\n{}```\n", file("clients/js/hello.mjs"));
    let told = "README.md: put clients/js/hello.mjs between the markers of the client";
    assert!(between(&file("README.md"), "client") == expected, "{told}");
}

#[cfg(feature = "check")]
#[test]
fn what_check_prints_in_the_page_are_the_worlds_of_today() {
    use outlive::check::world::scopes::PINNED;

    let page = file("docs/checking.md");
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    for (name, states, steps) in PINNED.iter().filter(|(name, ..)| !name.starts_with("nightly_")) {
        let line = page.lines().find(|line| line.split(' ').next() == Some(name)).expect(name);
        let (found, rest) = line.trim_start_matches(name).split_once(" states").expect(name);
        let (made, _) = rest.split_once(" steps").expect(name);
        assert_eq!(
            (digits(found), digits(made)),
            (states.to_string(), steps.to_string()),
            "{name}"
        );
    }
}
