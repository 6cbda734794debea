//! Filters, tests and globals whose behaviour in Jinja2 differs from the template library's, or that it lacks.

use minijinja::value::{Kwargs, Rest, Value, ValueKind, ValueOrKwargs, from_args};
use minijinja::{Environment, Error, State};

use super::cost;
use super::error::RaisedMessage;
use super::faults::invalid;
use super::guard::{self, charge_bytes};
use super::html::escaped;
use super::json::tojson;
use super::limits::MAX_FIELD_WIDTH;
use super::operators;
use super::string_methods::{self, capitalize, lines, strip};
use super::text::{push_str, python_str};

/// Adds everything to an environment.
pub(super) fn install(environment: &mut Environment<'_>) {
    environment.add_filter("tojson", tojson);
    environment.add_filter("trim", trim);
    environment.add_filter("string", |state: &State, value: &Value| python_str(state, value));
    environment.add_filter("join", join);
    environment.add_filter("list", guard::list);
    environment.add_filter("capitalize", |state: &State, value: &Value| {
        Ok::<_, Error>(capitalize(&python_str(state, value)?))
    });
    environment.add_filter("indent", indent);
    environment.add_filter("escape", escape);
    environment.add_filter("e", escape);
    environment.add_filter("forceescape", escape);
    environment.add_filter("format", |state: &State, value: &Value, arguments: Rest<Value>| {
        let Some(text) = value.as_str() else { return Err(invalid("format: the value is not a string")) };
        operators::formatted(state, minijinja::formatting::FormatStyle::Printf, text, &arguments)
    });
    environment.add_filter("replace", replace);
    environment.add_filter("sum", sum);

    environment.add_test("sequence", |value: &Value| is_kind(value, &[ValueKind::Map, ValueKind::Seq]));
    environment
        .add_test("iterable", |value: &Value| is_kind(value, &[ValueKind::Map, ValueKind::Seq, ValueKind::Iterable]));
    environment.add_test("mapping", |value: &Value| value.kind() == ValueKind::Map && !guard::is_namespace(value));
    environment.add_test("callable", |value: &Value| matches!(value.kind(), ValueKind::Plain | ValueKind::Undefined));

    environment.add_function(super::compile::CHECK, guard::check);
    environment.add_function(super::compile::KEEP, guard::keep);
    environment.add_function(super::compile::ITERATE, guard::iterate);
    environment.add_function(super::compile::ADD, operators::add);
    environment.add_function(super::compile::CONCAT, operators::concat);
    environment.add_function(super::compile::REMAINDER, operators::remainder);
    environment.add_function("range", guard::range);
    environment.add_function("dict", guard::dict);
    environment.add_function("namespace", guard::namespace);
    environment.add_function("raise_exception", raise_exception);
    environment.add_function(super::compile::PAY_ITEM, |state: &State, container: &Value, key: &Value| {
        cost::item(state, container, key).map(|()| handed_back(&[container.clone(), key.clone()]))
    });
    environment.add_function(super::compile::PAY_COMPARISON, |state: &State, left: &Value, right: &Value| {
        cost::comparison(state, left, right).map(|()| handed_back(&[left.clone(), right.clone()]))
    });
    environment.add_function(super::compile::PAY_MEMBERSHIP, |state: &State, wanted: &Value, container: &Value| {
        cost::membership(state, wanted, container).map(|()| handed_back(&[wanted.clone(), container.clone()]))
    });
    environment.add_function(super::compile::PAY_CHAIN, |state: &State, left: &Value, right: &Value| {
        cost::comparison(state, left, right)?;
        cost::membership(state, left, right).map(|()| handed_back(&[left.clone(), right.clone()]))
    });
    environment.add_function(super::compile::PAY_SIZES, |state: &State, operands: Rest<Value>| {
        cost::sizes(state, &operands).map(|()| handed_back(&operands))
    });
    environment.add_function(super::compile::PAY_WHOLES, |state: &State, operands: Rest<Value>| {
        cost::wholes(state, &operands).map(|()| handed_back(&operands))
    });
}

/// Operands as the instruction that unpacks them wants them: the last one first.
fn handed_back(operands: &[Value]) -> Value {
    operands.iter().rev().cloned().collect()
}

/// In Python strings and undefined values have a length and can be iterated, too.
fn is_kind(value: &Value, kinds: &[ValueKind]) -> bool {
    kinds.contains(&value.kind()) && !guard::is_namespace(value)
        || matches!(value.kind(), ValueKind::String | ValueKind::Undefined)
}

fn raise_exception(state: &State, message: &Value) -> Result<Value, Error> {
    Err(invalid("raise_exception").with_source(RaisedMessage(python_str(state, message)?)))
}

fn trim(state: &State, value: &Value, characters: Option<&str>) -> Result<String, Error> {
    charge_bytes(state, characters.map_or(0, str::len))?;
    Ok(strip(&python_str(state, value)?, characters, true, true).to_owned())
}

/// `replace(old, new, count=none)`.
fn replace(state: &State, value: &Value, arguments: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let arguments = arguments.into_values();
    let (old, new, most, named): (&Value, &Value, Option<i64>, Kwargs) = from_args(&arguments)?;
    let most = most.map_or_else(|| named.get::<Option<i64>>("count"), |most| Ok(Some(most)))?;
    named.assert_all_used()?;
    let (text, old, new) = (python_str(state, value)?, python_str(state, old)?, python_str(state, new)?);
    string_methods::replaced(state, &text, &old, &new, most)
}

/// `sum(attribute=none, start=0)`, each addition as `+` makes it and pays for it.
fn sum(
    state: &State,
    values: &Value,
    attribute: Option<Value>,
    start: Option<Value>,
    named: Kwargs,
) -> Result<Value, Error> {
    let attribute = attribute.map_or_else(|| named.get::<Option<Value>>("attribute"), |value| Ok(Some(value)))?;
    let start = start.map_or_else(|| named.get::<Option<Value>>("start"), |value| Ok(Some(value)))?;
    named.assert_all_used()?;
    let mut sum = start.unwrap_or(Value::from(0));
    for item in values.try_iter()?.checked() {
        let mut item = item?;
        if let Some(attribute) = attribute.as_ref().filter(|attribute| !attribute.is_none()) {
            item = item.get_item(attribute)?;
        }
        state.consume_fuel(1)?;
        sum = operators::add(state, &sum, &item)?;
    }
    Ok(sum)
}

fn join(state: &State, value: &Value, separator: Option<Value>, named: Kwargs) -> Result<Value, Error> {
    let separator = match separator {
        Some(separator) => python_str(state, &separator)?,
        None => named.get::<Option<String>>("d")?.unwrap_or_default(),
    };
    let attribute = named.get::<Option<Value>>("attribute")?;
    named.assert_all_used()?;
    let mut out = String::new();
    for (index, item) in value.try_iter()?.checked().enumerate() {
        let mut item = item?;
        if let Some(attribute) = &attribute {
            item = item.get_item(attribute)?;
        }
        state.consume_fuel(1)?;
        if index > 0 {
            charge_bytes(state, separator.len())?;
            out.push_str(&separator);
        }
        push_str(state, &mut out, &item)?;
    }
    Ok(Value::from(out))
}

/// `indent(width=4, first=false, blank=false)`; the width may be the text to indent with.
fn indent(state: &State, value: &Value, arguments: Rest<ValueOrKwargs>) -> Result<String, Error> {
    type Positional = (Option<Value>, Option<bool>, Option<bool>, Kwargs);
    let arguments = arguments.into_values();
    let (width, first, blank, named): Positional = from_args(&arguments)?;
    let width = width.map_or_else(|| named.get::<Option<Value>>("width"), |width| Ok(Some(width)))?;
    let first = first.map_or_else(|| named.get::<Option<bool>>("first"), |first| Ok(Some(first)))?.unwrap_or(false);
    let blank = blank.map_or_else(|| named.get::<Option<bool>>("blank"), |blank| Ok(Some(blank)))?.unwrap_or(false);
    named.assert_all_used()?;
    let margin = match width {
        Some(width) if width.as_str().is_some() => width.as_str().unwrap_or_default().to_owned(),
        width => {
            let width = width.map_or(Ok(4), i64::try_from)?;
            let width = usize::try_from(width.max(0)).unwrap_or(usize::MAX);
            if width > MAX_FIELD_WIDTH {
                return Err(invalid(format!("indent: the width is above {MAX_FIELD_WIDTH}")));
            }
            " ".repeat(width)
        }
    };
    // The added break makes a break at the end of the text count as a line of its own.
    let text = python_str(state, value)? + "\n";
    let mut out = String::new();
    for (index, line) in lines(&text, false).into_iter().enumerate() {
        charge_bytes(state, margin.len().saturating_add(line.len()))?;
        if index > 0 {
            out.push('\n');
        }
        let indented = if index == 0 { first } else { blank || !line.is_empty() };
        if indented {
            out.push_str(&margin);
        }
        out.push_str(line);
    }
    Ok(out)
}

fn escape(state: &State, value: &Value) -> Result<Value, Error> {
    let text = python_str(state, value)?;
    if value.is_safe() {
        return Ok(value.clone());
    }
    escaped(state, &text).map(Value::from_safe_string)
}
