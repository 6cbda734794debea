//! Python's `str` methods.

use std::collections::HashSet;

use minijinja::formatting::FormatStyle;
use minijinja::value::{Kwargs, Tuple, Value, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State};

use super::cost;
use super::faults::invalid;
use super::guard::charge_bytes;
use super::limits::MAX_FIELD_WIDTH;
use super::operators::formatted;

/// Calls `text.method(*arguments)`.
///
/// The interpreter has paid for the text itself once; the arguments are paid for here.
pub(super) fn string_method(state: &State, text: &str, method: &str, arguments: &[Value]) -> Result<Value, Error> {
    cost::sizes(state, arguments)?;
    match method {
        "strip" | "lstrip" | "rstrip" => {
            let (characters,): (Option<&str>,) = from_args(arguments)?;
            Ok(Value::from(strip(text, characters, method != "rstrip", method != "lstrip")))
        }
        "split" | "rsplit" => split_method(text, method == "rsplit", arguments),
        "partition" | "rpartition" => partition(text, method == "rpartition", arguments),
        "splitlines" => splitlines(text, arguments),
        "replace" => replace(state, text, arguments),
        "join" => {
            let (items,): (&Value,) = from_args(arguments)?;
            join(state, text, items)
        }
        "startswith" | "endswith" => affix(state, text, method == "startswith", arguments),
        "removeprefix" | "removesuffix" => {
            let (affix,): (&str,) = from_args(arguments)?;
            let rest = if method == "removeprefix" { text.strip_prefix(affix) } else { text.strip_suffix(affix) };
            Ok(Value::from(rest.unwrap_or(text)))
        }
        "find" | "rfind" | "index" | "rindex" | "count" => search(text, method, arguments),
        "zfill" | "center" | "ljust" | "rjust" => pad(state, text, method, arguments),
        "format" => formatted(state, FormatStyle::StrFormat, text, arguments),
        _ => {
            let () = from_args(arguments).map_err(|error| match is_plain(method) {
                true => error,
                false => Error::from(ErrorKind::UnknownMethod),
            })?;
            plain(text, method)
        }
    }
}

fn is_plain(method: &str) -> bool {
    plain("", method).is_ok()
}

/// The methods without arguments.
fn plain(text: &str, method: &str) -> Result<Value, Error> {
    let every = |accept: fn(char) -> bool| Value::from(!text.is_empty() && text.chars().all(accept));
    Ok(match method {
        "upper" => Value::from(text.to_uppercase()),
        "lower" | "casefold" => Value::from(text.to_lowercase()),
        "capitalize" => Value::from(capitalize(text)),
        "title" => Value::from(title(text)),
        "swapcase" => Value::from(text.chars().map(swapped).collect::<String>()),
        "isalpha" => every(char::is_alphabetic),
        "isalnum" => every(char::is_alphanumeric),
        "isdigit" | "isdecimal" | "isnumeric" => every(char::is_numeric),
        "isspace" => every(is_space),
        "isascii" => Value::from(text.is_ascii()),
        "islower" => Value::from(text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase)),
        "isupper" => Value::from(text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase)),
        _ => return Err(Error::from(ErrorKind::UnknownMethod)),
    })
}

/// Python's white space: Unicode's, and the four ASCII separators.
pub(super) fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}

/// `strip` and its one-sided forms; `None` strips white space.
pub(super) fn strip<'a>(text: &'a str, characters: Option<&str>, start: bool, end: bool) -> &'a str {
    // A set, so that a long list of characters is not gone through for each of the text.
    let set: Option<HashSet<char>> = characters.map(|characters| characters.chars().collect());
    let unwanted = |character: char| set.as_ref().map_or_else(|| is_space(character), |set| set.contains(&character));
    let text = if start { text.trim_start_matches(unwanted) } else { text };
    if end { text.trim_end_matches(unwanted) } else { text }
}

/// First letter upper, the rest lower.
pub(super) fn capitalize(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map(|first| first.to_uppercase().chain(characters.flat_map(char::to_lowercase)).collect())
        .unwrap_or_default()
}

/// Upper case after every character that is not a letter.
fn title(text: &str) -> String {
    let mut after_letter = false;
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if after_letter {
            out.extend(character.to_lowercase());
        } else {
            out.extend(character.to_uppercase());
        }
        after_letter = character.is_lowercase() || character.is_uppercase();
    }
    out
}

fn swapped(character: char) -> char {
    let mut other = if character.is_uppercase() {
        character.to_lowercase().to_string()
    } else {
        character.to_uppercase().to_string()
    };
    other.pop().filter(|_| other.is_empty()).unwrap_or(character)
}

fn split_method(text: &str, from_end: bool, arguments: &[Value]) -> Result<Value, Error> {
    let (separator, most, named): (Option<Value>, Option<i64>, Kwargs) = from_args(arguments)?;
    let separator = match separator {
        Some(separator) => Some(separator),
        None => named.get::<Option<Value>>("sep")?,
    }
    .filter(|separator| !separator.is_none());
    let most = match most {
        Some(most) => most,
        None => named.get::<Option<i64>>("maxsplit")?.unwrap_or(-1),
    };
    named.assert_all_used()?;
    let parts = usize::try_from(most).map_or(usize::MAX, |most| most.saturating_add(1));
    let mut pieces: Vec<&str> = match &separator {
        None => split_space(text, parts, from_end),
        Some(separator) => match separator.as_str() {
            Some("") => return Err(invalid("split(): the separator is empty")),
            Some(separator) if from_end => text.rsplitn(parts, separator).collect(),
            Some(separator) => text.splitn(parts, separator).collect(),
            None => return Err(invalid("split(): the separator must be a string")),
        },
    };
    if from_end {
        pieces.reverse();
    }
    Ok(pieces.into_iter().map(Value::from).collect())
}

/// Splits at runs of white space into at most `parts` pieces, taken from the end if so asked (last piece first).
fn split_space(text: &str, parts: usize, from_end: bool) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = strip(text, None, !from_end, from_end);
    while !rest.is_empty() {
        if pieces.len() + 1 == parts {
            // The last piece keeps the white space on its far side.
            pieces.push(rest);
            break;
        }
        let (piece, remaining) = if from_end {
            rest.rsplit_once(is_space).map_or((rest, ""), |(before, last)| (last, before))
        } else {
            rest.split_once(is_space).unwrap_or((rest, ""))
        };
        pieces.push(piece);
        rest = strip(remaining, None, !from_end, from_end);
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

fn partition(text: &str, from_end: bool, arguments: &[Value]) -> Result<Value, Error> {
    let (separator,): (&str,) = from_args(arguments)?;
    if separator.is_empty() {
        return Err(invalid("partition(): the separator is empty"));
    }
    let found = if from_end { text.rsplit_once(separator) } else { text.split_once(separator) };
    let parts = match found {
        Some((before, after)) => [before, separator, after],
        None if from_end => ["", "", text],
        None => [text, "", ""],
    };
    Ok(Value::from(Tuple::from(parts.map(Value::from))))
}

fn splitlines(text: &str, arguments: &[Value]) -> Result<Value, Error> {
    let (keep, named): (Option<bool>, Kwargs) = from_args(arguments)?;
    let keep = match keep {
        Some(keep) => keep,
        None => named.get::<Option<bool>>("keepends")?.unwrap_or(false),
    };
    Ok(lines(text, keep).into_iter().map(Value::from).collect())
}

/// `splitlines`: Python's ten line breaks, and `\r\n` as one.
pub(super) fn lines(text: &str, keep_breaks: bool) -> Vec<&str> {
    let is_break = |character| {
        matches!(character, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}')
    };
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(is_break).unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        let width = match after.strip_prefix("\r\n") {
            Some(_) => 2,
            None => after.chars().next().map_or(0, char::len_utf8),
        };
        lines.push(if keep_breaks { rest.get(..end + width).unwrap_or(line) } else { line });
        rest = after.get(width..).unwrap_or_default();
    }
    lines
}

fn replace(state: &State, text: &str, arguments: &[Value]) -> Result<Value, Error> {
    let (old, new, most): (&str, &str, Option<i64>) = from_args(arguments)?;
    replaced(state, text, old, new, most)
}

/// Every `old` replaced, or the first `most` of them.
pub(super) fn replaced(state: &State, text: &str, old: &str, new: &str, most: Option<i64>) -> Result<Value, Error> {
    let most = most.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
    let matches = (text.len() / old.len().max(1)).saturating_add(1).min(most);
    charge_bytes(state, matches.saturating_mul(new.len().saturating_sub(old.len())).saturating_add(text.len()))?;
    Ok(Value::from(text.replacen(old, new, most)))
}

/// `separator.join(items)`; every item must be text.
fn join(state: &State, separator: &str, items: &Value) -> Result<Value, Error> {
    let mut out = String::new();
    for (index, item) in items.try_iter()?.checked().enumerate() {
        let item = item?;
        let Some(text) = item.as_str() else {
            return Err(invalid(format!("join(): item {index} is a {}, not a string", item.kind())));
        };
        state.consume_fuel(1)?;
        charge_bytes(state, separator.len().saturating_add(text.len()))?;
        if index > 0 {
            out.push_str(separator);
        }
        out.push_str(text);
    }
    Ok(Value::from(out))
}

/// `startswith` and `endswith`, with one string or a tuple of them.
fn affix(state: &State, text: &str, start: bool, arguments: &[Value]) -> Result<Value, Error> {
    let (wanted, from, to): (&Value, Option<i64>, Option<i64>) = from_args(arguments)?;
    let Some((text, _)) = window(text, from, to) else { return Ok(Value::from(false)) };
    let matches = |affix: &Value| match affix.as_str() {
        Some(affix) if start => Ok(text.starts_with(affix)),
        Some(affix) => Ok(text.ends_with(affix)),
        None => Err(invalid(format!("startswith() and endswith() want strings, not a {}", affix.kind()))),
    };
    if !matches!(wanted.kind(), ValueKind::Seq | ValueKind::Iterable) {
        return matches(wanted).map(Value::from);
    }
    for affix in wanted.try_iter()?.checked() {
        let affix = affix?;
        state.consume_fuel(1)?;
        charge_bytes(state, affix.as_str().map_or(0, str::len).min(text.len()))?;
        if matches(&affix)? {
            return Ok(Value::from(true));
        }
    }
    Ok(Value::from(false))
}

/// `text[from:to]` in characters and the number of characters before it; `None` where `from` lies behind the end.
fn window(text: &str, from: Option<i64>, to: Option<i64>) -> Option<(&str, usize)> {
    if from.is_none() && to.is_none() {
        return Some((text, 0));
    }
    let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    let position = |at: i64| if at < 0 { at.saturating_add(length).max(0) } else { at };
    let (from, to) = (position(from.unwrap_or(0)), position(to.unwrap_or(length)).min(length));
    if from > length || from > to {
        return None;
    }
    let offset = |at: i64| {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        text.char_indices().nth(at).map_or(text.len(), |(offset, _)| offset)
    };
    Some((text.get(offset(from)..offset(to))?, usize::try_from(from).unwrap_or(0)))
}

fn search(text: &str, method: &str, arguments: &[Value]) -> Result<Value, Error> {
    let (wanted, from, to): (&str, Option<i64>, Option<i64>) = from_args(arguments)?;
    let (text, before) = window(text, from, to).unwrap_or(("", 0));
    if method == "count" {
        return Ok(Value::from(text.matches(wanted).count()));
    }
    let found = if method.starts_with('r') { text.rfind(wanted) } else { text.find(wanted) };
    match found.and_then(|offset| text.get(..offset)) {
        Some(head) => Ok(Value::from(before.saturating_add(head.chars().count()))),
        None if method.ends_with("find") => Ok(Value::from(-1)),
        None => Err(invalid(format!("{method}(): the substring is not there"))),
    }
}

fn pad(state: &State, text: &str, method: &str, arguments: &[Value]) -> Result<Value, Error> {
    let (width, fill): (i64, Option<&str>) = from_args(arguments)?;
    let width = usize::try_from(width).unwrap_or(0);
    if width > MAX_FIELD_WIDTH {
        return Err(invalid(format!("{method}(): the width is above {MAX_FIELD_WIDTH}")));
    }
    if fill.is_some_and(|fill| fill.chars().count() != 1) {
        return Err(invalid(format!("{method}(): the fill character must be exactly one character long")));
    }
    charge_bytes(state, width.saturating_mul(fill.map_or(1, str::len)))?;
    let missing = width.saturating_sub(text.chars().count());
    if method == "zfill" {
        let (sign, digits) = match text.strip_prefix(['+', '-']) {
            Some(digits) => text.split_at(text.len() - digits.len()),
            None => ("", text),
        };
        return Ok(Value::from(format!("{sign}{}{digits}", "0".repeat(missing))));
    }
    let fill = fill.unwrap_or(" ");
    let left = match method {
        "ljust" => 0,
        "rjust" => missing,
        // Python puts the odd one on the left where both the gap and the width are odd.
        _ => missing / 2 + (missing & width & 1),
    };
    Ok(Value::from(format!("{}{text}{}", fill.repeat(left), fill.repeat(missing - left))))
}
