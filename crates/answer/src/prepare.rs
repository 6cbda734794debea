//! From what is asked to what the scheduler is handed: prompt, settings, limits.

use crate::ask::{Ask, Prompt};
use crate::error::Error;
use crate::model::TextModel;
use crate::prompt::{marks, prompt, prompt_ids};
use crate::record::AnswerRecord;
use crate::stream::ChoiceStream;
use crate::structure::Structure;
use hefu_engine::constraint::Constraint;
use hefu_engine::sampling::Parameters;
use hefu_engine::scheduler::Order;
use hefu_engine::stop::StopMatcher;
use hefu_engine::{FinishReason, Request};
use hefu_grammar::Spec;
use hefu_text::tokenizer::Special;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Largest seed that is made up; short enough to be typed again, and exact in every JSON reader.
const MADE_UP_SEEDS: u64 = u32::MAX as u64;

/// Bringing a text that is not ASCII into Unicode's normalisation form C shortens it to this fraction at most.
const COMPOSED: usize = 4;

/// Bounds of a request beside those of its model; `None` is no bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Tokens of a prompt.
    pub prompt_tokens: Option<usize>,
    /// Tokens of an answer.
    pub answer_tokens: Option<usize>,
    /// Log-probabilities of all choices: their tokens times the alternatives and the token itself.
    pub logprobs: Option<usize>,
}

/// A request worked out.
#[derive(Debug)]
pub struct Prepared {
    /// For the first choice; the others differ in their seed.
    pub request: Request,
    /// Number of choices.
    pub count: usize,
    /// Parts of each choice, and the form that it is held to.
    structure: Structure,
    /// SHA-256 of the chat template, if it made the prompt.
    template: Option<[u8; 32]>,
    /// Texts at which the answer stops.
    stops: Arc<[String]>,
    matcher: StopMatcher,
}

impl Prepared {
    /// The request of one choice.
    pub fn request_of(&self, choice: usize) -> Request {
        let mut request = self.request.clone();
        request.parameters.seed = request.parameters.seed.wrapping_add(choice as u64);
        request
    }

    /// Constraint of each choice, in order. It is compiled once.
    ///
    /// # Errors
    /// [`Error::Grammar`] or [`Error::Vocabulary`]: a grammar that cannot be honoured, or that is given up, which another
    /// thread says when nobody waits for it any more.
    pub fn constraints(
        &self,
        model: &TextModel,
        given_up: &AtomicBool,
    ) -> Result<Vec<Option<Box<dyn Constraint>>>, Error> {
        self.structure.constraints(model, self.count, given_up)
    }

    /// What each choice is held to.
    pub fn held_to(&self) -> Option<&Spec> {
        self.structure.spec.as_ref()
    }

    /// What makes a choice of the tokens that come. The ids of its calls are made of `name`, which is unique to the choice.
    pub fn stream(&self, model: &TextModel, name: String) -> ChoiceStream {
        let with_logprobs = self.request.parameters.logprobs.is_some();
        let stops = (self.matcher.clone(), Arc::clone(&self.stops));
        ChoiceStream::new(&model.tokenizer, stops, &self.structure, name, with_logprobs)
    }

    /// The record of a choice as far as it has come. Who asked, by which names and when, is left to whoever knows it; so is
    /// the model's fingerprint.
    pub fn record(&self, model: &TextModel, choice: usize, stream: &ChoiceStream) -> AnswerRecord {
        let Request { prompt, parameters, end_tokens, max_tokens, .. } = self.request_of(choice);
        AnswerRecord {
            id: String::new(),
            started: 0,
            model: model.name.clone(),
            fingerprint: String::new(),
            template: self.template,
            prompt,
            parameters,
            end_tokens,
            max_tokens,
            context: model.context,
            stops: self.stops.to_vec(),
            structure: self.structure.spec.clone(),
            output: stream.ids.clone(),
            text: stream.written.clone(),
            finish: stream.finish.unwrap_or(FinishReason::Cancelled),
            client: String::new(),
            user: None,
            request: String::new(),
            trace: (stream.trace.positions() > 0).then(|| stream.trace.clone()),
            hides_prompt: false,
        }
    }
}

/// Works a request out. It takes a while for a long prompt, so it is no work for a thread that serves others.
///
/// # Errors
/// Whatever is wrong with the request.
pub fn prepare(ask: &Ask, model: &TextModel, limits: &Limits) -> Result<Prepared, Error> {
    if !model.abilities.writes {
        return Err(Error::WritesNothing { model: model.name.clone() });
    }
    let (prompt, text) = prompt(ask, model, |text| check_bytes(text, model, limits))?;
    check_length(prompt.len(), model, limits)?;
    check_logprobs(ask, prompt.len(), model, limits)?;
    let structure = Structure::new(ask, model, text.as_deref());
    let mut parameters = ask.sampling.over(&model.recommended, &model.tokenizer, ask.logprobs)?;
    if ask.sampling.seed.is_none() {
        parameters.seed = made_up_seed()?;
    }
    let matcher = StopMatcher::new(&ask.stops)?;
    let request = Request {
        prompt,
        parameters,
        end_tokens: end_tokens(ask, model)?,
        max_tokens: max_tokens(ask.max_tokens, limits)?,
        prefill_chunk: usize::MAX,
        all_logits: false,
    };
    let count = ask.count.max(1);
    let is_conversation = matches!(ask.prompt, Prompt::Messages(_));
    let template = is_conversation.then(|| Sha256::digest(model.template_source()).into());
    Ok(Prepared { request, count, structure, template, stops: ask.stops.as_slice().into(), matcher })
}

/// The tokens that end an answer: the model's own, those that were asked for, and in a gap the marks around it.
fn end_tokens(ask: &Ask, model: &TextModel) -> Result<BTreeSet<u32>, Error> {
    let mut ends: BTreeSet<u32> = model.tokenizer.vocabulary().ends.iter().chain(&ask.stop_ids).copied().collect();
    if matches!(ask.prompt, Prompt::Gap(_)) {
        ends.extend(&marks(model)?.ends);
    }
    Ok(ends)
}

/// The request for the vector of a text. Where the text `may_be_cut`, what a model cannot read of it is left out.
///
/// # Errors
/// Whatever is wrong with the text.
pub fn prepare_text(ask: &Ask, model: &TextModel, limits: &Limits, may_be_cut: bool) -> Result<Request, Error> {
    let check = |text: &str| if may_be_cut { Ok(()) } else { check_bytes(text, model, limits) };
    let mut ids = prompt_ids(ask, model, check)?;
    if may_be_cut {
        cut(&mut ids, model.room().min(limits.prompt_tokens.unwrap_or(usize::MAX)), model);
    }
    reading(ids, model, limits)
}

/// Keeps as many tokens as there is room for, of which the last stays the one that ends a text.
fn cut(ids: &mut Vec<u32>, room: usize, model: &TextModel) {
    if ids.len() <= room {
        return;
    }
    ids.truncate(room);
    let vocabulary = model.tokenizer.vocabulary();
    if let (Some(end), Some(last)) = (vocabulary.eos.filter(|_| vocabulary.add_eos), ids.last_mut()) {
        *last = end;
    }
}

/// Way in which a model says whether a document fits a query.
#[derive(Debug)]
pub enum Judgement {
    /// By the scores of its classifier for a text, in which the document may be a second one from a place on.
    Scored(Box<Request>, Option<usize>),
    /// By the probabilities of the last tokens, *yes* and *no*, of two texts that begin alike.
    Asked(Box<[Request; 2]>),
}

/// The requests by which a model says whether a document fits a query; `None` for one that was not made to.
///
/// # Errors
/// Texts that are too long together.
pub fn prepare_judgement(
    query: &str,
    document: &str,
    model: &TextModel,
    limits: &Limits,
) -> Result<Option<Judgement>, Error> {
    let tokenizer = &model.tokenizer;
    if model.abilities.ranks {
        let (ids, second) = match model.judge() {
            Some(judge) => (judge.prompt(query, document, tokenizer), None),
            None => {
                let (ids, second) = tokenizer.encode_pair(query, document, Special::Plain);
                (ids, Some(second))
            }
        };
        return Ok(Some(Judgement::Scored(Box::new(reading(ids, model, limits)?), second)));
    }
    let Some(judge) = model.judge() else { return Ok(None) };
    let [yes, no] = judge.prompts(query, document, tokenizer);
    Ok(Some(Judgement::Asked(Box::new([reading(yes, model, limits)?, reading(no, model, limits)?]))))
}

/// A request of which nothing but the prompt counts.
fn reading(prompt: Vec<u32>, model: &TextModel, limits: &Limits) -> Result<Request, Error> {
    check_length(prompt.len(), model, limits)?;
    Ok(Request {
        prompt,
        parameters: Parameters::default(),
        end_tokens: BTreeSet::new(),
        max_tokens: None,
        prefill_chunk: usize::MAX,
        all_logits: false,
    })
}

fn check_length(found: usize, model: &TextModel, limits: &Limits) -> Result<(), Error> {
    match limits.prompt_tokens {
        _ if found == 0 => Err(Error::EmptyPrompt),
        Some(most) if found > most => Err(Error::LongPrompt { found, most }),
        _ if found <= model.room() => Ok(()),
        _ => {
            let context = model.context;
            Err(match model.abilities.order {
                Order::Causal => Error::FullContext { found, context },
                Order::Whole => Error::LongWhole { found, model: model.name.clone(), context },
            })
        }
    }
}

/// Refuses a text that has more tokens than fit, however it is taken apart, before any work is done on it.
fn check_bytes(text: &str, model: &TextModel, limits: &Limits) -> Result<(), Error> {
    let (most, is_limited) = match limits.prompt_tokens {
        Some(most) if most < model.room() => (most, true),
        _ => (model.room(), false),
    };
    // A token has a byte at least.
    if text.len() <= most {
        return Ok(());
    }
    let Some(longest) = model.longest_token() else { return Ok(()) };
    let longest = if text.is_ascii() { longest } else { longest.saturating_mul(COMPOSED) };
    // Some special tokens take the white space after them along.
    let takes_space = !model.tokenizer.vocabulary().strip_after.is_empty();
    let bytes: usize = match takes_space {
        false => text.len(),
        true => text.chars().filter(|character| !character.is_whitespace()).map(char::len_utf8).sum(),
    };
    let fewest = bytes.div_ceil(longest.max(1));
    if fewest <= most {
        return Ok(());
    }
    Err(Error::LongText { bytes: text.len(), fewest, most, context: model.context, is_limited })
}

/// Bounds what log-probabilities take, all choices and places together.
fn check_logprobs(ask: &Ask, prompt: usize, model: &TextModel, limits: &Limits) -> Result<(), Error> {
    let (Some(top), Some(allowed)) = (ask.logprobs, limits.logprobs) else { return Ok(()) };
    let room = model.context.saturating_sub(prompt);
    let places = ask.max_tokens.map_or(room, |most| most.min(room)).saturating_mul(ask.count.max(1));
    let entries = places.saturating_mul((top as usize).saturating_add(1));
    if entries <= allowed {
        return Ok(());
    }
    let sentence = format!(
        "{places} tokens with {top} alternatives each are {entries} log-probabilities, but one request may have \
         {allowed}; ask for fewer alternatives, choices or tokens (max_tokens)"
    );
    Err(Error::Parameter { name: "logprobs", sentence })
}

fn max_tokens(asked: Option<usize>, limits: &Limits) -> Result<Option<usize>, Error> {
    match (asked, limits.answer_tokens) {
        (Some(0), _) => {
            let sentence = "max_tokens is 0, but must be at least 1".to_owned();
            Err(Error::Parameter { name: "max_tokens", sentence })
        }
        (Some(asked), Some(most)) if asked > most => Err(Error::LongAnswer { asked, most }),
        (asked, most) => Ok(asked.or(most)),
    }
}

/// A seed from the system's randomness, short enough to be typed again.
///
/// # Errors
/// [`Error::Seed`] if the system gives none.
pub fn made_up_seed() -> Result<u64, Error> {
    let seed = getrandom::u64().map_err(|error| Error::Seed(error.to_string()))?;
    Ok(seed & MADE_UP_SEEDS)
}
