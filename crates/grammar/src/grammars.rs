//! Tables computed once per vocabulary.

use crate::compile::{self, TopLevelGrammar};
use crate::constraint::Guided;
use crate::vocabulary::Environment;
use crate::{Error, Spec, limits};
use hefu_engine::constraint::Constraint;
use hefu_text::tokenizer::Tokenizer;
use llguidance::api::GrammarInit;
use llguidance::earley::SlicedBiasComputer;
use llguidance::toktrie::{InferenceCapabilities, TokEnv};
use llguidance::{Logger, Matcher, ParserFactory};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// A vocabulary, ready for grammars. It never changes, so threads may share it.
pub struct Grammars {
    factory: ParserFactory,
    tokenizer: Arc<Tokenizer>,
}

impl Grammars {
    /// Builds the tree of all tokens and the masks of their common classes; for 150,000 tokens about half a second.
    ///
    /// # Errors
    /// [`Error::Vocabulary`] if the vocabulary is beyond what the tree can hold.
    pub fn new(tokenizer: Arc<Tokenizer>) -> Result<Self, Error> {
        let shared = Arc::clone(&tokenizer);
        let built = catch_unwind(AssertUnwindSafe(|| {
            let environment: TokEnv = Arc::new(Environment::new(shared)?);
            let capabilities = InferenceCapabilities { ff_tokens: false, ..InferenceCapabilities::default() };
            let slices = SlicedBiasComputer::general_slices();
            let factory = ParserFactory::new(&environment, capabilities, &slices);
            factory.map_err(|error| Error::Vocabulary(compile::sentence(&error)))
        }));
        let mut factory =
            built.unwrap_or_else(|_| Err(Error::Vocabulary("its tokens contradict each other".into())))?;
        *factory.limits_mut() = limits::parser(limits::Shape::Made);
        factory.quiet();
        Ok(Self { factory, tokenizer })
    }

    /// A constraint for one answer, at its beginning; [`Constraint::fork`] makes those of further choices without
    /// compiling again.
    ///
    /// # Errors
    /// As [`Grammars::cancellable`].
    pub fn constraint(&self, spec: &Spec) -> Result<Box<dyn Constraint>, Error> {
        self.cancellable(spec, &AtomicBool::new(false))
    }

    /// The same for a request that may be given up: another thread sets `cancelled` when nobody waits any more, and it is
    /// looked at between the steps.
    ///
    /// The first masks are computed here, so that a grammar which allows nothing, or is beyond its limits from the beginning,
    /// is refused before anything else happens. The work is bounded by counts, never by time, and is at most about a second.
    ///
    /// # Errors
    /// A fault of the spec, which is the request's; [`Error::Cancelled`].
    pub fn cancellable(&self, spec: &Spec, cancelled: &AtomicBool) -> Result<Box<dyn Constraint>, Error> {
        let wanted = || if cancelled.load(Ordering::Relaxed) { Err(Error::Cancelled) } else { Ok(()) };
        let kind = compile::kind(spec);
        wanted()?;
        let grammar = compile::grammar(spec, &self.tokenizer)?;
        wanted()?;
        let matcher = self.parser(kind, grammar, compile::shape(spec))?;
        wanted()?;
        let begun = Guided::new(matcher, kind)?;
        wanted()?;
        begun.copied().probe(limits::PROBED_STEPS)?;
        Ok(Box::new(begun))
    }

    /// Compiles on a thread of its own, because grammars nest and so do the functions that read them.
    fn parser(&self, kind: &'static str, grammar: TopLevelGrammar, shape: limits::Shape) -> Result<Matcher, Error> {
        let compile = || {
            // Panics inside come back as errors.
            let parser = self.factory.create_parser_from_init_ext(
                GrammarInit::Serialized(grammar),
                Logger::new(0, 0),
                InferenceCapabilities::default(),
                limits::parser(shape),
            );
            parser.map_err(|error| Error::grammar(kind, compile::sentence(&error)))
        };
        let builder = thread::Builder::new().name("grammar".into()).stack_size(limits::COMPILE_STACK_BYTES);
        let parser = thread::scope(|scope| {
            let handle = builder.spawn_scoped(scope, compile);
            let handle =
                handle.map_err(|error| Error::grammar(kind, format!("no thread can be had for it: {error}")))?;
            handle.join().unwrap_or_else(|_| Err(Error::grammar(kind, compile::TOO_COMPLEX)))
        })?;
        Ok(Matcher::new(Ok(parser)))
    }
}

impl std::fmt::Debug for Grammars {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Grammars").field("tokenizer", &self.tokenizer).finish_non_exhaustive()
    }
}
