//! Reason why a request cannot be worked out.

use hefu_engine::sampling;
use hefu_text::template;

/// Errors of a request, each as one sentence without the names of flags: whoever shows it knows where its limits are
/// set.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting of sampling or a stop string is out of its range.
    #[error(transparent)]
    Setting(#[from] sampling::Error),
    /// A part of the request is at fault.
    #[error("{sentence}")]
    Parameter {
        /// Its name in the OpenAI API.
        name: &'static str,
        /// The fault.
        sentence: String,
    },
    /// A gap is to be filled by a model that has no marks for it.
    #[error(
        "{model} has no tokens for what stands before and after a gap (suffix), so it cannot fill one; use a model for code, \
         such as qwen2.5-coder"
    )]
    NoMarks {
        /// The model's name.
        model: String,
    },
    /// A conversation with a model that has no template for it.
    #[error("{model} has no chat template, so it cannot hold a conversation")]
    NoTemplate {
        /// The model's name.
        model: String,
    },
    /// An answer of a model that writes none.
    #[error("{model} reads a text as a whole and writes none: ask it for vectors (/v1/embeddings) or ranks (/rerank)")]
    WritesNothing {
        /// The model's name.
        model: String,
    },
    /// A text that a model cannot read as a whole.
    #[error(
        "the text has {found} tokens, but {model} reads at most {context} as a whole; shorten it or cut it into pieces"
    )]
    LongWhole {
        /// Tokens of the text.
        found: usize,
        /// The model's name.
        model: String,
        /// Positions of the context.
        context: usize,
    },
    /// The template refuses the conversation, or is at fault itself.
    #[error(transparent)]
    Template(template::Error),
    /// There is nothing to answer.
    #[error("the prompt is empty; give at least one character of text")]
    EmptyPrompt,
    /// The prompt has more tokens than whoever runs the model takes.
    #[error("the prompt has {found} tokens, but at most {most} are taken")]
    LongPrompt {
        /// Tokens of the prompt.
        found: usize,
        /// Most that are taken.
        most: usize,
    },
    /// The prompt leaves no room for an answer.
    #[error(
        "the prompt has {found} tokens, but the context holds {context} and the answer needs at least one of them; shorten \
         the prompt or give a larger context"
    )]
    FullContext {
        /// Tokens of the prompt.
        found: usize,
        /// Positions of the context.
        context: usize,
    },
    /// The prompt's text has more tokens than fit, however it is taken apart.
    #[error(
        "the prompt's {bytes} bytes are at least {fewest} tokens, but the context holds {context} and a prompt may have \
         {most} of them; shorten the prompt or give a larger context"
    )]
    LongText {
        /// Bytes of the text.
        bytes: usize,
        /// Fewest tokens that they are.
        fewest: usize,
        /// Most tokens that a prompt may have.
        most: usize,
        /// Positions of the context.
        context: usize,
        /// `most` is set by whoever runs the model, not by the context.
        is_limited: bool,
    },
    /// More tokens are asked for than whoever runs the model allows.
    #[error("max_tokens is {asked}, but at most {most} are allowed")]
    LongAnswer {
        /// Tokens that are asked for.
        asked: usize,
        /// Most that are allowed.
        most: usize,
    },
    /// No grammar can be used with the model's vocabulary.
    #[error("{0}")]
    Vocabulary(String),
    /// A grammar that cannot be honoured.
    #[error("{error}")]
    Grammar {
        /// It is that of functions, one of which must be called.
        of_calls: bool,
        /// The fault.
        error: hefu_grammar::Error,
    },
    /// The system gives no random numbers.
    #[error("no random seed can be had: {0}")]
    Seed(String),
}
