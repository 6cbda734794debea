//! Where values lie in the arena: places are shared by values that are not needed at the same time.
//!
//! Places are counted in numbers of one row. The body's are for all rows of a batch, those of heads for as many rows as a head
//! computes at once; a value's rows lie one after the other from `place * rows` on.

use std::collections::{HashMap, HashSet};

use hefu_numerics::program::{Entry, Op, Program, Section, StateSpec, Value};

/// Places of all values and of what operations need for themselves.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// Of values.
    values: HashMap<Value, usize>,
    /// Of what the operation that writes a value works with.
    work: HashMap<Value, usize>,
    /// Numbers of a row of the body.
    pub(crate) body: usize,
    /// Numbers of a row of the heads.
    pub(crate) heads: usize,
}

impl Places {
    /// The places of a program. The body's output and the probes stay until the next batch.
    pub(crate) fn new(program: &Program, probes: &[Value]) -> Places {
        let mut places = Places::default();
        for section in &program.sections {
            let is_body = section.entry == Entry::Body;
            let stay: HashSet<Value> = match is_body {
                true => probes.iter().copied().chain([section.output]).collect(),
                false => HashSet::from([section.output]),
            };
            let total = places.add(program, section, &stay);
            let numbers = if is_body { &mut places.body } else { &mut places.heads };
            *numbers = total.max(*numbers);
        }
        places
    }

    /// Place of a value.
    pub(crate) fn value(&self, value: Value) -> usize {
        self.values.get(&value).copied().unwrap_or_default()
    }

    /// Where the operation that writes `out` works.
    pub(crate) fn work(&self, out: Value) -> usize {
        self.work.get(&out).copied().unwrap_or_default()
    }

    /// Gives every value of a section a place; returns how many numbers they take together.
    fn add(&mut self, program: &Program, section: &Section, stay: &HashSet<Value>) -> usize {
        let mut last: HashMap<Value, usize> = HashMap::new();
        for (at, step) in section.steps.iter().enumerate() {
            step.op.inputs().into_iter().chain(step.op.output()).for_each(|value| {
                last.insert(value, at);
            });
        }
        let mut free = Free::default();
        for (at, step) in section.steps.iter().enumerate() {
            let Some(out) = step.op.output() else { continue };
            let place = free.take(program.value(out).numbers());
            self.values.insert(out, place);
            let work = work_numbers(program, &step.op);
            if work > 0 {
                let place = free.take(work);
                self.work.insert(out, place);
                free.give(place, work);
            }
            let over = last.iter().filter(|(value, last)| **last == at && !stay.contains(value));
            let mut over: Vec<Value> = over.map(|(value, _)| *value).collect();
            over.sort_unstable();
            for value in over {
                // A head reads what the body left, which has no place here.
                if section.steps.iter().any(|step| step.op.output() == Some(value)) {
                    free.give(self.value(value), program.value(value).numbers());
                }
            }
        }
        free.end
    }
}

/// Numbers for each row that an operation needs beside what it writes.
fn work_numbers(program: &Program, op: &Op) -> usize {
    match *op {
        Op::Route { scores, ref rule, .. } => {
            3 * program.value(scores).width + 2 * rule.groups.map_or(0, |groups| groups.count)
        }
        Op::Experts { choices, up, out, .. } => {
            let inner = outputs_of(program, up);
            program.value(choices).width * (3 * inner + program.value(out).width)
        }
        _ => 0,
    }
}

/// Outputs of a weight's matrices, or of each of them.
pub(crate) fn outputs_of(program: &Program, up: hefu_numerics::program::Weight) -> usize {
    match program.weight(up).shape {
        hefu_numerics::program::Shape::Stack { rows, .. } => rows,
        shape => shape.rows(),
    }
}

/// Numbers of a recurrent state; 0 for others.
pub(crate) fn state_numbers(state: &StateSpec) -> usize {
    match *state {
        StateSpec::Recurrent { numbers } => numbers,
        StateSpec::KeyValue { .. } => 0,
    }
}

/// Places that nobody has, in ascending order and never touching.
#[derive(Debug, Default)]
struct Free {
    gaps: Vec<(usize, usize)>,
    end: usize,
}

impl Free {
    /// The first gap that is large enough, or new numbers at the end.
    fn take(&mut self, size: usize) -> usize {
        if let Some(at) = self.gaps.iter().position(|gap| gap.1 >= size) {
            let (place, length) = self.gaps[at];
            if length == size {
                self.gaps.remove(at);
            } else {
                self.gaps[at] = (place + size, length - size);
            }
            return place;
        }
        // A gap at the end grows.
        let place = match self.gaps.last() {
            Some(&(place, length)) if place + length == self.end => {
                self.gaps.pop();
                place
            }
            _ => self.end,
        };
        self.end = place + size;
        place
    }

    fn give(&mut self, place: usize, size: usize) {
        let at = self.gaps.partition_point(|gap| gap.0 < place);
        self.gaps.insert(at, (place, size));
        if self.gaps.get(at + 1).is_some_and(|next| place + size == next.0) {
            self.gaps[at].1 += self.gaps.remove(at + 1).1;
        }
        if at > 0 && self.gaps[at - 1].0 + self.gaps[at - 1].1 == place {
            self.gaps[at - 1].1 += self.gaps.remove(at).1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_used_again_and_never_twice_at_once() {
        let mut free = Free::default();
        let [a, b, c] = [10, 20, 5].map(|size| free.take(size));
        assert_eq!((a, b, c, free.end), (0, 10, 30, 35));
        free.give(a, 10);
        free.give(b, 20);
        assert_eq!((free.take(25), free.take(5), free.end), (0, 25, 35));
        free.give(c, 5);
        assert_eq!((free.take(8), free.end), (30, 38));
    }
}
