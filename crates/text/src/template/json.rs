//! `tojson`: Python's `json.dumps` with the arguments that transformers gives it.

use std::fmt::Write as _;

use minijinja::value::{Kwargs, Rest, Value, ValueKind, ValueOrKwargs, from_args};
use minijinja::{Error, State};

use super::faults::{invalid, too_deep};
use super::guard::{charge_bytes, is_float, is_namespace};
use super::limits::{MAX_FIELD_WIDTH, MAX_NESTING};
use super::number::python_float;

/// Layout of the output of `json.dumps`.
struct Style {
    ensure_ascii: bool,
    /// One level of indentation; `None` keeps everything on one line.
    indent: Option<String>,
    item_separator: String,
    key_separator: String,
    sort_keys: bool,
}

/// `value | tojson(ensure_ascii=False, indent=None, separators=None, sort_keys=False)`. Nothing is escaped for HTML.
pub(super) fn tojson(state: &State, value: &Value, arguments: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let style = style(&arguments.into_values())?;
    let mut out = String::new();
    write_value(state, &mut out, value, &style, 0)?;
    Ok(Value::from(out))
}

fn style(arguments: &[Value]) -> Result<Style, Error> {
    type Positional = (Option<Value>, Option<Value>, Option<Value>, Option<Value>, Kwargs);
    let (ascii, indent, separators, sort, named): Positional = from_args(arguments)?;
    let pick = |positional: Option<Value>, name: &str| match positional {
        Some(value) => Ok(Some(value)),
        None => named.get::<Option<Value>>(name),
    };
    let ensure_ascii = pick(ascii, "ensure_ascii")?.is_some_and(|value| value.is_true());
    let indent = match pick(indent, "indent")? {
        None => None,
        Some(value) if value.is_none() || value.is_undefined() => None,
        Some(value) => Some(indentation(&value)?),
    };
    let separators = pick(separators, "separators")?.filter(|value| !value.is_none());
    let (item_separator, key_separator) = match separators {
        None if indent.is_some() => (",".to_owned(), ": ".to_owned()),
        None => (", ".to_owned(), ": ".to_owned()),
        Some(pair) => {
            let parts: Vec<Value> = pair.try_iter()?.collect();
            match parts.as_slice() {
                [item, key] => match (item.as_str(), key.as_str()) {
                    (Some(item), Some(key)) => (item.to_owned(), key.to_owned()),
                    _ => return Err(invalid("tojson: separators must be two strings")),
                },
                _ => return Err(invalid("tojson: separators must be two strings")),
            }
        }
    };
    let sort_keys = pick(sort, "sort_keys")?.is_some_and(|value| value.is_true());
    named.assert_all_used()?;
    Ok(Style { ensure_ascii, indent, item_separator, key_separator, sort_keys })
}

fn indentation(value: &Value) -> Result<String, Error> {
    if let Some(text) = value.as_str() {
        return Ok(text.to_owned());
    }
    let width = match value.kind() {
        ValueKind::Bool => i64::from(value.is_true()),
        _ => i64::try_from(value.clone())?,
    };
    let width = usize::try_from(width.max(0)).unwrap_or(usize::MAX);
    if width > MAX_FIELD_WIDTH {
        return Err(invalid(format!("tojson: indent is above {MAX_FIELD_WIDTH}")));
    }
    Ok(" ".repeat(width))
}

fn write_value(state: &State, out: &mut String, value: &Value, style: &Style, depth: usize) -> Result<(), Error> {
    if depth > MAX_NESTING {
        return Err(too_deep());
    }
    state.consume_fuel(1)?;
    match value.kind() {
        ValueKind::None => out.push_str("null"),
        ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number => out.push_str(&number(value)),
        ValueKind::String => write_string(state, out, value.as_str().unwrap_or_default(), style)?,
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter()?.checked().collect::<Result<Vec<_>, _>>()?;
            write_container(state, out, ['[', ']'], items.len(), style, depth, |out, index| {
                items.get(index).map_or(Ok(()), |item| write_value(state, out, item, style, depth + 1))
            })?;
        }
        ValueKind::Map if !is_namespace(value) => write_map(state, out, value, style, depth)?,
        ValueKind::Undefined => return Err(invalid("tojson: an undefined value cannot be written as JSON")),
        kind => return Err(invalid(format!("tojson: a {kind} cannot be written as JSON"))),
    }
    Ok(())
}

fn write_map(state: &State, out: &mut String, map: &Value, style: &Style, depth: usize) -> Result<(), Error> {
    let mut entries = Vec::new();
    for key in map.try_iter()?.checked() {
        let key = key?;
        let name = match key.kind() {
            ValueKind::String => key.as_str().unwrap_or_default().to_owned(),
            ValueKind::None => "null".to_owned(),
            ValueKind::Bool => if key.is_true() { "true" } else { "false" }.to_owned(),
            ValueKind::Number => number(&key),
            kind => return Err(invalid(format!("tojson: a {kind} cannot be a key in JSON"))),
        };
        entries.push((name, map.get_item(&key)?));
    }
    if style.sort_keys {
        entries.sort_by(|left, right| left.0.cmp(&right.0));
    }
    write_container(state, out, ['{', '}'], entries.len(), style, depth, |out, index| {
        let Some((name, value)) = entries.get(index) else { return Ok(()) };
        write_string(state, out, name, style)?;
        out.push_str(&style.key_separator);
        write_value(state, out, value, style, depth + 1)
    })
}

/// Brackets, separators and line breaks around `count` entries that `entry` writes.
fn write_container(
    state: &State,
    out: &mut String,
    [open, close]: [char; 2],
    count: usize,
    style: &Style,
    depth: usize,
    mut entry: impl FnMut(&mut String, usize) -> Result<(), Error>,
) -> Result<(), Error> {
    let new_line = |out: &mut String, depth: usize| -> Result<(), Error> {
        match &style.indent {
            Some(indent) => {
                charge_bytes(state, indent.len().saturating_mul(depth))?;
                out.push('\n');
                out.extend(std::iter::repeat_n(indent.as_str(), depth));
                Ok(())
            }
            None => Ok(()),
        }
    };
    out.push(open);
    for index in 0..count {
        if index > 0 {
            charge_bytes(state, style.item_separator.len().saturating_add(style.key_separator.len()))?;
            out.push_str(&style.item_separator);
        }
        new_line(out, depth + 1)?;
        entry(out, index)?;
    }
    if count > 0 {
        new_line(out, depth)?;
    }
    out.push(close);
    Ok(())
}

fn number(value: &Value) -> String {
    if is_float(value) {
        let x = f64::try_from(value.clone()).unwrap_or_default();
        return match python_float(x).as_str() {
            "nan" => "NaN".to_owned(),
            "inf" => "Infinity".to_owned(),
            "-inf" => "-Infinity".to_owned(),
            finite => finite.to_owned(),
        };
    }
    value.to_string()
}

fn write_string(state: &State, out: &mut String, text: &str, style: &Style) -> Result<(), Error> {
    charge_bytes(state, text.len())?;
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            _ if character < ' ' || style.ensure_ascii && !(' '..='~').contains(&character) => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            _ => out.push(character),
        }
    }
    out.push('"');
    Ok(())
}
