//! Every public item of every published crate stands in `docs/api/`, so that a change of the API is seen in review.
//!
//! Needs a nightly toolchain, whose rustdoc writes JSON. `UPDATE=1 cargo test -p outlive-api` writes the files anew.

use std::fs;
use std::path::Path;

const CRATES: &[(&str, &str)] = &[
    ("outlive", "."),
    ("outlive-checker", "crates/checker"),
    ("outlive-server", "crates/server"),
    ("outlive-client", "crates/client"),
    ("outlive-gateway", "crates/gateway"),
    ("outlive-postgres", "crates/postgres"),
];

#[test]
fn the_public_items_are_those_that_are_checked_in() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = root.join("docs/api");
    fs::create_dir_all(&folder).unwrap();
    let mut stale = Vec::new();
    for (name, path) in CRATES {
        let json = rustdoc_json::Builder::default()
            .toolchain("nightly")
            .manifest_path(root.join(path).join("Cargo.toml"))
            .target_dir(root.join("target/api"))
            .all_features(true)
            .quiet(true)
            .build()
            .expect("rustdoc writes JSON");
        let api = public_api::Builder::from_rustdoc_json(json)
            .omit_blanket_impls(true)
            .omit_auto_trait_impls(true)
            .omit_auto_derived_impls(true)
            .build()
            .expect("rustdoc's JSON is of a known form");
        let text: String = api.items().map(|item| format!("{item}\n")).collect();
        let file = folder.join(format!("{name}.txt"));
        if fs::read_to_string(&file).unwrap_or_default() != text {
            if std::env::var_os("UPDATE").is_some() {
                fs::write(&file, &text).unwrap();
            } else {
                stale.push(*name);
            }
        }
    }
    assert!(
        stale.is_empty(),
        "the public items of {stale:?} have changed: write docs/api anew with `UPDATE=1 cargo test -p outlive-api`, \
         and look at the difference"
    );
}
