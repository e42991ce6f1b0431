//! Peers, measured in turn.
//!
//! The machine may be shared, so no time stands alone: in each round every peer does the same work once, a
//! ratio is taken within the round, and the median of the rounds is what is shown. Time is the processor's,
//! of this thread; what others cost by emptying the caches is still in it.

use std::fs;
use std::hint::black_box;

use cpu_time::ThreadTime;

use crate::Effort;

/// Some work, by name. It returns what it came to, which must be the same for all.
pub struct Peer<'a> {
    pub name: String,
    pub work: Box<dyn FnMut() -> u64 + 'a>,
}

/// What a peer took.
pub struct Taken {
    pub name: String,
    /// The median, in nanoseconds a unit of work.
    pub nanoseconds: f64,
    /// The median of the ratios to the first peer.
    pub ratio: f64,
}

pub fn peer<'a>(name: &str, work: impl FnMut() -> u64 + 'a) -> Peer<'a> {
    Peer { name: name.to_owned(), work: Box::new(work) }
}

/// [`side_by_side`], for peers that do the same: once to warm up, and they must come to the same.
pub fn compare(effort: Effort, units: usize, mut peers: Vec<Peer<'_>>) -> Vec<Taken> {
    let results: Vec<u64> = peers.iter_mut().map(|peer| (peer.work)()).collect();
    for (peer, result) in peers.iter().zip(&results) {
        assert_eq!(*result, results[0], "{} does not do what {} does", peer.name, peers[0].name);
    }
    side_by_side(effort, units, peers)
}

/// Lets all peers work in turn. `units` is the work's size.
pub fn side_by_side(effort: Effort, units: usize, mut peers: Vec<Peer<'_>>) -> Vec<Taken> {
    let mut times = vec![Vec::new(); peers.len()];
    for _ in 0..effort.rounds {
        for (peer, times) in peers.iter_mut().zip(&mut times) {
            let clock = ThreadTime::now();
            black_box((peer.work)());
            times.push(clock.elapsed().as_nanos() as f64 / units as f64);
        }
    }
    let ratio = |own: &[f64]| median(own.iter().zip(&times[0]).map(|(own, first)| own / first));
    let taken = |(peer, own): (&Peer<'_>, &Vec<f64>)| Taken {
        name: peer.name.clone(),
        nanoseconds: median(own.iter().copied()),
        ratio: ratio(own),
    };
    peers.iter().zip(&times).map(taken).collect()
}

pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The processor's seconds of the children this process waited for, to a hundredth.
pub fn seconds_of_children() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(13).take(2);
    ticks.map(|field| field.parse().unwrap_or(0.0)).sum::<f64>() / 100.0
}

/// A small generator of numbers (splitmix64): the same streams on every machine.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }
}
