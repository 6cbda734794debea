#![allow(dead_code)]
mod words;
use words::*;

fn main() {
    answer(|words| {
        let count = words.whole();
        let merges: Vec<Vec<u64>> = (0..count).map(|_| words.wholes(2)).collect();
        let length = words.whole();
        let mut ids = words.wholes(length);
        loop {
            let rank = |pair: &[u64]| merges.iter().position(|merge| merge == pair);
            let found = ids.windows(2).enumerate().filter_map(|(at, pair)| Some((rank(pair)?, at)));
            let Some((rank, at)) = found.min() else { break };
            ids.splice(at..at + 2, [256 + rank as u64]);
        }
        ids.iter().map(u64::to_string).collect()
    });
}
