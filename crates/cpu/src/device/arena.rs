//! Places of values in memory.
//!
//! Values that are not needed at the same time share a place, if their rows are alike. An operation that may write over
//! what it reads does so where nobody reads that later. A device has one pool of places for all of a program's lists of
//! steps, as only one of them runs at a time.

use std::collections::{HashMap, HashSet};

use hefu_numerics::program::{Kind as ValueKind, Op, Program, Value};

use super::lower::{Kind, Lowered};

/// Kind of a place: values of one class may follow each other in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Class {
    /// Numbers of a row.
    pub(super) numbers: usize,
    pub(super) kind: ValueKind,
    /// True if it may hold a product's input in the form in which products read it, which is memory of its own.
    pub(super) is_packed: bool,
}

/// The places of a device, by number.
#[derive(Debug, Default)]
pub(super) struct Pool {
    pub(super) classes: Vec<Class>,
}

/// Places of the values of one list of steps.
#[derive(Debug, Default)]
pub(super) struct Places {
    of: HashMap<Value, usize>,
}

impl Places {
    /// The place of a value.
    pub(super) fn of(&self, value: Value) -> usize {
        self.of[&value]
    }

    /// The place of a value, if the steps know it.
    pub(super) fn get(&self, value: Value) -> Option<usize> {
        self.of.get(&value).copied()
    }
}

/// Gives every value of some steps its place. `taken` values are there before with places that stay theirs; `kept` ones
/// are needed afterwards.
pub(super) fn place(
    pool: &mut Pool,
    program: &Program,
    lowered: &Lowered,
    taken: &[(Value, usize)],
    kept: &HashSet<Value>,
) -> Places {
    let mut kept: HashSet<Value> = kept.iter().map(|value| lowered.resolve(*value)).collect();
    kept.insert(lowered.output);
    let mut last_read: HashMap<Value, usize> = HashMap::new();
    for (index, step) in lowered.steps.iter().enumerate() {
        step.kind.reads().into_iter().for_each(|value| _ = last_read.insert(value, index));
    }
    let mut of: HashMap<Value, usize> = taken.iter().copied().collect();
    let reserved: HashSet<usize> = of.values().copied().collect();
    let mut free: Vec<usize> = (0..pool.classes.len()).filter(|place| !reserved.contains(place)).rev().collect();
    for (index, step) in lowered.steps.iter().enumerate() {
        let is_last = |value: &Value| last_read.get(value) == Some(&index) && !kept.contains(value);
        let is_free = |value: &Value| is_last(value) && of.get(value).is_some_and(|place| !reserved.contains(place));
        let reads: Vec<Value> = step.kind.reads();
        let moved = step.kind.in_place().filter(|(x, _)| is_free(x) && reads.iter().filter(|y| *y == x).count() == 1);
        let mut gone: Vec<usize> =
            reads.iter().filter(|x| is_free(x) && moved.is_none_or(|(y, _)| y != **x)).map(|x| of[x]).collect();
        for out in step.kind.writes() {
            let place = match moved {
                Some((x, to)) if to == out => of[&x],
                _ => take(pool, &mut free, class(program, &step.kind, out)),
            };
            of.insert(out, place);
            if !last_read.contains_key(&out) && !kept.contains(&out) {
                gone.push(place);
            }
        }
        gone.sort_unstable();
        gone.dedup();
        free.extend(gone);
    }
    Places { of }
}

fn take(pool: &mut Pool, free: &mut Vec<usize>, class: Class) -> usize {
    if let Some(at) = free.iter().rposition(|place| pool.classes[*place] == class) {
        return free.remove(at);
    }
    pool.classes.push(class);
    pool.classes.len() - 1
}

fn class(program: &Program, step: &Kind, value: Value) -> Class {
    let spec = program.value(value);
    let is_packed = match step {
        Kind::Plain(Op::RmsNorm { size, .. }) => *size == spec.width,
        Kind::Add(add) => add.after.as_ref().is_some_and(|after| after.out == value),
        _ => false,
    };
    Class { numbers: spec.numbers(), kind: spec.kind, is_packed }
}
