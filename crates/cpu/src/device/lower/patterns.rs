//! Operations that become one step.

use hefu_numerics::program::{Op, Rows, Value};

use super::{Add, Gain, Gated, Kind, Lowering, NextNorm, Product, Rotate};

/// A pattern that matched: how many operations it takes, selecting ones between them included, and the step.
type Matched = Option<(usize, Kind)>;

impl<'a> Lowering<'a> {
    /// The patterns, in the order in which they are tried.
    const PATTERNS: [fn(&Lowering<'a>, usize) -> Matched; 4] =
        [Self::gated, Self::linears, Self::rotate_normed, Self::add_with_norms];

    /// The step that begins with operation `at`, and how many operations it takes.
    pub(super) fn step_at(&self, at: usize) -> (usize, Kind) {
        Self::PATTERNS
            .iter()
            .find_map(|pattern| pattern(self, at))
            .unwrap_or_else(|| (1, self.single(&self.operations[at].1)))
    }

    /// The operation after `at`, passing over those that select.
    fn next(&self, at: usize) -> Option<usize> {
        (at + 1..self.operations.len()).find(|&i| !matches!(self.operations[i].1, Op::Select { .. }))
    }

    fn op(&self, at: usize) -> (&Op, Rows) {
        let (rows, op) = &self.operations[at];
        (op, *rows)
    }

    /// True if only one operation reads a value, and nobody asks for it.
    fn is_private(&self, value: Value) -> bool {
        self.readers.get(&value) == Some(&1) && !self.kept.contains(&value)
    }

    /// True if nothing that is selected between two operations is made by the first.
    fn none_selected(&self, from: usize, to: usize) -> bool {
        let made = self.operations[from].1.output();
        let reads_it = |(_, op): &(Rows, Op)| matches!(op, Op::Select { x, .. } if Some(*x) == made);
        !self.operations[from + 1..to].iter().any(reads_it)
    }

    fn gated(&self, at: usize) -> Matched {
        let (Op::Linear { x, weight: gate, bias: gate_bias, out: gate_out }, rows) = self.op(at) else { return None };
        let others = [self.next(at)?, self.next(self.next(at)?)?, self.next(self.next(self.next(at)?)?)?];
        if others[2] != at + 3 {
            return None;
        }
        let Op::Linear { x: other, weight: up, bias: up_bias, out: up_out } = self.op(others[0]).0 else { return None };
        let Op::Gate { gate: by, up: what, activation, out: hidden } = self.op(others[1]).0 else { return None };
        let Op::Linear { x: last, weight: down, bias: down_bias, out } = self.op(others[2]).0 else { return None };
        let fits = x == other && (by, what, last) == (gate_out, up_out, hidden);
        let is_private = [gate_out, up_out, hidden].into_iter().all(|value| self.is_private(*value));
        if !fits || !is_private || self.op(at + 3).1 != rows {
            return None;
        }
        let gated = Gated {
            gate: Product { weight: *gate, bias: *gate_bias, out: *gate_out },
            up: Product { weight: *up, bias: *up_bias, out: *up_out },
            down: Product { weight: *down, bias: *down_bias, out: *out },
            activation: *activation,
        };
        Some((4, Kind::Gated { x: *x, gated }))
    }

    fn linears(&self, at: usize) -> Matched {
        let (Op::Linear { x: shared, .. }, rows) = self.op(at) else { return None };
        let alike = |(its, op): &&(Rows, Op)| matches!(op, Op::Linear { x, .. } if x == shared && *its == rows);
        let group: Vec<_> = self.operations[at..].iter().take_while(alike).collect();
        let product = |(_, op): &(Rows, Op)| match op {
            Op::Linear { weight, bias, out, .. } => Product { weight: *weight, bias: *bias, out: *out },
            _ => unreachable!("only products were taken"),
        };
        let products: Vec<Product> = group.iter().map(|operation| product(operation)).collect();
        Some((products.len(), Kind::Linear { x: *shared, products }))
    }

    fn rotate_normed(&self, at: usize) -> Matched {
        let (Op::RmsNorm { x, size, gain, epsilon, out: normed }, rows) = self.op(at) else { return None };
        let next = self.next(at)?;
        let (Op::Rotate { x: rotated, head, first: 0, style, angles, out }, rotated_rows) = self.op(next) else {
            return None;
        };
        if rotated != normed || head != size || !self.is_private(*normed) || rows != rotated_rows {
            return None;
        }
        let norm = Some(Gain { gain: *gain, size: *size, epsilon: *epsilon });
        let rotate = Rotate { norm, x: *x, head: *head, first: 0, style: *style, angles: *angles, out: *out };
        Some((next - at + 1, Kind::Rotate(rotate)))
    }

    fn add_with_norms(&self, at: usize) -> Matched {
        let mut add = at;
        let mut before = None;
        if let (Op::RmsNorm { x, size, gain, epsilon, out }, rows) = self.op(at) {
            add = self.next(at)?;
            let is_whole = *size == self.program.value(*out).width;
            let (Op::Add { b, .. }, add_rows) = self.op(add) else { return None };
            if !is_whole || b != out || !self.is_private(*out) || rows != add_rows {
                return None;
            }
            before = Some((*x, Gain { gain: *gain, size: *size, epsilon: *epsilon }));
        }
        let (Op::Add { a, b, out }, rows) = self.op(add) else { return None };
        if a == b {
            return None;
        }
        let (b, before) = before.map_or((*b, None), |(x, gain)| (x, Some(gain)));
        let after = self.norm_after(add, *out, rows);
        let last = after.as_ref().map_or(add, |(at, _)| *at);
        let add = Add { a: *a, b, before, out: *out, after: after.map(|(_, norm)| norm) };
        Some((last - at + 1, Kind::Add(add)))
    }

    /// The norm of a sum, if it follows.
    fn norm_after(&self, add: usize, sum: Value, sum_rows: Rows) -> Option<(usize, NextNorm)> {
        let next = self.next(add)?;
        let (Op::RmsNorm { x, size, gain, epsilon, out }, rows) = self.op(next) else { return None };
        let is_whole = *size == self.program.value(*out).width;
        if *x != sum || !is_whole || rows != sum_rows || !self.none_selected(add, next) {
            return None;
        }
        let gain = Gain { gain: *gain, size: *size, epsilon: *epsilon };
        Some((next, NextNorm { gain, out: *out, readers: Vec::new(), inner: None }))
    }

    /// The step of one operation by itself.
    pub(super) fn single(&self, op: &Op) -> Kind {
        match *op {
            Op::Linear { x, weight, bias, out } => Kind::Linear { x, products: vec![Product { weight, bias, out }] },
            Op::Rotate { x, head, first, style, angles, out } => {
                Kind::Rotate(Rotate { norm: None, x, head, first, style, angles, out })
            }
            Op::Add { a, b, out } => Kind::Add(Add { a, b, before: None, out, after: None }),
            _ => Kind::Plain(op.clone()),
        }
    }
}
