//! Limits on the size of values: guards that the compiler puts behind instructions, and functions replaced for safety.

use minijinja::value::{Kwargs, Tuple, Value, ValueKind, ValueOrKwargs};
use minijinja::{Error, State};

use super::cost::{self, Meter};
use super::faults::{invalid, too_deep};
use super::limits::{MAX_NESTING, MAX_RANGE};

/// Items of a range that one unit of fuel pays for.
const RANGE_PER_FUEL: u64 = 4;

/// Pays for `count` bytes before they are made.
pub(super) fn charge_bytes(state: &State, count: usize) -> Result<(), Error> {
    let mut meter = Meter::new(state);
    meter.bytes(count)?;
    meter.done()
}

/// True if a number is a float; `1.0` is one.
pub(super) fn is_float(value: &Value) -> bool {
    value.kind() == ValueKind::Number && !value.is_integer()
}

/// True if a value is what `namespace()` returns, the only mutable one.
pub(super) fn is_namespace(value: &Value) -> bool {
    value.as_object().is_some_and(|object| object.type_name().ends_with("::Namespace"))
}

/// Turns a lazy sequence into a list and refuses what is nested too deep or holds a namespace: after this, whoever
/// walks the value cannot run in circles or out of stack, and has a size that was paid for.
pub(super) fn check(state: &State, value: &Value) -> Result<Value, Error> {
    let Some(object) = value.as_object() else { return Ok(value.clone()) };
    let value = match value.kind() {
        ValueKind::Seq | ValueKind::Iterable
            if object.downcast_ref::<Vec<Value>>().is_none() && object.downcast_ref::<Tuple>().is_none() =>
        {
            list(state, value)?
        }
        _ => value.clone(),
    };
    if !is_namespace(&value) {
        let mut meter = Meter::new(state);
        visit(&mut meter, &value, 0)?;
        meter.done()?;
    }
    Ok(value)
}

/// Checks a value that a namespace is to keep: not a namespace, so that none is ever part of itself.
pub(super) fn keep(state: &State, value: &Value) -> Result<Value, Error> {
    if is_namespace(value) {
        return Err(invalid("a namespace cannot be kept inside another value"));
    }
    check(state, value)
}

/// Pays for a loop's start, which may list all keys, and refuses to loop over `none`, numbers and truth values, which
/// the interpreter would take for empty.
pub(super) fn iterate(state: &State, value: &Value) -> Result<Value, Error> {
    cost::sizes(state, std::slice::from_ref(value))?;
    match value.kind() {
        ValueKind::None | ValueKind::Bool | ValueKind::Number => {
            Err(invalid(format!("a {} cannot be iterated", value.kind())))
        }
        _ => Ok(value.clone()),
    }
}

/// The items as a list, one unit of fuel each.
pub(super) fn list(state: &State, value: &Value) -> Result<Value, Error> {
    let mut items = Vec::new();
    for item in value.try_iter()?.checked() {
        state.consume_fuel(1)?;
        items.push(item?);
    }
    Ok(Value::from(items))
}

fn visit(meter: &mut Meter<'_, '_, '_>, value: &Value, depth: usize) -> Result<(), Error> {
    meter.visits(1)?;
    let kind = value.kind();
    if !matches!(kind, ValueKind::Seq | ValueKind::Iterable | ValueKind::Map) {
        return Ok(());
    }
    if is_namespace(value) {
        return Err(invalid("a namespace cannot be kept inside another value"));
    }
    if depth >= MAX_NESTING {
        return Err(too_deep());
    }
    for item in value.try_iter()?.checked() {
        let item = item?;
        visit(meter, &item, depth + 1)?;
        if kind == ValueKind::Map {
            // Mappings find their entries by all that is in the keys.
            meter.whole(&item, depth + 1)?;
            visit(meter, &value.get_item(&item)?, depth + 1)?;
        }
    }
    Ok(())
}

/// `range(stop)`, `range(start, stop)`, `range(start, stop, step)`, as a list.
pub(super) fn range(state: &State, first: i64, second: Option<i64>, step: Option<i64>) -> Result<Value, Error> {
    let (start, stop) = second.map_or((0, first), |second| (first, second));
    let step = i128::from(step.unwrap_or(1));
    if step == 0 {
        return Err(invalid("range() step must not be zero"));
    }
    let (start, stop) = (i128::from(start), i128::from(stop));
    let distance = if step > 0 { stop - start } else { start - stop };
    let count = if distance <= 0 { 0 } else { (distance - 1) / step.abs() + 1 };
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count > MAX_RANGE {
        return Err(invalid(format!("range() yields more than {MAX_RANGE} items")));
    }
    state.consume_fuel(count as u64 / RANGE_PER_FUEL)?;
    let mut next = start;
    let items = std::iter::repeat_with(|| {
        let item = next;
        next += step;
        Value::from(item)
    });
    Ok(Value::from(items.take(count).collect::<Vec<_>>()))
}

/// `dict(mapping, **fields)`.
pub(super) fn dict(state: &State, base: Option<Value>, fields: Kwargs) -> Result<Value, Error> {
    check(state, &minijinja::functions::dict(base, fields)?)
}

/// `namespace(mapping, **fields)`. What it starts with is checked as what is put into it later.
pub(super) fn namespace(state: &State, fields: Option<ValueOrKwargs>) -> Result<Value, Error> {
    if let Some(fields) = &fields {
        let mut meter = Meter::new(state);
        visit(&mut meter, fields, 0)?;
        meter.done()?;
    }
    minijinja::functions::namespace(fields)
}
