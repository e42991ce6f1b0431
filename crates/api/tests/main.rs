//! Every public item of every published crate stands in `docs/api/`, so that a change of the API is seen in review.
//!
//! Their documentation is what rustdoc finds no fault with. `UPDATE=1 cargo test -p outlive-api` writes the files anew.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const CRATES: &[&str] = &[
    "outlive",
    "outlive-checker",
    "outlive-server",
    "outlive-client",
    "outlive-gateway",
    "outlive-postgres",
];

/// The JSON of all crates, from one run of cargo with the stages' own folder: what they depend on is checked once.
fn rustdoc(root: &Path) -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root.join("target"), |folder| root.join(folder));
    let packages = CRATES.iter().flat_map(|name| ["--package", name]);
    let mut cargo = Command::new(env!("CARGO"));
    // What this run of cargo says of this package; build scripts that look at it would run again, in both directions.
    for (name, _) in env::vars()
        .filter(|(name, _)| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
    {
        cargo.env_remove(name);
    }
    let status = cargo
        .args(["doc", "--quiet", "--no-deps", "--all-features"])
        .args(packages)
        .current_dir(root)
        .env("RUSTDOC", env!("CARGO_BIN_EXE_rustdoc-json"))
        .env("RUSTDOCFLAGS", "-D warnings -Z unstable-options --output-format json")
        .env("CARGO_TARGET_DIR", &target)
        .status();
    assert!(status.expect("cargo starts").success(), "rustdoc finds a fault");
    target.join("doc")
}

#[test]
fn the_public_items_are_those_that_are_checked_in() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (folder, written) = (root.join("docs/api"), rustdoc(&root));
    fs::create_dir_all(&folder).unwrap();
    let mut stale = Vec::new();
    for name in CRATES {
        let json = written.join(name.replace('-', "_")).with_extension("json");
        let api = public_api::Builder::from_rustdoc_json(json)
            .omit_blanket_impls(true)
            .omit_auto_trait_impls(true)
            .omit_auto_derived_impls(true)
            .build()
            .expect("rustdoc's JSON is of a known form");
        let text: String = api.items().map(|item| format!("{item}\n")).collect();
        let file = folder.join(format!("{name}.txt"));
        if fs::read_to_string(&file).unwrap_or_default() != text {
            if env::var_os("UPDATE").is_some() {
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
