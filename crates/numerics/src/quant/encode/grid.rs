//! Formats whose runs of 8 or 4 elements are rows of a grid (clause X8).

use super::block::Block;
use super::levels::{Levels, Odd};
use super::line::{Numbers, inverse, scale};
use crate::quant::grids::Lattice;
use crate::quant::{Format, Parts, Quantised, SubScales, iq1_s, iq2_s, iq2_xs, iq2_xxs, iq3_s, iq3_xxs};

/// The block's own scale is found again for the chosen rows at most so often.
const ROUNDS: usize = 2;

/// After the best of the targets, a sub-block's scale is improved at most so often.
const IMPROVEMENTS: usize = 2;

/// Factors that are tried around the one that was found.
const AROUND: [f32; 3] = [0.0, -2.0, 2.0];

/// Shift of levels, one way or the other.
const SHIFT: f32 = 1.0;

/// Storage of the elements' signs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Signs {
    /// Each has its own, but the number of negative ones of eight is even.
    Even,
    /// Each has its own.
    Free,
    /// The grid has them; so many elements share a shift.
    Shared(usize),
}

/// Use of a grid by a format.
pub(super) struct Rule {
    lattice: &'static Lattice,
    signs: Signs,
    /// The largest odd factor of a sub-block.
    most: f32,
    /// Target of the largest magnitude, in parts of the largest level: the first, and the distance of the others.
    reach: [f32; 2],
    /// Number of tries.
    targets: u8,
}

/// The formats' rules.
pub(super) fn rule(format: &Format) -> Option<&'static Rule> {
    const TWO: [f32; 2] = [0.85, 0.05];
    const THREE: [f32; 2] = [0.875, 0.03125];
    const ONE: [f32; 2] = [1.0, 0.2];
    static RULES: [(&str, Rule); 7] = [
        ("IQ1_S", Rule::new(&iq1_s::LATTICE, Signs::Shared(32), 15.0, ONE, 10)),
        ("IQ1_M", Rule::new(&iq1_s::LATTICE, Signs::Shared(8), 15.0, ONE, 10)),
        ("IQ2_XXS", Rule::new(&iq2_xxs::LATTICE, Signs::Even, 31.0, TWO, 10)),
        ("IQ2_XS", Rule::new(&iq2_xs::LATTICE, Signs::Even, 31.0, TWO, 10)),
        ("IQ2_S", Rule::new(&iq2_s::LATTICE, Signs::Free, 31.0, TWO, 10)),
        ("IQ3_XXS", Rule::new(&iq3_xxs::LATTICE, Signs::Even, 31.0, THREE, 9)),
        ("IQ3_S", Rule::new(&iq3_s::LATTICE, Signs::Free, 31.0, THREE, 9)),
    ];
    RULES.iter().find(|(name, _)| *name == format.name).map(|(_, rule)| rule)
}

impl Rule {
    const fn new(lattice: &'static Lattice, signs: Signs, most: f32, reach: [f32; 2], targets: u8) -> Rule {
        Rule { lattice, signs, most, reach, targets }
    }

    /// The levels of the digits, shifted up or down or not at all.
    fn levels(&self, shift: f32) -> [f32; 8] {
        let mut levels = [f32::INFINITY; 8];
        for (level, value) in levels.iter_mut().zip(self.lattice.levels) {
            *level = f32::from(*value) + shift;
        }
        levels
    }

    /// Elements that are shifted together, and the shifts to choose from.
    fn shifts(&self, size: usize) -> (usize, &'static [f32]) {
        match self.signs {
            Signs::Shared(elements) => (elements.min(size), &[SHIFT, -SHIFT]),
            _ => (size, &[0.0]),
        }
    }
}

/// The rows of a sub-block for one scale.
#[derive(Clone, Copy, Default)]
struct Choice {
    /// Digits of each run.
    patterns: [u16; 8],
    /// Bit `i`: run `i` is shifted down.
    down: u8,
    /// Sum of `w x g` over levels `g`.
    xg: f32,
    /// Sum of `w g g`.
    gg: f32,
    /// Sum of `w (x inverse - g)^2`.
    error: f32,
}

impl Choice {
    fn gain(&self) -> f32 {
        if self.xg > 0.0 && self.gg > 0.0 { self.xg * self.xg / self.gg } else { 0.0 }
    }
}

/// Numbers to be found in the grid: the numbers without their signs where these are stored apart.
struct Task<'a> {
    rule: &'static Rule,
    block: &'a Block,
    numbers: [f32; 256],
    sub_block: usize,
    /// Scale of a factor of 1, in parts of the block's.
    unit: f32,
}

/// A block's scale, the odd factors of its sub-blocks and their rows.
#[derive(Clone, Copy)]
struct Scales {
    bits: u16,
    own: f32,
    factors: [f32; 16],
    choices: [Choice; 16],
    error: f32,
}

pub(super) fn encode(rule: &'static Rule, quantised: &Quantised, block: &Block, parts: &mut Parts) {
    parts.codes.fill(0);
    parts.sub_scales.fill(0);
    if block.is_zero() {
        return;
    }
    let SubScales::Odd { eighths } = quantised.sub_scales else { return };
    let mut signs = [0_u8; 256];
    let numbers = magnitudes(rule.signs, block, &mut signs);
    let task = Task { rule, block, numbers, sub_block: quantised.sub_block, unit: f32::from(eighths) / 8.0 };
    let best = task.best();
    parts.scale = best.bits;
    let (run, upper) = (rule.lattice.run(), if rule.lattice.run() == 8 { 2 } else { 3 });
    for (b, codes) in parts.codes.chunks_exact_mut(task.sub_block).enumerate() {
        let choice = &best.choices[b];
        parts.sub_scales[b] = ((best.factors[b] - 1.0) * 0.5) as i8;
        for (r, codes) in codes.chunks_exact_mut(run).enumerate() {
            for (i, code) in codes.iter_mut().enumerate() {
                let sign = signs[b * task.sub_block + r * run + i] | (choice.down >> r & 1);
                *code = rule.lattice.digit(choice.patterns[r], i) | sign << upper;
            }
        }
    }
}

/// The numbers with their signs taken away, and the signs. Where the number of negative ones of eight must be even and is
/// not, the one that matters least gets the wrong sign, and stays negative.
fn magnitudes(rule: Signs, block: &Block, signs: &mut [u8; 256]) -> [f32; 256] {
    let mut numbers = [0.0; 256];
    numbers.copy_from_slice(block.x());
    if let Signs::Shared(_) = rule {
        return numbers;
    }
    for (run, (numbers, signs)) in numbers.chunks_exact_mut(8).zip(signs.chunks_exact_mut(8)).enumerate() {
        let w = &block.w()[8 * run..];
        let mut least = (0, f32::INFINITY);
        for (i, (x, sign)) in numbers.iter_mut().zip(signs.iter_mut()).enumerate() {
            let cost = w[i] * (*x * *x);
            least = if cost < least.1 { (i, cost) } else { least };
            *sign = u8::from(*x < 0.0);
            *x = x.abs();
        }
        if rule == Signs::Even && !signs.iter().sum::<u8>().is_multiple_of(2) {
            signs[least.0] ^= 1;
            numbers[least.0] = -numbers[least.0];
        }
    }
    numbers
}

impl Task<'_> {
    fn count(&self) -> usize {
        256 / self.sub_block
    }

    fn part(&self, b: usize) -> Numbers<'_> {
        Numbers { x: &self.numbers, w: self.block.w() }.part(b, self.sub_block)
    }

    fn best(&self) -> Scales {
        let mut best = self.first();
        self.choose(&mut best);
        for _ in 0..ROUNDS {
            let (mut up, mut down) = (0.0, 0.0);
            for (factor, choice) in best.factors.iter().zip(&best.choices).take(self.count()) {
                up += factor * choice.xg;
                down += factor * factor * choice.gg;
            }
            let (bits, own) = self.block.narrow(if down > 0.0 { up / down / self.unit } else { 0.0 });
            if bits == best.bits || own <= 0.0 {
                break;
            }
            let mut next = Scales { bits, own, ..best };
            self.choose(&mut next);
            if next.error >= best.error {
                break;
            }
            best = next;
        }
        best
    }

    /// The block's own scale as the sub-blocks' scales have it, and the factors nearest to these.
    fn first(&self) -> Scales {
        let (mut wanted, mut weights) = ([0.0; 16], [0.0; 16]);
        for b in 0..self.count() {
            let numbers = self.part(b);
            wanted[b] = self.scale(numbers);
            weights[b] = numbers.w.iter().sum();
        }
        let (odd, count) = (Odd { most: self.rule.most }, self.count());
        let numbers = Numbers { x: &wanted[..count], w: &weights[..count] };
        let targets = (-4_i8..=4).map(|step| self.rule.most + f32::from(step) * 0.5);
        let (bits, own) = self.block.narrow(scale(numbers, odd, targets).scale / self.unit);
        let inverse = inverse(own * self.unit);
        let factors = wanted.map(|wanted| odd.nearest(wanted * inverse));
        Scales { bits, own, factors, choices: [Choice::default(); 16], error: 0.0 }
    }

    /// The best scale of a sub-block by itself.
    fn scale(&self, numbers: Numbers<'_>) -> f32 {
        let peak = numbers.peak().abs();
        if peak < f32::from_bits((127 - 60) << 23) {
            return 0.0;
        }
        let top = self.rule.lattice.levels.last().map_or(1.0, |level| f32::from(*level));
        let mut best = Choice::default();
        for target in 0..self.rule.targets {
            let part = self.rule.reach[0] + f32::from(target) * self.rule.reach[1];
            let found = self.rows(numbers, top * part / peak);
            best = if found.gain() > best.gain() { found } else { best };
        }
        for _ in 0..IMPROVEMENTS {
            let found = self.rows(numbers, if best.xg > 0.0 { best.gg / best.xg } else { 0.0 });
            if found.gain() <= best.gain() {
                break;
            }
            best = found;
        }
        if best.gain() > 0.0 { best.xg / best.gg } else { 0.0 }
    }

    /// The factors, among those around the given ones, and rows that leave the least error; the first of equal ones.
    fn choose(&self, scales: &mut Scales) {
        scales.error = 0.0;
        for b in 0..self.count() {
            let numbers = self.part(b);
            let given = scales.factors[b];
            let mut best = f32::INFINITY;
            for factor in AROUND.map(|step| given + step) {
                if factor < 1.0 || factor > self.rule.most {
                    continue;
                }
                let scale = scales.own * self.unit * factor;
                let choice = self.rows(numbers, inverse(scale));
                let error = choice.error * (scale * scale);
                if error < best {
                    (best, scales.factors[b], scales.choices[b]) = (error, factor, choice);
                }
            }
            scales.error += if best < f32::INFINITY { best } else { 0.0 };
        }
    }

    /// The rows nearest to the numbers times `inverse`.
    fn rows(&self, numbers: Numbers<'_>, inverse: f32) -> Choice {
        let (elements, shifts) = self.rule.shifts(self.sub_block);
        let run = self.rule.lattice.run();
        let mut all = Choice::default();
        for (group, (x, w)) in numbers.x.chunks_exact(elements).zip(numbers.w.chunks_exact(elements)).enumerate() {
            let mut best: Option<Choice> = None;
            for shift in shifts {
                let levels = self.rule.levels(*shift);
                let mut found = Choice::default();
                for (r, (x, w)) in x.chunks_exact(run).zip(w.chunks_exact(run)).enumerate() {
                    found.patterns[r] = self.row(&levels, x, w, inverse, &mut found);
                    found.down |= u8::from(*shift < 0.0) << r;
                }
                best = best.filter(|best| best.error <= found.error).or(Some(found));
            }
            let (best, first) = (best.unwrap_or_default(), group * elements / run);
            all.patterns[first..first + elements / run].copy_from_slice(&best.patterns[..elements / run]);
            all.down |= best.down << first;
            all.xg += best.xg;
            all.gg += best.gg;
            all.error += best.error;
        }
        all
    }

    /// The row for one run; adds what follows from it to the sums of `found`.
    fn row(&self, levels: &[f32; 8], x: &[f32], w: &[f32], inverse: f32, found: &mut Choice) -> u16 {
        let lattice = self.rule.lattice;
        let count = lattice.levels.len();
        let (mut digits, mut wanted) = ([0_u8; 8], [0.0; 8]);
        for (i, x) in x.iter().enumerate() {
            wanted[i] = x * inverse;
            digits[i] = (1..count).map(|d| u8::from(wanted[i] >= (levels[d - 1] + levels[d]) * 0.5)).sum();
        }
        let mut best = (0, f32::INFINITY);
        for row in lattice.near(lattice.pattern(&digits[..x.len()])) {
            let mut error = 0.0;
            for (i, w) in w.iter().enumerate() {
                let difference = wanted[i] - levels[usize::from(lattice.digit(*row, i))];
                error += w * (difference * difference);
            }
            best = if error < best.1 { (*row, error) } else { best };
        }
        found.error += best.1;
        for (i, (x, w)) in x.iter().zip(w).enumerate() {
            let level = levels[usize::from(lattice.digit(best.0, i))];
            found.xg += w * x * level;
            found.gg += w * level * level;
        }
        best.0
    }
}
