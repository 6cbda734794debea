//! From what is asked to what the scheduler is handed: prompt, settings, limits.

use crate::ask::{Arguments, Ask, Message, Prompt, Role, Shape};
use crate::error::{ApiError, Kind};
use crate::limits::{Limits, MAX_MESSAGES, MAX_TOOLS};
use crate::structure::{Structure, shown_to_template};
use crate::worker::Worker;
use hefu_engine::Request;
use hefu_engine::constraint::Constraint;
use hefu_engine::sampling;
use hefu_engine::stop::StopMatcher;
use hefu_text::template::{ChatTemplate, Conversation, Error as TemplateError};
use hefu_text::tokenizer::Special;

/// Largest seed that is made up; short enough to be typed again, and exact in every JSON reader.
const MADE_UP_SEEDS: u64 = u32::MAX as u64;

/// How templates ask whether a message is of calls alone, if that is what they ask.
const CONTENT_IS_NONE: &[&str] = &["['content'] is none", "[\"content\"] is none", ".content is none"];

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
    let (prompt, text) = prompt(ask, worker)?;
    check_length(prompt.len(), worker, limits)?;
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
        end_tokens: worker.tokenizer.vocabulary().ends.iter().copied().collect(),
        max_tokens: max_tokens(ask.max_tokens, limits)?,
        prefill_chunk: usize::MAX,
        all_logits: false,
    };
    let count = ask.count.max(1);
    let constraints = (0..count).map(|_| structure.constraint(worker)).collect::<Result<_, _>>()?;
    Ok(Prepared { request, count, matcher, stops: ask.stops.clone(), structure, constraints })
}

/// The tokens of the prompt.
pub(crate) fn prompt_ids(ask: &Ask, worker: &Worker) -> Result<Vec<u32>, ApiError> {
    prompt(ask, worker).map(|(ids, _)| ids)
}

/// The tokens of the prompt, and for a conversation its text.
fn prompt(ask: &Ask, worker: &Worker) -> Result<(Vec<u32>, Option<String>), ApiError> {
    match &ask.prompt {
        Prompt::Ids(ids) => Ok((ids.clone(), None)),
        Prompt::Text(text) => Ok((worker.tokenizer.encode_prompt(text, Special::Parse), None)),
        Prompt::Messages(messages) => {
            let text = prompt_text(ask, worker, messages)?;
            Ok((worker.tokenizer.encode(&text, Special::Parse), Some(text)))
        }
    }
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
    let (shown, tools) = shown_to_template(ask, worker, messages);
    let mut conversation = Conversation { tools, variables: ask.variables.clone(), ..Conversation::default() };
    let last = messages.last().filter(|last| ask.continue_last && last.role == Role::Assistant);
    conversation.add_generation_prompt = last.is_none();
    let text = rendered(template, &worker.template_source, conversation, &shown)?;
    match last {
        None => Ok(text),
        Some(last) => continued(text, last.text.trim()),
    }
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

/// A prompt that ends with the start of the answer: what the template writes after it is cut off.
fn continued(mut text: String, start: &str) -> Result<String, ApiError> {
    let Some(at) = text.rfind(start) else {
        let sentence = "the last message cannot be continued, because the model's template changes its text";
        return Err(ApiError::parameter("messages", sentence));
    };
    text.truncate(at + start.len());
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
    use crate::ask::ToolCall;
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

    #[test]
    fn a_message_of_calls_alone_has_no_content_where_the_template_asks_for_that() {
        let asks = "{{ 'calls' if messages[0]['content'] is none else 'text' }}";
        assert_eq!(calls(asks).unwrap(), "calls");
        assert_eq!(calls("{{ messages[0].content ~ 'text' }}").unwrap(), "text");
    }
}
