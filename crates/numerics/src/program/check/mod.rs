//! Widths, kinds, weights and states of every operation: what was checked here, a device indexes without a check.

mod experts;
mod heads;
mod sections;
mod states;

use super::{At, Factor, Kind, Op, Program, SealError, Shape, Step, Value, Weight};

/// Checks all that one operation could be wrong about by itself.
pub(super) fn check(program: &Program) -> Result<(), SealError> {
    sections::check(program)?;
    states::check(program)?;
    for step in program.sections.iter().flat_map(|section| &section.steps) {
        Check { program, step }.operation()?;
    }
    Ok(())
}

/// One operation.
struct Check<'a> {
    program: &'a Program,
    step: &'a Step,
}

impl Check<'_> {
    fn operation(&self) -> Result<(), SealError> {
        match &self.step.op {
            Op::Embed { .. }
            | Op::Rows { .. }
            | Op::Linear { .. }
            | Op::RmsNorm { .. }
            | Op::LayerNorm { .. }
            | Op::L2Norm { .. } => self.with_rows(),
            Op::HeadLinear { .. } | Op::Rotate { .. } | Op::Slice { .. } | Op::Join { .. } => self.heads(),
            Op::StoreKv { .. } | Op::Attend { .. } | Op::ShortConv { .. } | Op::GatedDelta { .. } => self.with_state(),
            Op::SelectiveScan { .. } | Op::TokenShift { .. } | Op::Wkv7 { .. } => self.scans(),
            Op::AttendWhole { .. } => self.whole(),
            Op::Route { .. } | Op::Experts { .. } => self.experts(),
            Op::Select { .. } => self.fault("is put by `seal` alone"),
            _ => self.elementwise(),
        }
    }

    fn with_rows(&self) -> Result<(), SealError> {
        match self.step.op {
            Op::Embed { table, out, .. } => {
                self.matrix(table, None, Some(self.width(out)))?;
                if self.program.weight(table).shape.rows() < self.program.vocabulary {
                    return self.fault("has a table of fewer rows than the vocabulary");
                }
                self.numbers(out, self.width(out))
            }
            Op::Rows { table, at, out } => {
                self.matrix(table, None, Some(self.width(out)))?;
                let rows = self.program.weight(table).shape.rows();
                let needed = match at {
                    At::Position => self.program.context,
                    At::Row(row) => row.saturating_add(1),
                    At::Part => 2,
                };
                if rows < needed {
                    return self.fault(&format!("needs {needed} rows of a table of {rows}"));
                }
                self.numbers(out, self.width(out))
            }
            Op::LayerNorm { x, size, gain, bias, out, .. } => {
                self.parts(x, size)?;
                self.numbers(out, self.width(x))?;
                gain.into_iter().chain(bias).try_for_each(|vector| self.vector(vector, size))
            }
            Op::Linear { x, weight, bias, out } => {
                self.numbers(x, self.width(x))?;
                self.numbers(out, self.width(out))?;
                self.matrix(weight, Some(self.width(out)), Some(self.width(x)))?;
                bias.map_or(Ok(()), |bias| self.vector(bias, self.width(out)))
            }
            Op::RmsNorm { x, size, gain, out, .. } => {
                self.parts(x, size)?;
                self.numbers(out, self.width(x))?;
                gain.map_or(Ok(()), |gain| self.vector(gain, size))
            }
            Op::L2Norm { x, size, out, .. } => {
                self.parts(x, size)?;
                self.numbers(out, self.width(x))
            }
            _ => Ok(()),
        }
    }

    fn elementwise(&self) -> Result<(), SealError> {
        match self.step.op {
            Op::Inject { out, .. } if self.program.value(out).kind == Kind::Choices => {
                self.fault("brings choices, which only `route` makes")
            }
            Op::Temperature { length, out, .. } if length == 0 || self.width(out) != 1 => {
                self.fault("makes one number for each row, of a length of at least 1")
            }
            Op::Temperature { out, .. } => self.numbers(out, 1),
            Op::Angles { rope, out } => {
                self.of(out, Kind::Angles, 2 * self.program.ropes[rope.0 as usize].per_pair.len())
            }
            Op::Gate { gate: a, up: b, out, .. } | Op::Add { a, b, out } => {
                [a, b].into_iter().try_for_each(|value| self.numbers(value, self.width(out)))?;
                self.numbers(out, self.width(out))
            }
            Op::MatchMagnitude { x, like, out, .. } => {
                [x, like, out].into_iter().try_for_each(|value| self.numbers(value, self.width(out)))
            }
            Op::SoftCap { x, out, .. } | Op::Activate { x, out, .. } | Op::GaussianTopK { x, out, .. } => {
                self.numbers(x, self.width(out))?;
                self.numbers(out, self.width(out))
            }
            Op::Scale { x, by, out } => {
                self.numbers(x, self.width(out))?;
                self.numbers(out, self.width(out))?;
                match by {
                    Factor::Constant(_) => Ok(()),
                    Factor::Weight(weight) => self.divisor_of(weight, x),
                    Factor::Value(value) => {
                        self.numbers(value, self.width(value))?;
                        self.heads_of(x, self.width(value)).map(|_| ())
                    }
                }
            }
            Op::Decay { x, rate, bias, out } => {
                self.numbers(x, self.width(out))?;
                self.numbers(out, self.width(out))?;
                self.vector(bias, self.width(out))?;
                self.divisor_of(rate, x)
            }
            _ => Ok(()),
        }
    }

    /// A mistake of this operation.
    fn fault<T>(&self, problem: &str) -> Result<T, SealError> {
        let writes = self.step.op.output().map(|value| format!(" that writes `{}`", self.program.value(value).name));
        Err(SealError { problem: format!("{}{} {problem}", self.step.place(), writes.unwrap_or_default()) })
    }

    fn width(&self, value: Value) -> usize {
        self.program.value(value).width
    }

    /// The value is of a kind and so wide.
    fn of(&self, value: Value, kind: Kind, width: usize) -> Result<(), SealError> {
        let spec = self.program.value(value);
        if spec.width != width || spec.kind != kind || width == 0 {
            let (name, found, of) = (&spec.name, spec.width, spec.kind);
            return self.fault(&format!("needs `{name}` to be {width} {kind:?}, but it is {found} {of:?}"));
        }
        Ok(())
    }

    /// The value is so many numbers wide.
    fn numbers(&self, value: Value, width: usize) -> Result<(), SealError> {
        self.of(value, Kind::Numbers, width)
    }

    /// The value is whole parts of `size` numbers; returns how many.
    fn parts(&self, value: Value, size: usize) -> Result<usize, SealError> {
        self.numbers(value, self.width(value))?;
        if size == 0 || !self.width(value).is_multiple_of(size) {
            let name = &self.program.value(value).name;
            return self.fault(&format!("cuts `{name}` of {} numbers into parts of {size}", self.width(value)));
        }
        Ok(self.width(value) / size)
    }

    /// The value is `count` heads of equal size; returns that size.
    fn heads_of(&self, value: Value, count: usize) -> Result<usize, SealError> {
        self.numbers(value, self.width(value))?;
        if count == 0 || !self.width(value).is_multiple_of(count) {
            let name = &self.program.value(value).name;
            return self.fault(&format!("cuts `{name}` of {} numbers into {count} heads", self.width(value)));
        }
        Ok(self.width(value) / count)
    }

    /// The vector has a number for each of some equal parts of the value.
    fn divisor_of(&self, weight: Weight, value: Value) -> Result<(), SealError> {
        let length = self.program.weight(weight).shape.columns();
        self.vector(weight, length)?;
        self.heads_of(value, length).map(|_| ())
    }

    fn vector(&self, weight: Weight, length: usize) -> Result<(), SealError> {
        self.shape(weight, Shape::Vector(length))
    }

    /// The weight is a matrix of so many rows and columns, where they are said.
    fn matrix(&self, weight: Weight, rows: Option<usize>, columns: Option<usize>) -> Result<(), SealError> {
        let shape = self.program.weight(weight).shape;
        let (rows, columns) = (rows.unwrap_or(shape.rows()), columns.unwrap_or(shape.columns()));
        self.shape(weight, Shape::Matrix { rows, columns })
    }

    fn shape(&self, weight: Weight, shape: Shape) -> Result<(), SealError> {
        let spec = self.program.weight(weight);
        if spec.shape != shape {
            let (tensor, found) = (&spec.tensor, spec.shape);
            return self.fault(&format!("needs `{tensor}` to be a {shape:?}, but it is a {found:?}"));
        }
        Ok(())
    }
}

/// The product of some sizes; a number that no value is wide where it overflows.
fn times(sizes: &[usize]) -> usize {
    sizes.iter().try_fold(1usize, |product, size| product.checked_mul(*size)).unwrap_or(usize::MAX)
}
