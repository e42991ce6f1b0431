//! Medians, and tables in Markdown.

/// The value in the middle.
pub fn median(values: &mut [f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value below which this part of them lies.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "an index"
)]
pub fn quantile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (values.len().saturating_sub(1) as f64 * part).round() as usize;
    values.get(place).copied().unwrap_or(f64::NAN)
}

/// A table's head.
pub fn head(title: &str, about: &str, columns: &[&str]) {
    println!("\n#### {title}\n\n{about}\n");
    row(columns);
    println!("|{}", "---|".repeat(columns.len()));
}

/// A line of a table.
pub fn row(cells: &[impl AsRef<str>]) {
    let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
    println!("| {} |", cells.join(" | "));
}

/// The median of the ratios within a round, and their least and largest.
pub fn ratios(ours: &[f64], theirs: &[f64]) -> String {
    let mut ratios: Vec<f64> =
        ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
    let middle = median(&mut ratios);
    let (least, most) = (quantile(&mut ratios, 0.0), quantile(&mut ratios, 1.0));
    format!("{}×, {} to {}", show(middle), show(least), show(most))
}

/// A number with as many places as help.
pub fn show(value: f64) -> String {
    match value {
        _ if !value.is_finite() => "–".into(),
        _ if value >= 1_000.0 => group(value.round()),
        _ if value >= 100.0 => format!("{value:.0}"),
        _ if value >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn group(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}
