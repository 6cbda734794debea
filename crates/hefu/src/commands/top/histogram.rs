//! Percentiles from the buckets of a histogram.

/// A cumulative histogram: how many observations were at most each bound, in seconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Histogram {
    /// Bound and count; ascending, the last bound infinite.
    buckets: Vec<(f64, f64)>,
}

impl Histogram {
    /// Takes buckets in any order; what is not a number is left out.
    pub(super) fn new(buckets: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let mut buckets: Vec<_> =
            buckets.into_iter().filter(|(bound, count)| !bound.is_nan() && count.is_finite()).collect();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self { buckets }
    }

    /// Number of observations.
    pub(super) fn count(&self) -> f64 {
        self.buckets.last().map_or(0.0, |(_, count)| *count)
    }

    /// Observations since an earlier moment; all of them if the server has begun anew since.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        let is_same = self.buckets.len() == earlier.buckets.len() && earlier.count() <= self.count();
        if !is_same {
            return self.clone();
        }
        let pairs = self.buckets.iter().zip(&earlier.buckets);
        Self { buckets: pairs.map(|((bound, now), (_, before))| (*bound, (now - before).max(0.0))).collect() }
    }

    /// The value that this share (0 to 1) of the observations does not exceed, spread evenly within its bucket as
    /// Prometheus' `histogram_quantile` does; beyond the last finite bound that bound is the answer. `None` without
    /// observations.
    pub(super) fn quantile(&self, share: f64) -> Option<f64> {
        let rank = share * self.count();
        if self.count() <= 0.0 {
            return None;
        }
        let mut below = (0.0, 0.0);
        for &(bound, count) in &self.buckets {
            if count >= rank && count > below.1 {
                let part = (rank - below.1) / (count - below.1);
                return Some(if bound.is_finite() { below.0 + (bound - below.0) * part } else { below.0 });
            }
            below = (bound, count);
        }
        Some(below.0).filter(|bound| bound.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(counts: [f64; 4]) -> Histogram {
        Histogram::new([f64::INFINITY, 0.1, 1.0, 0.2].into_iter().zip([counts[3], counts[0], counts[2], counts[1]]))
    }

    #[test]
    fn a_quantile_lies_within_its_bucket() {
        let histogram = of([10.0, 20.0, 20.0, 20.0]);
        assert_eq!(histogram.quantile(0.5), Some(0.1));
        assert!((histogram.quantile(0.75).unwrap() - 0.15).abs() < 1e-12);
        assert_eq!(histogram.quantile(1.0), Some(0.2));
        assert_eq!(of([0.0, 0.0, 0.0, 5.0]).quantile(0.5), Some(1.0));
        assert_eq!(of([0.0; 4]).quantile(0.5), None);
        assert_eq!(Histogram::default().quantile(0.5), None);
    }

    #[test]
    fn a_difference_counts_only_what_is_new() {
        let new = of([10.0, 20.0, 30.0, 30.0]).since(&of([10.0, 10.0, 10.0, 10.0]));
        assert_eq!(new, of([0.0, 10.0, 20.0, 20.0]));
        assert_eq!(of([1.0; 4]).since(&of([2.0; 4])), of([1.0; 4]));
    }
}
