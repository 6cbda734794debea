//! Prefetches the weights of the next products.

use crate::ops::Team;
use hefu_numerics::matrix::Matrix;

use crate::layout::{GROUP, group_bytes};

/// Most bytes of a thread's stretch that it is told of beforehand: a part of L2, beside what the work until
/// then needs there.
const MOST_PREFETCHED: usize = 192 * 1024;

/// See [`crate::ops::Ops::prefetch`]: each thread's stretch begins where `parallel_ranges` lets it begin.
pub fn prefetch(team: &dyn Team, matrices: &[&Matrix]) {
    let threads = team.threads();
    let groups: usize = matrices.iter().map(|matrix| matrix.rows.div_ceil(GROUP)).sum();
    for thread in 0..threads {
        let mut first = groups * thread / threads;
        let count = groups * (thread + 1) / threads - first;
        for matrix in matrices {
            let (its_groups, bytes) = (matrix.rows.div_ceil(GROUP), group_bytes(matrix.format, matrix.columns));
            if first < its_groups {
                let end = (first + count).min(its_groups);
                let stretch = matrix.bytes().get(first * bytes..end * bytes).unwrap_or_default();
                team.prefetch(thread, &stretch[..stretch.len().min(MOST_PREFETCHED)]);
                break;
            }
            first -= its_groups;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use hefu_numerics::quant::FORMATS;

    use super::*;

    /// Threads that only listen.
    struct Listeners(usize, Mutex<Vec<(usize, Vec<u8>)>>);

    impl Team for Listeners {
        fn threads(&self) -> usize {
            self.0
        }

        fn run(&self, _: &(dyn Fn(usize) + Sync)) {}

        fn prefetch(&self, thread: usize, bytes: &[u8]) {
            self.1.lock().unwrap().push((thread, bytes.to_vec()));
        }
    }

    #[test]
    fn each_thread_is_told_of_the_beginning_of_its_own_stretch() {
        let format = FORMATS.iter().find(|format| format.name == "F32").unwrap();
        // Two matrices of 3 and 5 groups; each byte is its group's number.
        let bytes = group_bytes(format, 64);
        let matrix = |groups: std::ops::Range<u8>| {
            let memory: Vec<u8> = groups.flat_map(|group| std::iter::repeat_n(group, bytes)).collect();
            let (rows, range) = (memory.len() / bytes * GROUP, 0..memory.len());
            Matrix { format, rows, columns: 64, memory: Arc::new(memory), range }
        };
        let matrices = [&matrix(0..3), &matrix(3..8)];
        let told = |threads| {
            let team = Listeners(threads, Mutex::default());
            prefetch(&team, &matrices);
            let told = team.1.into_inner().unwrap();
            let spans = told.iter().map(|(thread, bytes)| (*thread, bytes.first().copied(), bytes.len()));
            spans.collect::<Vec<_>>()
        };
        // A stretch ends with its matrix at the latest.
        assert_eq!(told(1), [(0, Some(0), 3 * bytes)]);
        assert_eq!(told(2), [(0, Some(0), 3 * bytes), (1, Some(4), 4 * bytes)]);
        assert_eq!(told(4)[2..], [(2, Some(4), 2 * bytes), (3, Some(6), 2 * bytes)]);
        assert_eq!(told(9).len(), 9, "also those that have nothing to do");
        let large = matrix(0..64);
        let team = Listeners(1, Mutex::default());
        prefetch(&team, &[&large]);
        assert_eq!(team.1.into_inner().unwrap()[0].1.len(), MOST_PREFETCHED);
        prefetch(&Listeners(2, Mutex::default()), &[]);
    }
}
