//! From a spec to a grammar of `llguidance`'s.

use crate::markers::{marker, quoted, special};
use crate::{Error, Spec, calls, gbnf, lark, limits, schema};
use hefu_text::tokenizer::Tokenizer;
use llguidance::api::GrammarWithLexer;
pub(crate) use llguidance::api::TopLevelGrammar;
use serde_json::json;

/// Said of a grammar that the library gives up on without a sentence of its own.
pub(crate) const TOO_COMPLEX: &str = "it is too complex to be carried out; make it simpler";
/// Name of the grammar that another one ends in.
const REST: &str = "rest";
/// Name of the grammar that stands beside calls.
const ANSWER: &str = "answer";

/// Name of the spec in sentences.
pub(crate) fn kind(spec: &Spec) -> &'static str {
    match spec {
        Spec::JsonObject | Spec::JsonSchema(_) => "JSON schema",
        Spec::Regex(_) => "regular expression",
        Spec::Lark(_) => "Lark grammar",
        Spec::Gbnf(_) => "GBNF grammar",
        Spec::Choice(_) => "list of choices",
        Spec::ToolCalls(_) => "grammar of tool calls",
        Spec::CallsOr { answer, .. } => kind(answer),
        Spec::AfterReasoning { then, .. } => kind(then),
    }
}

/// Shape of a spec's grammar, for the limits.
pub(crate) fn shape(spec: &Spec) -> limits::Shape {
    match spec {
        Spec::Lark(_) | Spec::Gbnf(_) => limits::Shape::Written,
        Spec::CallsOr { answer, .. } => shape(answer),
        Spec::AfterReasoning { then, .. } => shape(then),
        _ => limits::Shape::Made,
    }
}

/// The grammar of a spec.
///
/// # Errors
/// A fault of the spec that shows before it is compiled.
pub(crate) fn grammar(spec: &Spec, tokenizer: &Tokenizer) -> Result<TopLevelGrammar, Error> {
    let grammars = match spec {
        Spec::AfterReasoning { end, then } => {
            if matches!(**then, Spec::AfterReasoning { .. }) {
                return Err(Error::grammar(kind(then), "reasoning can be asked for once only"));
            }
            let mut rest = answers(then, tokenizer)?;
            if let Some(first) = rest.first_mut() {
                first.name = Some(REST.into());
            }
            rest.insert(0, from_lark(reasoning(end, tokenizer)?));
            rest
        }
        spec => answers(spec, tokenizer)?,
    };
    Ok(TopLevelGrammar { grammars, max_tokens: None })
}

/// The grammar of an answer, with that which it may end in behind it.
fn answers(spec: &Spec, tokenizer: &Tokenizer) -> Result<Vec<GrammarWithLexer>, Error> {
    let Spec::CallsOr { calls, answer } = spec else { return Ok(vec![single(spec, tokenizer)?]) };
    let mut other = single(answer, tokenizer)?;
    other.name = Some(ANSWER.into());
    let calls = calls::lark(calls, tokenizer)?.replacen("start:", "calls:", 1);
    Ok(vec![from_lark(format!("start: calls | @{ANSWER}\n{calls}")), other])
}

fn single(spec: &Spec, tokenizer: &Tokenizer) -> Result<GrammarWithLexer, Error> {
    let kind = kind(spec);
    Ok(match spec {
        Spec::JsonObject => GrammarWithLexer::from_json_schema(schema::with_bounded_space(json!({"type": "object"}))),
        Spec::JsonSchema(schema) => GrammarWithLexer::from_json_schema(schema::lower(schema)?),
        Spec::Regex(pattern) => {
            check_regex(kind, pattern)?;
            GrammarWithLexer::from_regex(pattern)
        }
        Spec::Lark(source) => {
            Error::check(kind, "bytes", source.len(), limits::MAX_LARK_BYTES)?;
            check_source(kind, source)?;
            from_lark(lark::checked(kind, source)?)
        }
        Spec::Gbnf(source) => {
            check_source(kind, source)?;
            from_lark(gbnf::to_lark(source)?)
        }
        Spec::Choice(choices) => from_lark(choice(kind, choices)?),
        Spec::ToolCalls(wanted) => from_lark(calls::lark(wanted, tokenizer)?),
        Spec::AfterReasoning { .. } => return Err(Error::grammar(kind, "reasoning can be asked for once only")),
        Spec::CallsOr { .. } => return Err(Error::grammar(kind, "calls can be offered once only")),
    })
}

fn from_lark(source: String) -> GrammarWithLexer {
    GrammarWithLexer::from_lark(source)
}

/// Anything up to the first `end`, then the rest.
fn reasoning(end: &str, tokenizer: &Tokenizer) -> Result<String, Error> {
    const KIND: &str = "end of reasoning";
    Error::check(KIND, "bytes", end.len(), limits::MAX_TOKEN_BYTES)?;
    if end.is_empty() {
        return Err(Error::grammar(KIND, "it is empty"));
    }
    let thought = if special(end, tokenizer).is_some() {
        format!("start: THOUGHT {} break @{REST}\nTHOUGHT: /(?s:.*)/\n", marker(end, tokenizer))
    } else {
        format!("start: thought break @{REST}\nthought[suffix={}]: /(?s:.*)/\n", quoted(end))
    };
    Ok(format!("{thought}break: (\"\\n\" | \"\\n\\n\")?\n"))
}

fn choice(kind: &'static str, choices: &[String]) -> Result<String, Error> {
    Error::check(kind, "choices", choices.len(), limits::MAX_CHOICES)?;
    Error::check(kind, "bytes", choices.iter().map(String::len).sum(), limits::MAX_SOURCE_BYTES)?;
    if choices.is_empty() || choices.iter().any(String::is_empty) {
        return Err(Error::grammar(kind, "at least one choice is needed, and none may be empty"));
    }
    let choices: Vec<String> = choices.iter().map(|choice| quoted(choice)).collect();
    Ok(format!("start: CHOICE\nCHOICE: {}\n", choices.join(" | ")))
}

fn check_regex(kind: &'static str, pattern: &str) -> Result<(), Error> {
    check_source(kind, pattern)?;
    if pattern.is_empty() {
        return Err(Error::grammar(kind, "it is empty"));
    }
    Error::check(kind, "bytes", pattern.len(), limits::MAX_REGEX_BYTES)?;
    if let Some(fault) = schema::fault(pattern) {
        return Err(Error::grammar(kind, fault));
    }
    let backslashes = pattern.len() - pattern.trim_end_matches('\\').len();
    if backslashes % 2 == 1 {
        return Err(Error::grammar(kind, "it ends with a single backslash"));
    }
    Ok(())
}

/// Size and nesting of what a person wrote. Brackets in texts count too; nobody needs that many.
fn check_source(kind: &'static str, source: &str) -> Result<(), Error> {
    Error::check(kind, "bytes", source.len(), limits::MAX_SOURCE_BYTES)?;
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in source.bytes() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    Error::check(kind, "levels of brackets", deepest, limits::MAX_DEPTH)
}

/// The library's sentences where one of its limits is met, and their meaning.
const LIMITS: &[(&str, &str)] = &[
    ("Too many items", "too many things may follow at one place"),
    ("items; max is", "too many things may follow at one place"),
    ("too many expressions", "its expressions have too many states"),
    ("too many states", "its expressions have too many states"),
    ("fuel exhausted", "its expressions have too many states together"),
    ("precomputation failed", "its expressions have too many states"),
    ("Unable to determine if regex is empty", "its expressions have too many states together"),
    ("too big", "it is too large"),
    ("schema too large", "it is too large with all combinations of allOf and anyOf"),
];

/// The library's sentence for an anchor in the middle, and its meaning.
const ANCHORS: (&str, &str) =
    ("lookarounds not supported", "`^` and `$` can stand at an expression's ends alone, and `\\b` and `\\B` nowhere");

/// The library's error as a sentence of one line, without its dump of states.
pub(crate) fn sentence(error: &dyn std::fmt::Display) -> String {
    let text = error.to_string();
    if let Some((_, meaning)) = LIMITS.iter().find(|(part, _)| text.contains(part)) {
        return format!("{TOO_COMPLEX} ({meaning})");
    }
    if text.contains(ANCHORS.0) {
        return ANCHORS.1.to_owned();
    }
    // The parser of expressions draws where the fault is, and names it in its last line.
    if text.contains("regex parse error:")
        && let Some((_, fault)) = text.rsplit_once("\nerror: ")
    {
        return fault.split('\n').next().unwrap_or("").trim().to_owned();
    }
    let first = text.split('\n').find(|line| !line.trim().is_empty()).unwrap_or("").trim();
    if first.is_empty() || first.starts_with("panic:") || first.starts_with('<') {
        return TOO_COMPLEX.to_owned();
    }
    first.to_owned()
}
