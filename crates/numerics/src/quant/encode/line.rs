//! The scale, or scale and minimum, that leaves the least weighted error for numbers that share them (clauses X4 and X5).

use super::block::{LANES, total};
use super::levels::{Levels, Whole};

/// After the best of the targets, a scale is improved at most so often.
const IMPROVEMENTS: usize = 3;

/// Below this, the largest magnitude of a sub-block counts as zero beside that of its block.
const NEGLIGIBLE: f32 = f32::from_bits((127 - 60) << 23);

/// Numbers, and how much each matters: a multiple of [`LANES`].
#[derive(Clone, Copy)]
pub(super) struct Numbers<'a> {
    pub(super) x: &'a [f32],
    pub(super) w: &'a [f32],
}

/// A scale, or a scale and what is subtracted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Line {
    pub(super) scale: f32,
    pub(super) minimum: f32,
    /// Decrease of the squared error against none of it.
    gain: f32,
}

/// Weighted sums over numbers `x` and the levels `q` chosen for them.
#[derive(Clone, Copy)]
pub(super) struct Sums {
    pub(super) xq: f32,
    pub(super) qq: f32,
    pub(super) q: f32,
    pub(super) x: f32,
    pub(super) w: f32,
}

impl<'a> Numbers<'a> {
    /// Sub-block `b` of so many numbers.
    pub(super) fn part(self, b: usize, size: usize) -> Numbers<'a> {
        Numbers { x: &self.x[b * size..][..size], w: &self.w[b * size..][..size] }
    }

    /// The first of those with the largest magnitude.
    pub(super) fn peak(self) -> f32 {
        self.x.iter().fold(0.0_f32, |peak, x| if x.abs() > peak.abs() { *x } else { peak })
    }

    /// The weighted squared error of `scale * level - minimum`.
    pub(super) fn error<L: Levels>(self, levels: L, scale: f32, minimum: f32) -> f32 {
        let (inverse, mut sums) = (inverse(scale), [0.0; LANES]);
        for (x, w) in self.runs() {
            for lane in 0..LANES {
                let x = x[lane] + minimum;
                let error = x - scale * levels.nearest(x * inverse);
                sums[lane] += w[lane] * (error * error);
            }
        }
        total(sums)
    }

    /// The sums for the levels nearest to `(x + minimum) * inverse`.
    pub(super) fn sums<L: Levels>(self, levels: L, inverse: f32, minimum: f32) -> Sums {
        let mut all = [[0.0; LANES]; 5];
        for (x, w) in self.runs() {
            for lane in 0..LANES {
                let q = levels.nearest((x[lane] + minimum) * inverse);
                let wq = w[lane] * q;
                all[0][lane] += wq * x[lane];
                all[1][lane] += wq * q;
                all[2][lane] += wq;
                all[3][lane] += w[lane] * x[lane];
                all[4][lane] += w[lane];
            }
        }
        let [xq, qq, q, x, w] = all.map(total);
        Sums { xq, qq, q, x, w }
    }

    fn runs(self) -> impl Iterator<Item = (&'a [f32; LANES], &'a [f32; LANES])> {
        self.x.as_chunks::<LANES>().0.iter().zip(self.w.as_chunks::<LANES>().0)
    }
}

/// 1 over a scale, and 0 for none.
pub(super) fn inverse(scale: f32) -> f32 {
    if scale.abs() < f32::MIN_POSITIVE { 0.0 } else { 1.0 / scale }
}

/// The best scale without a minimum: the number with the largest magnitude is brought to each of the targets, and the best
/// of the scales that follow is improved.
pub(super) fn scale<L: Levels>(numbers: Numbers<'_>, levels: L, targets: impl Iterator<Item = f32>) -> Line {
    let (peak, mut best) = (numbers.peak(), Line::default());
    if peak.abs() < NEGLIGIBLE {
        return best;
    }
    for target in targets {
        let found = scale_by(numbers, levels, target / peak);
        best = if found.gain > best.gain { found } else { best };
    }
    for _ in 0..IMPROVEMENTS {
        let found = scale_by(numbers, levels, inverse(best.scale));
        if found.gain <= best.gain {
            break;
        }
        best = found;
    }
    best
}

fn scale_by<L: Levels>(numbers: Numbers<'_>, levels: L, inverse: f32) -> Line {
    let (mut xq, mut qq) = ([0.0; LANES], [0.0; LANES]);
    for (x, w) in numbers.runs() {
        for lane in 0..LANES {
            let q = levels.nearest(x[lane] * inverse);
            let wq = w[lane] * q;
            xq[lane] += wq * x[lane];
            qq[lane] += wq * q;
        }
    }
    let (xq, qq) = (total(xq), total(qq));
    if qq > 0.0 { Line { scale: xq / qq, minimum: 0.0, gain: xq * xq / qq } } else { Line::default() }
}

/// The best scale with a minimum for levels from 0 to `top`; `is_signed`: the minimum may be below zero.
pub(super) fn scale_and_minimum(
    numbers: Numbers<'_>,
    top: f32,
    is_signed: bool,
    steps: impl Iterator<Item = f32>,
) -> Line {
    let bound = if is_signed { numbers.x[0] } else { 0.0 };
    let least = numbers.x.iter().fold(bound, |least, x| if *x < least { *x } else { least });
    let most = numbers.x.iter().fold(least, |most, x| if *x > most { *x } else { most });
    let levels = Whole { least: 0.0, most: top };
    let mut best = Line { scale: 0.0, minimum: -least, gain: f32::NEG_INFINITY };
    if most - least < NEGLIGIBLE {
        return best;
    }
    for step in steps {
        let found = line_by(numbers, levels, (top + step) / (most - least), -least, is_signed);
        best = if found.gain > best.gain { found } else { best };
    }
    for _ in 0..IMPROVEMENTS {
        let found = line_by(numbers, levels, inverse(best.scale), best.minimum, is_signed);
        if found.gain <= best.gain {
            break;
        }
        best = found;
    }
    best
}

fn line_by(numbers: Numbers<'_>, levels: Whole, inverse: f32, minimum: f32, is_signed: bool) -> Line {
    let Sums { xq, qq, q, x, w } = numbers.sums(levels, inverse, minimum);
    let determinant = w * qq - q * q;
    let mut line = Line { scale: 0.0, minimum: 0.0, gain: f32::NEG_INFINITY };
    if determinant > 0.0 {
        line.scale = (w * xq - x * q) / determinant;
        line.minimum = (q * xq - qq * x) / determinant;
    }
    if qq > 0.0 && (determinant <= 0.0 || !is_signed && line.minimum < 0.0) {
        (line.scale, line.minimum) = (xq / qq, 0.0);
    }
    if line.scale > 0.0 {
        line.gain = line.scale * xq - line.minimum * x;
    }
    line
}
