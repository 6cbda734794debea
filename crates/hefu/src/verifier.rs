//! Answers made again from what their receipts say.

use crate::failure::Failure;
use crate::fingerprint;
use crate::load::Loaded;
use crate::models;
use crate::open::MappedModel;
use crate::options::{ModelChoice, ModelOptions, VerifyOptions};
use hefu_answer::{Spec, TextModel};
use hefu_engine::constraint::Constraint;
use hefu_engine::scheduler::{Event, Limits, Paged, Scheduler};
use hefu_engine::trace::Trace;
use hefu_engine::verification::{Difference, How, Verdict};
use hefu_model::{LoadOptions, ModelSpec};
use hefu_numerics::device::Model;
use hefu_numerics::kv::{PAGE, Profile};
use hefu_proof::Answer;
use hefu_store::ResolvedModel;
use std::time::{Duration, Instant};

/// A model that answers are made again with.
pub(crate) struct Verifier {
    model: Model,
    text: TextModel,
    fingerprint: String,
    how: How,
    traces: bool,
    prefill_chunk: usize,
}

/// Outcome of one answer.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// The verdict.
    pub(crate) verdict: Verdict,
    /// The trace, as far as positions were computed, if it was asked for.
    pub(crate) trace: Option<Trace>,
    /// Time it took, the model's loading not included.
    pub(crate) took: Duration,
}

impl Verifier {
    /// Loads the model of these answers, with the cache and the context that their fingerprint asks for.
    ///
    /// # Errors
    /// A model that cannot be had, or whose fingerprint is another.
    pub(crate) fn new(options: &VerifyOptions<'_>, answers: &[&Answer]) -> Result<Self, Failure> {
        let first = answers.first().ok_or_else(|| Failure::Usage("there is nothing to verify".to_owned()))?;
        let model = ModelChoice::named(&first.model).or_named(options.model.name);
        let model = ModelChoice { check: options.model.check, ..model };
        let context = answers.iter().map(|answer| answer.context).max().unwrap_or_default();
        let own = options.model.name.is_none();
        let found = models::find(model).map_err(|failure| match failure {
            // A file has another name wherever else it is.
            failure if own => Failure::Other(format!("{failure}; name the model that answered with --model")),
            failure => failure,
        });
        let (cache, context) = suitable(found?, &first.fingerprint, context)?;
        let loaded = Loaded::new(&ModelOptions {
            model,
            device: options.device,
            context: Some(context),
            cache,
            template: None,
            state_memory: false,
            guessing: false,
        })?;
        let fingerprint = loaded.fingerprint()?.to_string();
        Ok(Self {
            model: loaded.model,
            text: loaded.text,
            fingerprint,
            how: if options.steps { How::Steps } else { How::Prefill },
            traces: options.trace,
            prefill_chunk: options.device.prefill_chunk,
        })
    }

    /// Makes one answer again. `prompt` is that of an answer that states its hash alone, `progress` is told how many
    /// positions are done, of how many.
    ///
    /// # Errors
    /// An answer that cannot be examined, as a sentence; that it is another one is no error.
    pub(crate) fn verify(
        &mut self,
        answer: &Answer,
        prompt: Option<&[u32]>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Outcome, String> {
        if answer.fingerprint != self.fingerprint {
            let own = &self.fingerprint;
            return Err(format!(
                "it was made under the fingerprint {}, but that of this model is {own}",
                answer.fingerprint
            ));
        }
        let claim = answer.claim(prompt, self.prefill_chunk)?;
        let constraint = self.constraint(answer)?;
        let started = Instant::now();
        // Positions for prompt and answer, however large the context was.
        let capacity = (claim.request.prompt.len() + claim.output.len()).clamp(1, self.model.program.context);
        let paged = if self.traces { Paged::traced } else { Paged::new };
        let paged = paged(&self.model, capacity, capacity.div_ceil(PAGE), 1);
        let limits = Limits { step_tokens: self.prefill_chunk, prefix_reuse: false, ..Limits::default() };
        let mut scheduler = Scheduler::new(paged.map_err(|error| error.to_string())?, limits);
        let taken = scheduler.submit(claim.job(constraint, self.how), Duration::ZERO);
        taken.map_err(|refusal| refusal.to_string())?;
        let mut trace = self.traces.then(Trace::default);
        while !scheduler.is_idle() {
            for update in scheduler.step(Duration::ZERO) {
                match update.event {
                    Event::Prefill { done, total } => progress(done as u64, total as u64),
                    Event::Traced(piece) => trace.iter_mut().for_each(|trace| trace.take(&piece)),
                    Event::Verdict(verdict) => return Ok(Outcome { verdict, trace, took: started.elapsed() }),
                    Event::Failed(failure) => return Err(failure.to_string()),
                    _ => {}
                }
            }
        }
        Err("the examination ended without a verdict; this is a fault of the program".to_owned())
    }

    /// The first token that differs, in words.
    pub(crate) fn words(&self, difference: &Difference) -> String {
        let token = |candidate: &hefu_engine::verification::Candidate| {
            let text = String::from_utf8_lossy(self.text.tokenizer.token_bytes(candidate.id, true)).into_owned();
            match candidate.logit {
                Some(logit) => format!("{} {text:?} (logit {logit})", candidate.id),
                None => format!("{} {text:?}", candidate.id),
            }
        };
        let claimed = token(&difference.claimed);
        let (index, position) = (difference.index, difference.position);
        let chosen = match &difference.chosen {
            None => "its grammar lets no token follow".to_owned(),
            Some(chosen) if difference.forced => format!("its grammar lets only {} follow", token(chosen)),
            Some(chosen) => format!("the model chooses {}", token(chosen)),
        };
        format!("differs at token {index} (position {position}): the receipt says {claimed}, but {chosen}")
    }

    /// The grammar of an answer, at its beginning.
    fn constraint(&self, answer: &Answer) -> Result<Option<Box<dyn Constraint>>, String> {
        let Some(grammar) = &answer.grammar else { return Ok(None) };
        let text =
            grammar.text.as_deref().ok_or("its grammar is known by its digest alone, so it cannot be followed")?;
        let spec: Spec = serde_json::from_str(text).map_err(|error| format!("its grammar cannot be read: {error}"))?;
        let grammars = self.text.grammars().map_err(|error| error.to_string())?;
        grammars.constraint(&spec).map(Some).map_err(|error| error.to_string())
    }
}

/// The cache and the context with which a model has this fingerprint.
pub(crate) fn suitable(model: ResolvedModel, fingerprint: &str, context: usize) -> Result<(Profile, usize), Failure> {
    let files = MappedModel::new(model)?;
    let gguf = files.gguf()?;
    let most = ModelSpec::context_length(&gguf).map_err(|error| files.fault(&error))?;
    let context = context.clamp(1, most);
    let mut found = String::new();
    for cache in Profile::ALL {
        let options = LoadOptions { context: Some(context), cache, guessing: false };
        let spec = ModelSpec::read(&gguf, &options).map_err(|error| files.fault(&error))?;
        let own = fingerprint::input(&files.model, &spec.program)?.fingerprint().to_string();
        if own == fingerprint {
            return Ok((cache, context));
        }
        if found.is_empty() {
            found = own;
        }
    }
    Err(Failure::Other(format!(
        "{} is not the model of the answer: its fingerprint is {found}, the answer's is {fingerprint}; name the right one \
         with --model",
        files.model.name
    )))
}
