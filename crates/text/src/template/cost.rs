//! Cost of reading a value, counted before it is read.
//!
//! The interpreter pays for instructions and for what it makes, but some of what it does grows with what it *reads*:
//! comparing two long texts or two nested lists, sorting, hashing a key, finding a character by its number. Every such
//! operation pays here first, so that a template's work is bounded by its fuel whatever it is made of.

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, State};

use super::faults::too_deep;
use super::limits::MAX_NESTING;

/// The resolution of a meter: one unit of fuel is worth this many. A byte costs one.
const UNITS_PER_FUEL: u64 = 64;
/// Cost of visiting any value.
const VISIT: u64 = 16;
/// Units that a meter collects before it takes them from the render's fuel.
const BATCH: u64 = 1024 * UNITS_PER_FUEL;

/// Adds costs up and takes them from the fuel, exactly and in few steps.
pub(super) struct Meter<'a, 'template, 'environment> {
    state: &'a State<'template, 'environment>,
    units: u64,
}

impl<'a, 'template, 'environment> Meter<'a, 'template, 'environment> {
    pub(super) fn new(state: &'a State<'template, 'environment>) -> Self {
        Meter { state, units: 0 }
    }

    fn add(&mut self, units: u64) -> Result<(), Error> {
        self.units = self.units.saturating_add(units);
        if self.units >= BATCH {
            self.state.consume_fuel(self.units / UNITS_PER_FUEL)?;
            self.units %= UNITS_PER_FUEL;
        }
        Ok(())
    }

    /// Pays for bytes read or made.
    pub(super) fn bytes(&mut self, count: usize) -> Result<(), Error> {
        self.add(count as u64)
    }

    /// Pays for values visited.
    pub(super) fn visits(&mut self, count: usize) -> Result<(), Error> {
        self.add((count as u64).saturating_mul(VISIT))
    }

    /// Pays for a value's own size: the bytes of a text, the items of a list or mapping, none of what is in them.
    pub(super) fn size(&mut self, value: &Value) -> Result<(), Error> {
        match value.as_str() {
            Some(text) => self.bytes(text.len()),
            None => self.visits(value.len().unwrap_or(0).saturating_add(1)),
        }
    }

    /// Pays for everything in a value, keys included.
    pub(super) fn whole(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        self.visits(1)?;
        if let Some(text) = value.as_str() {
            return self.bytes(text.len());
        }
        self.each(value, depth, |meter, item| meter.whole(item, depth + 1))
    }

    /// Pays for comparing two values: what both have in common in size.
    pub(super) fn pair(&mut self, left: &Value, right: &Value, depth: usize) -> Result<(), Error> {
        self.visits(1)?;
        if let (Some(left), Some(right)) = (left.as_str(), right.as_str()) {
            return self.bytes(left.len().min(right.len()));
        }
        if depth > MAX_NESTING {
            return Err(too_deep());
        }
        if is_list(left) && is_list(right) {
            for (left, right) in left.try_iter()?.checked().zip(right.try_iter()?.checked()) {
                self.pair(&left?, &right?, depth + 1)?;
            }
        } else if left.kind() == ValueKind::Map && right.kind() == ValueKind::Map {
            for key in left.try_iter()?.checked() {
                let key = key?;
                self.whole(&key, depth + 1)?;
                self.pair(&left.get_item(&key)?, &right.get_item(&key)?, depth + 1)?;
            }
        }
        Ok(())
    }

    /// Pays for putting the items of a list in order: each is compared about as often as the list can be halved.
    pub(super) fn sorting(&mut self, list: &Value) -> Result<(), Error> {
        let count = list.len().unwrap_or(0);
        let before = self.state.fuel_levels().map_or(0, |levels| levels.0);
        self.whole(list, 0)?;
        self.state.consume_fuel(std::mem::take(&mut self.units) / UNITS_PER_FUEL)?;
        let once = self.state.fuel_levels().map_or(0, |levels| levels.0).saturating_sub(before);
        let rounds = u64::from(usize::BITS - count.leading_zeros());
        self.state.consume_fuel(once.saturating_add(1).saturating_mul(rounds))
    }

    fn each(
        &mut self,
        value: &Value,
        depth: usize,
        mut pay: impl FnMut(&mut Self, &Value) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let kind = value.kind();
        if !matches!(kind, ValueKind::Seq | ValueKind::Iterable | ValueKind::Map) {
            return Ok(());
        }
        if depth > MAX_NESTING {
            return Err(too_deep());
        }
        for item in value.try_iter()?.checked() {
            let item = item?;
            pay(self, &item)?;
            if kind == ValueKind::Map {
                pay(self, &value.get_item(&item)?)?;
            }
        }
        Ok(())
    }

    /// Takes what is left to pay.
    pub(super) fn done(self) -> Result<(), Error> {
        self.state.consume_fuel(self.units / UNITS_PER_FUEL)
    }
}

fn is_list(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable)
}

/// Pays for the texts among arguments.
pub(super) fn sizes(state: &State, values: &[Value]) -> Result<(), Error> {
    let mut meter = Meter::new(state);
    for value in values {
        meter.size(value)?;
    }
    meter.done()
}

/// Pays for everything in the arguments.
pub(super) fn wholes(state: &State, values: &[Value]) -> Result<(), Error> {
    let mut meter = Meter::new(state);
    for value in values {
        meter.whole(value, 0)?;
    }
    meter.done()
}

/// Pays for one comparison.
pub(super) fn comparison(state: &State, left: &Value, right: &Value) -> Result<(), Error> {
    let mut meter = Meter::new(state);
    meter.pair(left, right, 0)?;
    meter.done()
}

/// Pays for looking for a value: in a text all of it, in a mapping the key's hash, in a list a comparison each.
pub(super) fn membership(state: &State, wanted: &Value, container: &Value) -> Result<(), Error> {
    let mut meter = Meter::new(state);
    if container.as_str().is_some() || !is_list(container) {
        meter.size(container)?;
        meter.whole(wanted, 0)?;
    } else {
        for item in container.try_iter()?.checked() {
            meter.pair(&item?, wanted, 0)?;
        }
    }
    meter.done()
}

/// Pays for taking one item out of a value.
pub(super) fn item(state: &State, container: &Value, key: &Value) -> Result<(), Error> {
    let mut meter = Meter::new(state);
    match container.kind() {
        // Characters are counted from the start.
        ValueKind::String | ValueKind::Iterable => meter.size(container)?,
        _ => meter.whole(key, 0)?,
    }
    meter.done()
}
