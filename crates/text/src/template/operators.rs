//! Operators whose meaning in Python differs from the template library's, or whose cost it does not count.

use minijinja::formatting::{FormatStyle, format};
use minijinja::value::{Tuple, Value, ValueKind};
use minijinja::{Error, State};

use super::cost::Meter;
use super::faults::invalid;
use super::guard::{charge_bytes, check, is_float};
use super::html::escaped;
use super::limits::MAX_FIELD_WIDTH;
use super::text::push_str;

/// `left + right`: numbers, text, lists or tuples. Text that went through `safe` escapes what it is added to.
pub(super) fn add(state: &State, left: &Value, right: &Value) -> Result<Value, Error> {
    if let (Some(a), Some(b)) = (left.as_str(), right.as_str()) {
        charge_bytes(state, a.len().saturating_add(b.len()))?;
        return Ok(match (left.is_safe(), right.is_safe()) {
            (false, false) => Value::from([a, b].concat()),
            (true, true) => Value::from_safe_string([a, b].concat()),
            (true, false) => Value::from_safe_string([a, &escaped(state, b)?].concat()),
            (false, true) => Value::from_safe_string([&escaped(state, a)?, b].concat()),
        });
    }
    let undefined = || invalid(format!("{} + {} is not defined", left.kind(), right.kind()));
    if is_numeric(left) && is_numeric(right) {
        if is_float(left) || is_float(right) {
            return Ok(Value::from(f64::try_from(left.clone())? + f64::try_from(right.clone())?));
        }
        let sum = i128::try_from(left.clone())?.checked_add(i128::try_from(right.clone())?);
        return sum.map(Value::from).ok_or_else(undefined);
    }
    let is_list = |value: &Value| matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable);
    if !is_list(left) || !is_list(right) || left.is_tuple() != right.is_tuple() {
        return Err(undefined());
    }
    let mut items = Vec::new();
    for item in left.try_iter()?.checked().chain(right.try_iter()?.checked()) {
        state.consume_fuel(1)?;
        items.push(item?);
    }
    check(state, &if left.is_tuple() { Value::from(Tuple::from(items)) } else { Value::from(items) })
}

fn is_numeric(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Number | ValueKind::Bool)
}

/// `left ~ right`: both as Python's `str`, joined.
pub(super) fn concat(state: &State, left: &Value, right: &Value) -> Result<Value, Error> {
    let mut out = String::new();
    push_str(state, &mut out, left)?;
    push_str(state, &mut out, right)?;
    Ok(Value::from(out))
}

/// `left % right`: floored remainder of numbers, or printf-style formatting.
pub(super) fn remainder(state: &State, left: &Value, right: &Value) -> Result<Value, Error> {
    if let Some(text) = left.as_str() {
        let arguments: Vec<Value> = match right.as_object() {
            Some(_) if right.is_tuple() => right.try_iter()?.collect(),
            _ => vec![right.clone()],
        };
        return formatted(state, FormatStyle::Printf, text, &arguments);
    }
    if !is_numeric(left) || !is_numeric(right) {
        return Err(invalid(format!("{} % {} is not defined", left.kind(), right.kind())));
    }
    if !is_float(left) && !is_float(right) {
        let (left, right) = (i128::try_from(left.clone())?, i128::try_from(right.clone())?);
        let floored = left
            .checked_rem(right)
            .map(|rest| if rest != 0 && (rest < 0) != (right < 0) { rest + right } else { rest });
        return floored.map(Value::from).ok_or_else(|| invalid("modulo by zero"));
    }
    let (left, right) = (f64::try_from(left.clone())?, f64::try_from(right.clone())?);
    if right == 0.0 {
        return Err(invalid("modulo by zero"));
    }
    let rest = left % right;
    Ok(Value::from(if rest != 0.0 && (rest < 0.0) != (right < 0.0) {
        rest + right
    } else if rest == 0.0 {
        0f64.copysign(right)
    } else {
        rest
    }))
}

/// `%` and `.format()`, with the field widths checked first: a width is one cheap way to a huge string, and a long
/// argument that many fields name is the other.
pub(super) fn formatted(state: &State, style: FormatStyle, text: &str, arguments: &[Value]) -> Result<Value, Error> {
    let numbers = || text.split(|character: char| !character.is_ascii_digit()).filter(|digits| !digits.is_empty());
    let widths = || numbers().map(|digits| digits.parse::<usize>().unwrap_or(usize::MAX));
    let too_wide = widths().any(|width| width > MAX_FIELD_WIDTH);
    let computed_width = match style {
        FormatStyle::Printf => text.contains('*'),
        FormatStyle::StrFormat => text.replace("{{", "").split('}').any(|field| field.matches('{').count() > 1),
    };
    if too_wide || computed_width {
        return Err(invalid(format!("a format field is wider than {MAX_FIELD_WIDTH} characters or of computed width")));
    }
    let field = match style {
        FormatStyle::Printf => '%',
        FormatStyle::StrFormat => '{',
    };
    let mut meter = Meter::new(state);
    meter.bytes(text.len())?;
    let width = widths().max().unwrap_or(0);
    for _ in 0..text.matches(field).count() {
        meter.bytes(width)?;
        for argument in arguments {
            meter.whole(argument, 0)?;
        }
    }
    meter.done()?;
    format(style, text, arguments).map(Value::from)
}
