//! Calls in each format, at the beginning of a text.

use super::call::Call;
use super::markers as m;
use super::scan::{Scanned, Scanner};
use super::types::Types;
use super::{ToolFormat, python};

/// Beginning of a text that begins like a call.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// The next text decides.
    More,
    /// No call; the marker is ordinary text.
    Broken,
    /// Calls (none for a marker that only stands around them), and how many bytes of the text they take.
    Calls(Vec<Call>, usize),
}

/// Longest name that is waited for, in bytes.
const MAX_NAME_BYTES: usize = 256;

/// Takes calls in one format.
#[derive(Clone, Debug)]
pub(super) struct Taker {
    format: ToolFormat,
    /// Types of the arguments.
    pub(super) types: Types,
    /// The value that was not complete the last time: where it begins, and how far it was read.
    unfinished: Option<(usize, Scanner)>,
}

/// Where a reader stands in the text: `Err` ends the reading.
pub(super) type Step<T> = Result<T, Taken>;

impl Taker {
    pub(super) fn new(format: ToolFormat) -> Self {
        Self { format, types: Types::default(), unfinished: None }
    }

    /// Texts that begin calls anywhere in an answer.
    pub(super) fn openers(&self) -> &'static [&'static str] {
        match self.format {
            ToolFormat::Hermes => &[m::TOOL_CALL],
            ToolFormat::Llama => &[m::PYTHON_TAG],
            ToolFormat::Mistral | ToolFormat::MistralArguments => &[m::TOOL_CALLS],
            ToolFormat::Gemma => &[m::TOOL_CODE],
            ToolFormat::DeepSeek | ToolFormat::DeepSeekFenced => &[m::CALLS_BEGIN, m::CALL_BEGIN, m::CALLS_END],
            ToolFormat::DeepSeekTags => &[m::TAGGED, m::TAGGED_END],
            ToolFormat::FunctionTags => &[m::TOOL_CALL, m::FUNCTION],
            ToolFormat::ArgumentTags => &[m::TOOL_CALL],
            ToolFormat::Gemma4 => &[m::GEMMA_CALL],
            ToolFormat::Lfm2 => &[m::LFM_CALLS],
            ToolFormat::Granite => &[m::GRANITE_CALLS],
            ToolFormat::Nemotron => &[m::NEMOTRON_CALLS],
            ToolFormat::Kimi => &[m::SECTION, m::KIMI_CALL, m::SECTION_END],
            // Channels are told apart before.
            ToolFormat::Harmony | ToolFormat::Json => &[],
        }
    }

    /// Texts that begin calls only where an answer begins, or right after a call.
    pub(super) fn first_openers(&self) -> &'static [&'static str] {
        match self.format {
            ToolFormat::Llama => &["{"],
            ToolFormat::Gemma | ToolFormat::Json => &["{", "[", "```json"],
            // Small models leave the marks out, and many fence what they write.
            ToolFormat::Hermes => &["{", "[", "```json", "```"],
            _ => &[],
        }
    }

    /// True if the names of a call that begins like `text` must be those of tools that are offered: where calls have no
    /// marker, other JSON looks like them.
    pub(super) fn needs_known_name(&self, text: &str) -> bool {
        match self.format {
            ToolFormat::Hermes => !text.starts_with(m::TOOL_CALL),
            format => matches!(format, ToolFormat::Llama | ToolFormat::Gemma | ToolFormat::Json),
        }
    }

    /// True if JSON without marks is no call unless names are known at all.
    pub(super) fn needs_names(&self) -> bool {
        self.format == ToolFormat::Hermes
    }

    /// Forgets what it knew of an unfinished value; to be called when the beginning of the text moves.
    pub(super) fn reset(&mut self) {
        self.unfinished = None;
    }

    /// Reads `text`, which begins with one of the openers. `ended`: nothing will follow.
    pub(super) fn take(&mut self, text: &str, ended: bool) -> Taken {
        let taken = match self.format {
            ToolFormat::Hermes if text.starts_with(m::TOOL_CALL) => self.hermes(text, ended),
            ToolFormat::Hermes => self.json(text, ended),
            ToolFormat::Llama => self.llama(text),
            ToolFormat::Mistral | ToolFormat::MistralArguments => self.mistral(text),
            ToolFormat::Gemma if text.starts_with(m::TOOL_CODE) => fenced(text, m::TOOL_CODE, ended),
            ToolFormat::Gemma | ToolFormat::Json => self.json(text, ended),
            ToolFormat::DeepSeek | ToolFormat::DeepSeekFenced => self.deep_seek(text),
            ToolFormat::DeepSeekTags => self.deep_seek_tags(text),
            ToolFormat::FunctionTags => self.function_tags(text, ended),
            ToolFormat::ArgumentTags => self.argument_tags(text, ended),
            ToolFormat::Gemma4 => self.gemma_4(text),
            ToolFormat::Lfm2 => self.listed(text, m::LFM_CALLS, Some(m::LFM_CALLS_END), ended),
            ToolFormat::Granite => self.listed(text, m::GRANITE_CALLS, None, ended),
            ToolFormat::Nemotron => self.listed(text, m::NEMOTRON_CALLS, Some(m::NEMOTRON_CALLS_END), ended),
            ToolFormat::Kimi => self.kimi(text),
            ToolFormat::Harmony => Err(Taken::Broken),
        };
        match taken.unwrap_or_else(|taken| taken) {
            Taken::More if ended => Taken::Broken,
            taken => taken,
        }
    }

    pub(super) fn hermes(&mut self, text: &str, ended: bool) -> Step<Taken> {
        let start = skip_space(text, m::TOOL_CALL.len());
        let end = self.value(text, start, b"{")?;
        let call = Call::of_object(between(text, start, end)).ok_or(Taken::Broken)?;
        let after = skip_space(text, end);
        // An answer may end before the marker does.
        let end = if ended && after == text.len() { after } else { expect(text, after, m::TOOL_CALL_END)? };
        Ok(Taken::Calls(vec![call], end))
    }

    fn llama(&mut self, text: &str) -> Step<Taken> {
        let start = if text.starts_with(m::PYTHON_TAG) { m::PYTHON_TAG.len() } else { 0 };
        let start = skip_space(text, start);
        let end = self.value(text, start, b"{")?;
        let call = Call::of_object(between(text, start, end)).ok_or(Taken::Broken)?;
        // Several calls are set apart by semicolons; waiting for what follows one would hold it back.
        Ok(Taken::Calls(vec![call], end))
    }

    fn mistral(&mut self, text: &str) -> Step<Taken> {
        let start = skip_space(text, m::TOOL_CALLS.len());
        if rest(text, start).starts_with('[') {
            let end = self.value(text, start, b"[")?;
            let calls = Call::of_value(between(text, start, end)).ok_or(Taken::Broken)?;
            return Ok(Taken::Calls(calls, end));
        }
        let (name_end, name) = name(text, start, &['[', '{'])?;
        let mut at = name_end;
        if rest(text, at).starts_with('[') {
            if matches!(expect(text, at, m::CALL_ID), Ok(_) | Err(Taken::More)) {
                let after = expect(text, at, m::CALL_ID)?;
                at = self::name(text, after, &['['])?.0;
            }
            at = expect(text, at, m::ARGS)?;
        }
        let start = skip_space(text, at);
        let end = self.value(text, start, b"{")?;
        let call = Call::new(name, between(text, start, end)).ok_or(Taken::Broken)?;
        Ok(Taken::Calls(vec![call], end))
    }

    fn deep_seek(&mut self, text: &str) -> Step<Taken> {
        if text.starts_with(m::CALLS_END) {
            return Ok(Taken::Calls(Vec::new(), m::CALLS_END.len()));
        }
        if text.starts_with(m::CALLS_BEGIN) {
            let start = skip_space(text, m::CALLS_BEGIN.len());
            expect(text, start, m::CALL_BEGIN)?;
            return Ok(Taken::Calls(Vec::new(), start));
        }
        let start = m::CALL_BEGIN.len();
        let (separator, mut called) = name(text, start, &['<'])?;
        let mut at = expect(text, separator, m::SEPARATOR)?;
        let fenced = called == "function" && !rest(text, at).trim_start().starts_with('{');
        if fenced {
            (at, called) = name(text, at, &['\n', '`'])?;
            at = expect(text, skip_space(text, at), "```json")?;
        }
        let start = skip_space(text, at);
        let end = self.value(text, start, b"{")?;
        let call = Call::new(called, between(text, start, end)).ok_or(Taken::Broken)?;
        let mut after = skip_space(text, end);
        if fenced {
            after = skip_space(text, expect(text, after, m::FENCE)?);
        }
        Ok(Taken::Calls(vec![call], expect(text, after, m::CALL_END)?))
    }

    fn json(&mut self, text: &str, ended: bool) -> Step<Taken> {
        const JSON: &str = "```json";
        if let Some(fence) = [JSON, m::FENCE].into_iter().find(|fence| text.starts_with(fence)) {
            return fenced(text, fence, ended);
        }
        let end = self.value(text, 0, b"{[")?;
        let calls = Call::of_value(between(text, 0, end)).ok_or(Taken::Broken)?;
        Ok(Taken::Calls(calls, end))
    }

    /// Where the value that begins at `start` ends.
    pub(super) fn value(&mut self, text: &str, start: usize, begins: &[u8]) -> Step<usize> {
        match text.as_bytes().get(start) {
            None => return Err(Taken::More),
            Some(byte) if !begins.contains(byte) => return Err(Taken::Broken),
            Some(_) => {}
        }
        let mut scanner = match self.unfinished.take() {
            Some((known, scanner)) if known == start => scanner,
            _ => Scanner::new(),
        };
        match scanner.scan(rest(text, start)) {
            Scanned::Broken => Err(Taken::Broken),
            Scanned::End(length) => {
                self.unfinished = Some((start, scanner));
                Ok(start + length)
            }
            Scanned::More => {
                self.unfinished = Some((start, scanner));
                Err(Taken::More)
            }
        }
    }
}

/// A block from a fence to a line that begins with the closing one.
fn fenced(text: &str, fence: &str, ended: bool) -> Step<Taken> {
    let after = fence.len();
    let line_end = rest(text, after).find('\n').ok_or(Taken::More)?;
    if !rest(text, after).get(..line_end).is_some_and(|line| line.trim().is_empty()) {
        return Err(Taken::Broken);
    }
    let start = after + line_end;
    let (body_end, end) = match rest(text, start).find("\n```") {
        Some(length) => (start + length, start + length + "\n```".len()),
        None if ended => (text.len(), text.len()),
        None => return Err(Taken::More),
    };
    let body = between(text, start, body_end).trim();
    let calls = Call::of_value(body).or_else(|| if fence == m::TOOL_CODE { python::calls(body) } else { None });
    Ok(Taken::Calls(calls.ok_or(Taken::Broken)?, end))
}

/// A name up to one of `ends`, which is not taken.
pub(super) fn name<'t>(text: &'t str, start: usize, ends: &[char]) -> Step<(usize, &'t str)> {
    let found = rest(text, start).find(ends);
    match found {
        Some(length) if length <= MAX_NAME_BYTES => {
            let end = start + length;
            Ok((end, between(text, start, end).trim()))
        }
        None if rest(text, start).len() <= MAX_NAME_BYTES => Err(Taken::More),
        _ => Err(Taken::Broken),
    }
}

/// The end of `marker`, which must stand at `start`.
pub(super) fn expect(text: &str, start: usize, marker: &str) -> Step<usize> {
    let rest = rest(text, start);
    if rest.starts_with(marker) {
        Ok(start + marker.len())
    } else if marker.starts_with(rest) {
        Err(Taken::More)
    } else {
        Err(Taken::Broken)
    }
}

pub(super) fn skip_space(text: &str, start: usize) -> usize {
    let rest = rest(text, start);
    start + rest.len() - rest.trim_start().len()
}

pub(super) fn rest(text: &str, start: usize) -> &str {
    text.get(start..).unwrap_or("")
}

pub(super) fn between(text: &str, start: usize, end: usize) -> &str {
    text.get(start..end).unwrap_or("")
}
