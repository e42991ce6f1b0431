//! The page of the laws.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use strum::VariantArray;

use crate::law::{Law, Place};

/// The page.
pub fn page() -> String {
    let mut text = super::markdown::head("The laws");
    text += "What must always hold. The names are those in reports, traces and errors.\n\n";
    text += "| checked | |\n|---|---|\n";
    for place in Place::VARIANTS {
        text += &format!("| {} | {} |\n", place.into_str(), place.meaning());
    }
    text += "\n| law | | checked |\n|---|---|---|\n";
    for law in Law::VARIANTS {
        let (name, meaning) = (law.into_str(), law.meaning());
        let places: Vec<&str> = law.checked().iter().map(|place| place.into_str()).collect();
        let places = places.join(", ");
        text += &format!("| <a id=\"{name}\"></a>`{name}` | {meaning} | {places} |\n");
    }
    text
}
