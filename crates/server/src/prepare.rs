//! From what is asked to what the scheduler is handed: prompt, settings, limits.

use crate::ask::{Arguments, Ask, Message, Prompt, Shape};
use crate::error::{ApiError, Kind};
use crate::fill::Marks;
use crate::limits::{Limits, MAX_COUNTED_BYTES, MAX_LOGPROBS, MAX_MESSAGES, MAX_TOOLS};
use crate::structure::{Structure, shown_to_template};
use crate::worker::Worker;
use hefu_engine::Request;
use hefu_engine::constraint::Constraint;
use hefu_engine::sampling;
use hefu_engine::stop::StopMatcher;
use hefu_text::template::{ChatTemplate, Conversation, Error as TemplateError};
use hefu_text::tokenizer::Special;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Largest seed that is made up; short enough to be typed again, and exact in every JSON reader.
const MADE_UP_SEEDS: u64 = u32::MAX as u64;

/// How templates ask whether a message is of calls alone, if that is what they ask.
const CONTENT_IS_NONE: &[&str] = &["['content'] is none", "[\"content\"] is none", ".content is none"];

/// What stands at the end of a message that is to be continued while the template writes it. Letters and digits pass through
/// every filter as they are; a number follows, so that no conversation holds the whole.
const END_OF_START: &str = "TheAnswerGoesOnHere";

/// Bringing a text that is not ASCII into Unicode's normalisation form C shortens it to this fraction at most.
const COMPOSED: usize = 4;

/// A request worked out.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// For the first choice; the others differ in their seed.
    pub(crate) request: Request,
    /// How many choices.
    pub(crate) count: usize,
    /// Finds the stop strings; each choice takes a copy.
    pub(crate) matcher: StopMatcher,
    pub(crate) stops: Vec<String>,
    /// SHA-256 of the chat template, if it made the prompt.
    pub(crate) template: Option<[u8; 32]>,
    /// How each choice is taken apart, and what it is held to.
    pub(crate) structure: Structure,
    /// What holds each choice to its grammar, in order.
    pub(crate) constraints: Vec<Option<Box<dyn Constraint>>>,
}

impl Prepared {
    /// The request of one choice.
    pub(crate) fn request_of(&self, choice: usize) -> Request {
        let mut request = self.request.clone();
        request.parameters.seed = request.parameters.seed.wrapping_add(choice as u64);
        request
    }
}

/// Works a request out. It takes a while for a long prompt, so it is no work for a thread that serves others.
pub(crate) fn prepare(ask: &Ask, worker: &Worker, limits: &Limits) -> Result<Prepared, ApiError> {
    let (prompt, text) = prompt(ask, worker, |text| check_bytes(text, worker, limits))?;
    check_length(prompt.len(), worker, limits)?;
    check_logprobs(ask, prompt.len(), worker)?;
    let structure = Structure::new(ask, worker, text.as_deref())?;
    let mut parameters =
        ask.sampling.over(&worker.recommended, &worker.tokenizer, ask.logprobs).map_err(|error| setting(&error))?;
    if ask.sampling.seed.is_none() {
        parameters.seed = made_up_seed()?;
    }
    let matcher = StopMatcher::new(&ask.stops).map_err(|error| setting(&error))?;
    let request = Request {
        prompt,
        parameters,
        end_tokens: end_tokens(ask, worker)?,
        max_tokens: max_tokens(ask.max_tokens, limits)?,
        prefill_chunk: usize::MAX,
        all_logits: false,
    };
    let count = ask.count.max(1);
    let constraints = structure.constraints(worker, count)?;
    let template = matches!(ask.prompt, Prompt::Messages(_)).then(|| Sha256::digest(&worker.template_source).into());
    Ok(Prepared { request, count, matcher, stops: ask.stops.clone(), template, structure, constraints })
}

/// The tokens of the prompt.
pub(crate) fn prompt_ids(ask: &Ask, worker: &Worker) -> Result<Vec<u32>, ApiError> {
    prompt(ask, worker, check_counted).map(|(ids, _)| ids)
}

/// Refuses a text that is too long to have its tokens told.
pub(crate) fn check_counted(text: &str) -> Result<(), ApiError> {
    if text.len() <= MAX_COUNTED_BYTES {
        return Ok(());
    }
    let found = text.len();
    let sentence =
        format!("the text has {found} bytes, but the tokens of at most {MAX_COUNTED_BYTES} are told at once");
    Err(ApiError::invalid(sentence).code("text_too_long"))
}

/// The tokens of the prompt, and for a conversation its text. `check` sees the text before it is taken apart.
fn prompt(
    ask: &Ask,
    worker: &Worker,
    check: impl Fn(&str) -> Result<(), ApiError>,
) -> Result<(Vec<u32>, Option<String>), ApiError> {
    match &ask.prompt {
        Prompt::Ids(ids) => Ok((ids.clone(), None)),
        Prompt::Text(text) => {
            check(text)?;
            Ok((worker.tokenizer.encode_prompt(text, Special::Parse), None))
        }
        Prompt::Gap(gap) => {
            gap.texts().try_for_each(check)?;
            let marks = marks(worker)?;
            Ok((marks.prompt(&worker.tokenizer, gap), None))
        }
        Prompt::Messages(messages) => {
            let text = prompt_text(ask, worker, messages)?;
            check(&text)?;
            Ok((worker.tokenizer.encode(&text, Special::Parse), Some(text)))
        }
    }
}

/// The marks between which the model takes what stands around a gap.
fn marks(worker: &Worker) -> Result<&Marks, ApiError> {
    worker.marks.as_ref().ok_or_else(|| {
        let sentence = format!(
            "{} has no tokens for what stands before and after a gap (suffix), so it cannot fill one; use a model for code, \
             such as qwen2.5-coder",
            worker.name
        );
        ApiError::parameter("suffix", sentence).code("unsupported_parameter")
    })
}

/// The tokens that end an answer: the model's own, those that were asked for, and in a gap the marks around it.
fn end_tokens(ask: &Ask, worker: &Worker) -> Result<BTreeSet<u32>, ApiError> {
    let mut ends: BTreeSet<u32> = worker.tokenizer.vocabulary().ends.iter().chain(&ask.stop_ids).copied().collect();
    if matches!(ask.prompt, Prompt::Gap(_)) {
        ends.extend(&marks(worker)?.ends);
    }
    Ok(ends)
}

/// The text of a conversation, as the model's template writes it.
fn prompt_text(ask: &Ask, worker: &Worker, messages: &[Message]) -> Result<String, ApiError> {
    if messages.is_empty() {
        return Err(ApiError::parameter("messages", "messages is empty; give at least one message"));
    }
    for (what, found, most) in [("messages", messages.len(), MAX_MESSAGES), ("tools", ask.tools.len(), MAX_TOOLS)] {
        if found > most {
            return Err(ApiError::parameter(what, format!("{what} has {found} entries, but at most {most} are taken")));
        }
    }
    let Some(template) = &worker.template else {
        return Err(ApiError::invalid(format!(
            "{} has no chat template, so it cannot hold a conversation; use /v1/completions, or start the server with \
             --template",
            worker.name
        )));
    };
    let (mut shown, tools) = shown_to_template(ask, worker, messages);
    let mut conversation = Conversation { tools, variables: ask.variables.clone(), ..Conversation::default() };
    conversation.add_generation_prompt = !ask.continue_last;
    let end = ask.continue_last.then(|| mark_end(&mut shown)).flatten();
    let text = rendered(template, &worker.template_source, conversation, &shown)?;
    match end {
        None => Ok(text),
        Some(mark) => continued(text, &mark),
    }
}

/// Puts a mark at the end of the last message, and says which.
fn mark_end(messages: &mut [Message]) -> Option<String> {
    let is_said = |mark: &String| messages.iter().any(|message| message.text.contains(mark.as_str()));
    let mark = (0_u64..).map(|number| format!("{END_OF_START}{number}")).find(|mark| !is_said(mark))?;
    messages.last_mut()?.text.push_str(&mark);
    Some(mark)
}

/// The text of a conversation in the first shape of its calls that the template takes.
fn rendered(
    template: &ChatTemplate,
    source: &str,
    mut conversation: Conversation,
    messages: &[Message],
) -> Result<String, ApiError> {
    let empty_is_null = CONTENT_IS_NONE.iter().any(|test| source.contains(test));
    let has_calls = messages.iter().any(|message| !message.calls.is_empty());
    let mut first = None;
    for arguments in Arguments::ALL.into_iter().take(if has_calls { Arguments::ALL.len() } else { 1 }) {
        let shape = Shape { arguments, empty_is_null };
        conversation.messages = messages.iter().map(|message| message.for_template(shape)).collect();
        match template.render(&conversation) {
            Ok(text) => return Ok(text),
            Err(error) => first = first.or(Some(rendering(&error))),
        }
    }
    Err(first.unwrap_or_else(|| ApiError::internal("the template was not tried")))
}

/// A prompt that ends where its last message does: what the template writes after the mark is cut off, and the mark too.
fn continued(mut text: String, mark: &str) -> Result<String, ApiError> {
    let Some(at) = text.rfind(mark) else {
        let sentence =
            "the last message cannot be continued, because the model's template changes or leaves out its text";
        return Err(ApiError::parameter("messages", sentence));
    };
    text.truncate(at);
    Ok(text)
}

fn rendering(error: &TemplateError) -> ApiError {
    match error {
        TemplateError::Thread(_) => ApiError::internal(error.to_string()),
        _ => ApiError::parameter("messages", error.to_string()),
    }
}

fn check_length(found: usize, worker: &Worker, limits: &Limits) -> Result<(), ApiError> {
    if found == 0 {
        return Err(ApiError::invalid("the prompt is empty; give at least one character of text"));
    }
    let sentence = match limits.prompt_tokens {
        Some(most) if found > most => {
            format!("the prompt has {found} tokens, but the server takes at most {most} (--max-prompt-tokens)")
        }
        // Clients find these words of the original APIs and shorten the conversation by themselves.
        _ if found >= worker.context => format!(
            "the prompt is too long: it has {found} tokens, but this model's maximum context length is {} tokens, and the \
             answer needs at least one of them; shorten the prompt or start the server with a larger --context",
            worker.context
        ),
        _ => return Ok(()),
    };
    Err(ApiError::invalid(sentence).code("context_length_exceeded"))
}

/// Refuses a text that has more tokens than fit, however it is taken apart, before any work is done on it.
fn check_bytes(text: &str, worker: &Worker, limits: &Limits) -> Result<(), ApiError> {
    let Some(longest) = worker.longest_token else { return Ok(()) };
    let longest = if text.is_ascii() { longest } else { longest.saturating_mul(COMPOSED) };
    // Some special tokens take the white space after them along.
    let takes_space = !worker.tokenizer.vocabulary().strip_after.is_empty();
    let bytes: usize = match takes_space {
        false => text.len(),
        true => text.chars().filter(|character| !character.is_whitespace()).map(char::len_utf8).sum(),
    };
    let fewest = bytes.div_ceil(longest.max(1));
    let (most, flag) = match limits.prompt_tokens {
        Some(most) if most < worker.context => (most, "--max-prompt-tokens"),
        _ => (worker.context.saturating_sub(1), "--context"),
    };
    if fewest <= most {
        return Ok(());
    }
    let sentence = format!(
        "the prompt is too long: its {} bytes are at least {fewest} tokens, but this model's maximum context length is {} \
         tokens, and a prompt may have {most} of them; shorten the prompt or start the server with a larger {flag}",
        text.len(),
        worker.context
    );
    Err(ApiError::invalid(sentence).code("context_length_exceeded"))
}

/// Bounds what log-probabilities take, all choices and places together.
fn check_logprobs(ask: &Ask, prompt: usize, worker: &Worker) -> Result<(), ApiError> {
    let Some(top) = ask.logprobs else { return Ok(()) };
    let room = worker.context.saturating_sub(prompt);
    let places = ask.max_tokens.map_or(room, |most| most.min(room)).saturating_mul(ask.count.max(1));
    let entries = places.saturating_mul((top as usize).saturating_add(1));
    if entries <= MAX_LOGPROBS {
        return Ok(());
    }
    let sentence = format!(
        "{places} tokens with {top} alternatives each are {entries} log-probabilities, but one request may have \
         {MAX_LOGPROBS}; ask for fewer alternatives, choices or tokens (max_tokens)"
    );
    Err(ApiError::parameter("logprobs", sentence))
}

fn max_tokens(asked: Option<usize>, limits: &Limits) -> Result<Option<usize>, ApiError> {
    match (asked, limits.answer_tokens) {
        (Some(0), _) => Err(ApiError::parameter("max_tokens", "max_tokens is 0, but must be at least 1")),
        (Some(asked), Some(most)) if asked > most => Err(ApiError::parameter(
            "max_tokens",
            format!("max_tokens is {asked}, but the server allows at most {most} (--max-answer-tokens)"),
        )),
        (asked, most) => Ok(asked.or(most)),
    }
}

/// A setting of sampling that is out of range, by its name in the API.
pub(crate) fn setting(error: &sampling::Error) -> ApiError {
    match error {
        sampling::Error::Parameters(violations) => {
            let param = violations.first().map(|violation| violation.name.replace('.', "_"));
            let sentences = violations.iter().map(|violation| {
                let name = violation.name.replace('.', "_");
                format!("{name} is {}, but must be {}", violation.value, violation.allowed)
            });
            ApiError { param, ..ApiError::invalid(sentences.collect::<Vec<_>>().join("; ")) }
        }
        other => ApiError::invalid(other.to_string()),
    }
}

fn made_up_seed() -> Result<u64, ApiError> {
    let seed = getrandom::u64();
    let seed = seed.map_err(|error| ApiError::new(Kind::Unavailable, format!("no random seed can be had: {error}")))?;
    Ok(seed & MADE_UP_SEEDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::{Role, ToolCall};
    use hefu_text::template::Specials;

    /// What a template makes of two calls, the second of which is broken.
    fn calls(source: &str) -> Result<String, ApiError> {
        let call = |arguments: &str| ToolCall { id: "1".into(), name: "f".into(), arguments: arguments.into() };
        let mut message = Message::new(Role::Assistant, "");
        message.calls = vec![call("{\"a\": 1}"), call("{\"a\": ")];
        let template = ChatTemplate::new(source, Specials::default()).unwrap();
        rendered(&template, source, Conversation::default(), &[message])
    }

    fn each_call(body: &str) -> String {
        format!("{{% for c in messages[0].tool_calls %}}{{% set a = c.function.arguments %}}{body}{{% endfor %}}")
    }

    #[test]
    fn a_broken_call_spoils_no_template() {
        assert_eq!(calls(&each_call("{{ a | tojson }};")).unwrap(), r#"{"a": 1};"{\"a\": ";"#);
        assert_eq!(
            calls(&each_call("{% for k, v in a.items() %}{{ k }}={{ v }};{% endfor %}")).unwrap(),
            "a=1;arguments={\"a\": ;"
        );
        assert_eq!(calls(&each_call("{{ '<' + a + '>' }}")).unwrap(), r#"<{"a": 1}><{"a": >"#);
        let error = calls("{{ raise_exception('no calls') }}").unwrap_err();
        assert_eq!(error.param.as_deref(), Some("messages"));
        assert!(error.message.contains("no calls"), "{error}");
    }

    /// What a template leaves of a last message that is to be continued.
    fn begun(source: &str, texts: &[&str]) -> Result<String, ApiError> {
        let mut messages: Vec<Message> = texts.iter().map(|text| Message::new(Role::Assistant, *text)).collect();
        let mark = mark_end(&mut messages).unwrap();
        let template = ChatTemplate::new(source, Specials::default()).unwrap();
        continued(rendered(&template, source, Conversation::default(), &messages)?, &mark)
    }

    #[test]
    fn a_begun_answer_ends_where_its_own_text_does() {
        let plain = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}";
        for start in ["<", "|", ">", "im_end", "total = ", "def f():\n    ", "", "TheAnswerGoesOnHere0"] {
            let text = begun(plain, &["x", start]).unwrap();
            assert!(text.ends_with(&format!("x<|im_end|>\n<|im_start|>assistant\n{start}")), "{start:?}: {text:?}");
        }
        // White space at the end is kept also where a template trims.
        assert_eq!(begun("{% for m in messages %}[{{ m.content | trim }}]{% endfor %}", &[" a "]).unwrap(), "[a ");
        assert!(begun("{{ messages[0].role }}", &["a"]).unwrap_err().message.contains("cannot be continued"));
    }

    #[test]
    fn a_message_of_calls_alone_has_no_content_where_the_template_asks_for_that() {
        let asks = "{{ 'calls' if messages[0]['content'] is none else 'text' }}";
        assert_eq!(calls(asks).unwrap(), "calls");
        assert_eq!(calls("{{ messages[0].content ~ 'text' }}").unwrap(), "text");
    }
}
