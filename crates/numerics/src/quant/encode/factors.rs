//! Formats whose sub-blocks have a small integer for their scale, and some for a minimum (clause X7).

use super::block::Block;
use super::levels::{Levels, Table, Whole};
use super::line::{Line, Numbers, Sums, inverse, scale, scale_and_minimum};
use super::single::{put_codes, steps};
use crate::quant::{Format, MAX_BLOCK_ELEMENTS, MIN_SUB_BLOCK, Parts, Quantised, Values};

/// Sub-blocks of a block at most.
const MOST: usize = MAX_BLOCK_ELEMENTS / MIN_SUB_BLOCK;

/// The block's own scales are found again for the chosen factors at most so often.
const ROUNDS: usize = 2;

/// Factors that are tried around the one that was found.
const AROUND: [f32; 3] = [0.0, -1.0, 1.0];

/// Range of a format's factors: those of scales and minimums from 0 on where there are minimums.
fn factors(format: &Format) -> Whole {
    match format.name {
        "Q2_K" => Whole { least: 0.0, most: 15.0 },
        "Q4_K" | "Q5_K" => Whole { least: 0.0, most: 63.0 },
        "Q6_K" => Whole { least: -128.0, most: 127.0 },
        _ => Whole { least: -32.0, most: 31.0 },
    }
}

/// A block's scale and minimum, and the factors of its sub-blocks.
#[derive(Clone, Copy)]
struct Scales {
    bits: [u16; 2],
    /// Meaning of the bits.
    own: [f32; 2],
    /// Of scales and of minimums.
    factors: [[f32; MOST]; 2],
    error: f32,
}

/// Constants of the search for scales.
struct Task<'a, L> {
    levels: L,
    factors: Whole,
    has_minimum: bool,
    block: &'a Block,
    sub_block: usize,
}

pub(super) fn encode(format: &Format, quantised: &Quantised, block: &Block, parts: &mut Parts) {
    let top = ((1_u32 << quantised.code_bits) - 1) as f32;
    let factors = factors(format);
    match quantised.values {
        Values::Offset(offset) => {
            let least = -f32::from(offset);
            let levels = Whole { least, most: top + least };
            let targets: Vec<f32> = steps().map(|step| least + step).collect();
            encode_by(quantised, levels, factors, &targets, block, parts);
        }
        Values::Table(table) => {
            let values = table.map(f32::from);
            let targets: Vec<f32> = steps().map(|step| values[0] * (1.0 + step * 0.0625)).collect();
            encode_by(quantised, Table { values: &values }, factors, &targets, block, parts);
        }
    }
}

fn encode_by<L: Levels>(
    quantised: &Quantised,
    levels: L,
    factors: Whole,
    targets: &[f32],
    block: &Block,
    parts: &mut Parts,
) {
    let (sub_block, has_minimum) = (quantised.sub_block, quantised.has_minimum);
    let task = Task { levels, factors, has_minimum, block, sub_block };
    let chosen = if block.is_zero() { None } else { Some(task.best(&task.lines(quantised, targets))) };
    for (b, codes) in parts.codes.chunks_exact_mut(sub_block).take(task.count()).enumerate() {
        let [scale, minimum] = chosen.map_or([0.0; 2], |chosen| chosen.of(b));
        put_codes(quantised, levels, &block.x()[b * sub_block..], [scale, minimum], codes);
        let [scale, minimum] = chosen.map_or([0.0; 2], |chosen| chosen.factors.map(|factors| factors[b]));
        parts.sub_scales[b] = scale as i8;
        parts.sub_minimums[b] = minimum as u8;
    }
    [parts.scale, parts.minimum] = chosen.map_or([0; 2], |chosen| chosen.bits);
}

impl Scales {
    /// Scale and minimum of a sub-block.
    fn of(&self, b: usize) -> [f32; 2] {
        [self.own[0] * self.factors[0][b], self.own[1] * self.factors[1][b]]
    }
}

impl<L: Levels> Task<'_, L> {
    fn count(&self) -> usize {
        self.block.x().len() / self.sub_block
    }

    fn numbers(&self, b: usize) -> Numbers<'_> {
        Numbers { x: self.block.x(), w: self.block.w() }.part(b, self.sub_block)
    }

    /// The best scale, or scale and minimum, of every sub-block by itself.
    fn lines(&self, quantised: &Quantised, targets: &[f32]) -> [Line; MOST] {
        let top = ((1_u32 << quantised.code_bits) - 1) as f32;
        let mut lines = [Line::default(); MOST];
        for (b, line) in lines.iter_mut().enumerate().take(self.count()) {
            *line = match self.has_minimum {
                true => scale_and_minimum(self.numbers(b), top, false, steps()),
                false => scale(self.numbers(b), self.levels, targets.iter().copied()),
            };
        }
        lines
    }

    fn best(&self, lines: &[Line; MOST]) -> Scales {
        let mut best = self.first(lines);
        self.choose(&mut best);
        for _ in 0..ROUNDS {
            let mut next = self.again(&best);
            if next.bits == best.bits {
                break;
            }
            self.choose(&mut next);
            if next.error >= best.error {
                break;
            }
            best = next;
        }
        best
    }

    /// The block's own scales as the sub-blocks' scales have them, and the factors nearest to these.
    fn first(&self, lines: &[Line; MOST]) -> Scales {
        let (mut wanted, mut weights) = ([[0.0; MOST]; 2], [0.0; MOST]);
        for b in 0..self.count() {
            [wanted[0][b], wanted[1][b]] = [lines[b].scale, lines[b].minimum];
            weights[b] = self.numbers(b).sums(self.levels, 0.0, 0.0).w;
        }
        let Whole { least, most } = self.factors;
        let target = if least < 0.0 { least } else { most };
        let own = wanted.map(|x| {
            let numbers = Numbers { x: &x[..self.count()], w: &weights[..self.count()] };
            scale(numbers, self.factors, steps().map(|step| target + step)).scale
        });
        let mut scales = self.narrow(own);
        for (kind, wanted) in wanted.iter().enumerate() {
            let inverse = inverse(scales.own[kind]);
            scales.factors[kind] = wanted.map(|wanted| self.factors.nearest(wanted * inverse));
        }
        scales
    }

    fn narrow(&self, own: [f32; 2]) -> Scales {
        let [scale, minimum] = own.map(|own| self.block.narrow(own));
        Scales { bits: [scale.0, minimum.0], own: [scale.1, minimum.1], factors: [[0.0; MOST]; 2], error: 0.0 }
    }

    /// The factors, among those around the given ones, that leave the least error; the first of equal ones.
    fn choose(&self, scales: &mut Scales) {
        let [own, own_minimum] = scales.own;
        scales.error = 0.0;
        for b in 0..self.count() {
            let numbers = self.numbers(b);
            let [scale, minimum] = scales.factors.map(|factors| factors[b]);
            let mut best = ([scale, minimum], f32::INFINITY);
            let is_factor = |factor: f32| factor >= self.factors.least && factor <= self.factors.most;
            for scale in AROUND.map(|step| scale + step) {
                for minimum in AROUND.map(|step| minimum + step).into_iter().take(if self.has_minimum { 3 } else { 1 })
                {
                    if is_factor(scale) && is_factor(minimum) {
                        let error = numbers.error(self.levels, own * scale, own_minimum * minimum);
                        best = if error < best.1 { ([scale, minimum], error) } else { best };
                    }
                }
            }
            [scales.factors[0][b], scales.factors[1][b]] = best.0;
            scales.error += best.1;
        }
    }

    /// The block's own scales that leave the least error for the factors and levels as they are.
    fn again(&self, scales: &Scales) -> Scales {
        // x is near scale * u - minimum * v, where u is a factor times a level and v a factor.
        let [mut uu, mut uv, mut vv, mut xu, mut xv] = [0.0; 5];
        for b in 0..self.count() {
            let [scale, minimum] = scales.of(b);
            let [u, v] = scales.factors.map(|factors| factors[b]);
            let Sums { xq, qq, q, x, w } = self.numbers(b).sums(self.levels, inverse(scale), minimum);
            uu += u * u * qq;
            uv += u * v * q;
            vv += v * v * w;
            xu += u * xq;
            xv += v * x;
        }
        let determinant = uu * vv - uv * uv;
        let mut own = [if uu > 0.0 { xu / uu } else { 0.0 }, 0.0];
        if determinant > 0.0 {
            let both = [(xu * vv - xv * uv) / determinant, (xu * uv - xv * uu) / determinant];
            own = if both[1] >= 0.0 { both } else { own };
        }
        Scales { factors: scales.factors, ..self.narrow(own) }
    }
}
