//! Operations on heads.

use super::{Check, SealError, times};
use crate::program::{Kind, Op, Order, Shape};

impl Check<'_> {
    pub(super) fn whole(&self) -> Result<(), SealError> {
        let Op::AttendWhole { queries, keys, values, heads, key_values, alibi, out, .. } = self.step.op else {
            return Ok(());
        };
        if self.program.order != Order::Whole {
            return self.fault("sees what follows, but texts are read from left to right");
        }
        if key_values == 0 || !heads.is_multiple_of(key_values) {
            return self.fault(&format!("has {heads} heads for {key_values} of keys"));
        }
        self.slopes(alibi)?;
        let (key, value) = (self.heads_of(keys, key_values)?, self.heads_of(values, key_values)?);
        self.numbers(queries, times(&[heads, key]))?;
        self.numbers(out, times(&[heads, value]))
    }

    /// Slopes are powers of two with finite exponents.
    pub(super) fn slopes(&self, alibi: Option<f32>) -> Result<(), SealError> {
        match alibi {
            Some(most) if !(most.is_finite() && most > 0.0) => {
                self.fault(&format!("has {most} as its greatest exponent"))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn heads(&self) -> Result<(), SealError> {
        match self.step.op {
            Op::HeadLinear { x, weight, out } => {
                let Shape::Stack { items, rows, columns } = self.program.weight(weight).shape else {
                    return self.fault("needs a stack of matrices");
                };
                self.numbers(x, times(&[items, columns]))?;
                self.numbers(out, times(&[items, rows]))
            }
            Op::Rotate { x, head, first, angles, out, .. } => {
                self.parts(x, head)?;
                self.numbers(out, self.width(x))?;
                self.of(angles, Kind::Angles, self.width(angles))?;
                let rotated = self.width(angles);
                if !rotated.is_multiple_of(2) || first.saturating_add(rotated) > head {
                    return self.fault(&format!("rotates {rotated} elements from {first} on, of heads of {head}"));
                }
                Ok(())
            }
            Op::Slice { x, head, first, size, out } => {
                let heads = self.parts(x, head)?;
                if first.saturating_add(size) > head {
                    return self.fault(&format!("takes {size} elements from {first} on, of heads of {head}"));
                }
                self.numbers(out, times(&[heads, size]))
            }
            Op::Join { ref parts, heads, out } => {
                let mut size = 0usize;
                for part in parts {
                    size = size.saturating_add(self.heads_of(*part, heads)?);
                }
                self.numbers(out, times(&[heads, size]))
            }
            _ => Ok(()),
        }
    }
}
