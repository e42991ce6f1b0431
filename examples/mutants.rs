//! Temporary.
use outlive::check::{
    Search,
    world::{Bytes, World, mutants::*},
};
use std::collections::BTreeMap;
fn main() {
    let only = std::env::args().nth(1).unwrap_or_default();
    let max: u64 = std::env::args().nth(2).and_then(|s| s.parse().ok()).unwrap_or(400_000);
    let mut size = BTreeMap::new();
    let mut taken: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
    let mut ws = worlds();
    for s in &ws {
        let w = World::new((*s).clone()).unwrap();
        let r = Search::packed(&w, Bytes)
            .threads(2)
            .max_states(max)
            .allow_idle_classes()
            .allow_idle_counters()
            .run();
        size.insert(s.name, r.states);
        for c in &r.counters {
            if c.count > 0 {
                taken.entry(c.name.clone()).or_default().push(s.name);
            }
        }
    }
    ws.sort_by_key(|s| size[s.name]);
    ws.retain(|s| size[s.name] < max);
    eprintln!("{size:?}");
    let all = all();
    let (mut shape, mut killed, mut n) = (0, 0, 0);
    let mut by: BTreeMap<String, usize> = BTreeMap::new();
    let t0 = std::time::Instant::now();
    for m in all.iter().filter(|m| m.name.contains(&only)) {
        n += 1;
        let here: Vec<_> = ws
            .iter()
            .copied()
            .filter(|s| taken.get(m.row()).is_some_and(|t| t.contains(&s.name)))
            .collect();
        match m.fate(&here, 2) {
            Fate::Killed { law, world: None } => {
                shape += 1;
                *by.entry(law).or_default() += 1;
            }
            Fate::Killed { law, world: Some(_) } => {
                killed += 1;
                *by.entry(law).or_default() += 1;
            }
            Fate::Equivalent { why } => println!("equivalent {}: {why}", m.name),
            Fate::Survived => println!("SURVIVED {}", m.name),
        }
    }
    println!("{n} mutants, {shape} by shape, {killed} by law, {:.0?}", t0.elapsed());
    println!("{by:?}");
}
