//! Calls between marks of their own, at the beginning of a text: the formats of 2025 and later.

use super::call::Call;
use super::markers as m;
use super::python;
use super::take::{Step, Taken, Taker, between, expect, name, rest, skip_space};
use serde_json::{Map, Value};

/// Deepest nesting of a value.
const MAX_NESTING: usize = 64;

impl Taker {
    /// `<tool_call><function=name><parameter=key>value</parameter>…</function></tool_call>`, the outer marks perhaps
    /// left out.
    pub(super) fn function_tags(&mut self, text: &str, ended: bool) -> Step<Taken> {
        let is_wrapped = text.starts_with(m::TOOL_CALL);
        let mut at = if is_wrapped { skip_space(text, m::TOOL_CALL.len()) } else { 0 };
        if is_wrapped && rest(text, at).starts_with('{') {
            return self.hermes(text, ended);
        }
        let (end, called) = name(text, expect(text, at, m::FUNCTION)?, &['>', '\n'])?;
        at = expect(text, end, ">")?;
        let mut arguments = Map::new();
        while let Some(after) = next(text, at, m::FUNCTION_END, "<parameter=")? {
            let (end, key) = name(text, after, &['>', '\n'])?;
            let (value, after) = until(text, expect(text, end, ">")?, "</parameter>")?;
            arguments.insert(key.to_owned(), self.types.value(called, key, without_lines(value)));
            at = after;
        }
        at = expect(text, skip_space(text, at), m::FUNCTION_END)?;
        let call = Call::new(called, &Value::Object(arguments).to_string()).ok_or(Taken::Broken)?;
        let after = skip_space(text, at);
        if is_wrapped {
            at = if ended && after == text.len() { after } else { expect(text, after, m::TOOL_CALL_END)? };
        }
        Ok(Taken::Calls(vec![call], at))
    }

    /// `<tool_call>name<arg_key>key</arg_key><arg_value>value</arg_value>…</tool_call>`
    pub(super) fn argument_tags(&mut self, text: &str, ended: bool) -> Step<Taken> {
        let start = skip_space(text, m::TOOL_CALL.len());
        if rest(text, start).starts_with('{') {
            return self.hermes(text, ended);
        }
        let (mut at, called) = name(text, start, &['<', '\n'])?;
        let mut arguments = Map::new();
        while let Some(after) = next(text, at, m::TOOL_CALL_END, "<arg_key>")? {
            let (key, after) = until(text, after, "</arg_key>")?;
            let start = expect(text, skip_space(text, after), "<arg_value>")?;
            let (value, after) = until(text, start, "</arg_value>")?;
            arguments.insert(key.trim().to_owned(), self.types.value(called, key.trim(), value));
            at = after;
        }
        at = expect(text, skip_space(text, at), m::TOOL_CALL_END)?;
        let call = Call::new(called, &Value::Object(arguments).to_string()).ok_or(Taken::Broken)?;
        Ok(Taken::Calls(vec![call], at))
    }

    /// `<｜DSML｜invoke name="name"><｜DSML｜parameter name="key" string="true">value</｜DSML｜parameter>…`
    pub(super) fn deep_seek_tags(&mut self, text: &str) -> Step<Taken> {
        const BLOCKS: [&str; 2] = ["function_calls>", "tool_calls>"];
        const PARAMETER: &str = "<｜DSML｜parameter name=\"";
        const PARAMETER_END: &str = "</｜DSML｜parameter>";
        const INVOKE_END: &str = "</｜DSML｜invoke>";
        let is_end = text.starts_with(m::TAGGED_END);
        let start = if is_end { m::TAGGED_END.len() } else { m::TAGGED.len() };
        if let Some(block) = BLOCKS.into_iter().find(|block| rest(text, start).starts_with(block)) {
            return Ok(Taken::Calls(Vec::new(), start + block.len()));
        }
        if is_end || BLOCKS.into_iter().any(|block| block.starts_with(rest(text, start))) {
            let may_be = BLOCKS.into_iter().any(|block| block.starts_with(rest(text, start)));
            return Err(if may_be { Taken::More } else { Taken::Broken });
        }
        let (end, called) = name(text, expect(text, start, "invoke name=\"")?, &['"'])?;
        let mut at = expect(text, end, "\">")?;
        let first = skip_space(text, at);
        if rest(text, first).starts_with('{') {
            let end = self.value(text, first, b"{")?;
            let call = Call::new(called, between(text, first, end)).ok_or(Taken::Broken)?;
            return Ok(Taken::Calls(vec![call], expect(text, skip_space(text, end), INVOKE_END)?));
        }
        let mut arguments = Map::new();
        while let Some(after) = next(text, at, INVOKE_END, PARAMETER)? {
            let (end, key) = name(text, after, &['"'])?;
            let (kind, after) = until(text, expect(text, end, "\"")?, ">")?;
            let (value, after) = until(text, after, PARAMETER_END)?;
            let is_text = kind.contains("\"true\"");
            let value = if is_text { Value::from(value) } else { self.types.value(called, key, value) };
            arguments.insert(key.to_owned(), value);
            at = after;
        }
        at = expect(text, skip_space(text, at), INVOKE_END)?;
        let call = Call::new(called, &Value::Object(arguments).to_string()).ok_or(Taken::Broken)?;
        Ok(Taken::Calls(vec![call], at))
    }

    /// `<|tool_call_begin|>functions.name:0<|tool_call_argument_begin|>{…}<|tool_call_end|>`
    pub(super) fn kimi(&mut self, text: &str) -> Step<Taken> {
        for around in [m::SECTION, m::SECTION_END] {
            if text.starts_with(around) {
                return Ok(Taken::Calls(Vec::new(), around.len()));
            }
        }
        let (end, id) = name(text, m::KIMI_CALL.len(), &['<'])?;
        let called = id.strip_prefix("functions.").unwrap_or(id);
        let called = match called.rsplit_once(':') {
            Some((called, index)) if index.bytes().all(|digit| digit.is_ascii_digit()) => called,
            _ => called,
        };
        let start = skip_space(text, expect(text, end, m::KIMI_ARGUMENTS)?);
        let end = self.value(text, start, b"{")?;
        let call = Call::new(called, between(text, start, end)).ok_or(Taken::Broken)?;
        Ok(Taken::Calls(vec![call], expect(text, skip_space(text, end), m::KIMI_CALL_END)?))
    }

    /// A list of calls, as JSON or as Python, between marks. The last mark may be missing where the answer ends.
    pub(super) fn listed(&mut self, text: &str, open: &str, close: Option<&str>, ended: bool) -> Step<Taken> {
        let start = skip_space(text, open.len());
        let list = skip_space(text, expect(text, start, "[")?);
        let Some(first) = rest(text, list).chars().next() else { return Err(Taken::More) };
        let (calls, end) = if first == '{' {
            let end = self.value(text, start, b"[")?;
            (Call::of_value(between(text, start, end)), end)
        } else {
            let Some(close) = close else { return Err(Taken::Broken) };
            let end = match rest(text, start).find(close) {
                Some(length) => start + length,
                None if ended => text.len(),
                None => return Err(Taken::More),
            };
            (python::list(between(text, start, end)), end)
        };
        let calls = calls.ok_or(Taken::Broken)?;
        let after = skip_space(text, end);
        let end = match close {
            None => end,
            Some(_) if ended && after == text.len() => after,
            Some(close) => expect(text, after, close)?,
        };
        Ok(Taken::Calls(calls, end))
    }

    /// `<|tool_call>call:name{key:<|"|>value<|"|>,…}<tool_call|>`
    pub(super) fn gemma_4(&mut self, text: &str) -> Step<Taken> {
        let start = expect(text, skip_space(text, m::GEMMA_CALL.len()), "call:")?;
        let (end, called) = name(text, start, &['{'])?;
        let (arguments, end) = value(text, end, 0)?;
        let call = Call::new(called, &arguments.to_string()).ok_or(Taken::Broken)?;
        Ok(Taken::Calls(vec![call], expect(text, skip_space(text, end), m::GEMMA_CALL_END)?))
    }
}

/// Where the next part begins after its mark `more`; `None` where `end` stands instead.
fn next(text: &str, at: usize, end: &str, more: &str) -> Step<Option<usize>> {
    let at = skip_space(text, at);
    match expect(text, at, end) {
        Ok(_) => Ok(None),
        Err(Taken::Broken) => expect(text, at, more).map(Some),
        Err(taken) => Err(taken),
    }
}

/// Text before `mark`, and where that ends.
fn until<'t>(text: &'t str, start: usize, mark: &str) -> Step<(&'t str, usize)> {
    let length = rest(text, start).find(mark).ok_or(Taken::More)?;
    Ok((between(text, start, start + length), start + length + mark.len()))
}

/// A value without the line ends that stand between it and its marks.
fn without_lines(value: &str) -> &str {
    let value = value.strip_prefix('\n').unwrap_or(value);
    value.strip_suffix('\n').unwrap_or(value)
}

/// A value as Gemma 4 writes it, and where it ends.
fn value(text: &str, at: usize, depth: usize) -> Step<(Value, usize)> {
    if depth > MAX_NESTING {
        return Err(Taken::Broken);
    }
    let at = skip_space(text, at);
    match rest(text, at).chars().next().ok_or(Taken::More)? {
        '{' => {
            let mut fields = Map::new();
            let end = items(text, at, '}', |at| {
                let (key, at) = key(text, at)?;
                let (value, at) = value(text, expect(text, skip_space(text, at), ":")?, depth + 1)?;
                fields.insert(key, value);
                Ok(at)
            })?;
            Ok((Value::Object(fields), end))
        }
        '[' => {
            let mut values = Vec::new();
            let end = items(text, at, ']', |at| {
                let (value, at) = value(text, at, depth + 1)?;
                values.push(value);
                Ok(at)
            })?;
            Ok((Value::Array(values), end))
        }
        '<' | '"' => quoted(text, at).map(|(value, at)| (Value::String(value), at)),
        _ => {
            let (end, word) = name(text, at, &[',', '}', ']', '<'])?;
            let value = serde_json::from_str(word).map_err(|_| Taken::Broken)?;
            Ok((value, end))
        }
    }
}

/// Items with commas between them, after a bracket and up to `close`; where that ends.
fn items(text: &str, open: usize, close: char, mut item: impl FnMut(usize) -> Step<usize>) -> Step<usize> {
    let mut at = skip_space(text, open + 1);
    let next = |at: usize| rest(text, at).chars().next().ok_or(Taken::More);
    if next(at)? == close {
        return Ok(at + 1);
    }
    loop {
        at = skip_space(text, item(at)?);
        let found = next(at)?;
        at += 1;
        if found == close {
            return Ok(at);
        }
        if found != ',' {
            return Err(Taken::Broken);
        }
    }
}

fn key(text: &str, at: usize) -> Step<(String, usize)> {
    let at = skip_space(text, at);
    if rest(text, at).starts_with(['<', '"']) {
        return quoted(text, at);
    }
    let (end, word) = name(text, at, &[':', ',', '}', '<'])?;
    if word.is_empty() { Err(Taken::Broken) } else { Ok((word.to_owned(), end)) }
}

/// A text between Gemma's quotes or JSON's.
fn quoted(text: &str, at: usize) -> Step<(String, usize)> {
    if rest(text, at).starts_with('<') {
        let (value, end) = until(text, expect(text, at, m::GEMMA_QUOTE)?, m::GEMMA_QUOTE)?;
        return Ok((value.to_owned(), end));
    }
    let mut escaped = false;
    let end = rest(text, at).char_indices().skip(1).find(|(_, character)| {
        let ends = *character == '"' && !escaped;
        escaped = *character == '\\' && !escaped;
        ends
    });
    let end = at + end.ok_or(Taken::More)?.0 + 1;
    let value = serde_json::from_str(between(text, at, end)).map_err(|_| Taken::Broken)?;
    Ok((value, end))
}
