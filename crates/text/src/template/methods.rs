//! Methods that templates call on Python values, dispatched by the kind of the value.

use minijinja::value::{Tuple, Value, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State};

use super::cost;
use super::faults::invalid;
use super::guard::is_namespace;
use super::string_methods::string_method;

/// Called for every method that the interpreter does not know, which is all of them. `UnknownMethod` makes the
/// interpreter look for a callable item of that name before it gives up.
pub(super) fn call(state: &mut State, value: &Value, method: &str, arguments: &[Value]) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::String => string_method(state, value.as_str().unwrap_or_default(), method, arguments),
        ValueKind::Map if !is_namespace(value) => map_method(state, value, method, arguments),
        ValueKind::Seq | ValueKind::Iterable => sequence_method(state, value, method, arguments),
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

/// `dict`: reading only; the sandbox that templates are written for refuses every method that writes.
fn map_method(state: &State, map: &Value, method: &str, arguments: &[Value]) -> Result<Value, Error> {
    match method {
        "get" => {
            let (key, default): (&Value, Option<Value>) = from_args(arguments)?;
            cost::item(state, map, key)?;
            let found = map.get_item(key)?;
            let absent = found.is_undefined() && !has_key(state, map, key)?;
            return Ok(if absent { default.unwrap_or(Value::from(())) } else { found });
        }
        "keys" | "values" | "items" | "copy" => {
            let () = from_args(arguments)?;
        }
        "append" | "clear" | "pop" | "popitem" | "setdefault" | "update" => return Err(read_only(method)),
        _ => return Err(Error::from(ErrorKind::UnknownMethod)),
    }
    if method == "copy" {
        return Ok(map.clone());
    }
    let mut out = Vec::new();
    for key in map.try_iter()?.checked() {
        state.consume_fuel(1)?;
        let key = key?;
        cost::item(state, map, &key)?;
        out.push(match method {
            "keys" => key,
            "values" => map.get_item(&key)?,
            _ => {
                let value = map.get_item(&key)?;
                Value::from(Tuple::from([key, value]))
            }
        });
    }
    Ok(Value::from(out))
}

/// Tells a key whose value is undefined from one that is not there.
fn has_key(state: &State, map: &Value, key: &Value) -> Result<bool, Error> {
    for present in map.try_iter()? {
        state.consume_fuel(1)?;
        cost::comparison(state, &present, key)?;
        if present == *key {
            return Ok(true);
        }
    }
    Ok(false)
}

fn sequence_method(state: &State, sequence: &Value, method: &str, arguments: &[Value]) -> Result<Value, Error> {
    match method {
        "count" | "index" => {
            let (wanted,): (&Value,) = from_args(arguments)?;
            let mut count = 0usize;
            for (index, item) in sequence.try_iter()?.checked().enumerate() {
                state.consume_fuel(1)?;
                let item = item?;
                cost::comparison(state, &item, wanted)?;
                if item == *wanted {
                    if method == "index" {
                        return Ok(Value::from(index));
                    }
                    count += 1;
                }
            }
            if method == "index" { Err(invalid("the value is not in the list")) } else { Ok(Value::from(count)) }
        }
        "copy" => {
            let () = from_args(arguments)?;
            Ok(sequence.clone())
        }
        "append" | "clear" | "extend" | "insert" | "pop" | "remove" | "reverse" | "sort" => Err(read_only(method)),
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

fn read_only(method: &str) -> Error {
    invalid(format!("{method}() would change a value, and values are read-only; build a new one with + or dict()"))
}
