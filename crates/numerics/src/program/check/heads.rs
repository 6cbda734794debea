//! Operations on heads.

use super::{Check, SealError, times};
use crate::program::{Kind, Op, Shape};

impl Check<'_> {
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
