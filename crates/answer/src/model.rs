//! The text side of a loaded model.

use crate::error::Error;
use crate::fill::Marks;
use crate::judge::Judge;
use hefu_engine::sampling::Parameters;
use hefu_engine::scheduler::{Abilities, Order};
use hefu_grammar::Grammars;
use hefu_text::template::ChatTemplate;
use hefu_text::tokenizer::{Kind, TokenType, Tokenizer};
use hefu_text::tools::ToolFormat;
use std::sync::{Arc, OnceLock};

/// Text side of a model: tokeniser, template, and what is derived of them when it is first asked for.
#[derive(Debug)]
pub struct TextModel {
    /// The model's name, for sentences.
    pub name: String,
    /// Its tokeniser.
    pub tokenizer: Arc<Tokenizer>,
    /// Its chat template; base models have none.
    pub template: Option<ChatTemplate>,
    /// Sampling settings that its file recommends.
    pub recommended: Parameters,
    /// Most positions of one conversation.
    pub context: usize,
    /// Kinds of requests that the model can answer.
    pub abilities: Abilities,
    /// Classes that its classifier scores, if it has one and its file names them.
    pub classes: Vec<String>,
    judge: Option<Judge>,
    tool_format: OnceLock<ToolFormat>,
    grammars: OnceLock<Result<Grammars, String>>,
    longest_token: OnceLock<Option<usize>>,
    marks: OnceLock<Option<Marks>>,
}

impl TextModel {
    /// The text side of a model; nothing is computed yet.
    pub fn new(
        name: String,
        tokenizer: Arc<Tokenizer>,
        template: Option<ChatTemplate>,
        recommended: Parameters,
        context: usize,
    ) -> Self {
        Self {
            name,
            tokenizer,
            template,
            recommended,
            context,
            abilities: Abilities { order: Order::Causal, writes: true, ranks: false, traces: false },
            classes: Vec::new(),
            judge: None,
            tool_format: OnceLock::new(),
            grammars: OnceLock::new(),
            longest_token: OnceLock::new(),
            marks: OnceLock::new(),
        }
    }

    /// The same model, asked so whether a document fits a query.
    #[must_use]
    pub fn judging(mut self, template: Option<&str>) -> Self {
        self.judge = template.and_then(|template| Judge::new(template, &self.tokenizer));
        self
    }

    /// The same of a model that can be asked for this; its classifier scores these classes.
    #[must_use]
    pub fn able(self, abilities: Abilities, classes: Vec<String>) -> Self {
        Self { abilities, classes, ..self }
    }

    /// Most tokens of a prompt: one position is left for an answer, but where a text is read as a whole.
    pub(crate) fn room(&self) -> usize {
        match self.abilities.order {
            Order::Causal => self.context.saturating_sub(1),
            Order::Whole => self.context,
        }
    }

    /// Its question whether a document fits a query, if its file has one.
    pub fn judge(&self) -> Option<&Judge> {
        self.judge.as_ref()
    }

    /// The source of its template as it was written; empty if there is none.
    pub fn template_source(&self) -> &str {
        self.template.as_ref().map_or("", ChatTemplate::source)
    }

    /// Format of its tool calls.
    pub fn tool_format(&self) -> ToolFormat {
        *self.tool_format.get_or_init(|| ToolFormat::detect(self.template_source(), self.tokenizer.vocabulary()))
    }

    /// Compiler of grammars for its vocabulary. The first call takes some tenths of a second.
    ///
    /// # Errors
    /// [`Error::Vocabulary`]: a vocabulary that no grammar can be used with.
    pub fn grammars(&self) -> Result<&Grammars, Error> {
        let make = || Grammars::new(Arc::clone(&self.tokenizer)).map_err(|error| error.to_string());
        self.grammars.get_or_init(make).as_ref().map_err(|sentence| Error::Vocabulary(sentence.clone()))
    }

    /// The marks between which it takes what stands around a gap, if it has them.
    pub fn marks(&self) -> Option<&Marks> {
        self.marks.get_or_init(|| Marks::find(&self.tokenizer)).as_ref()
    }

    /// Most bytes of a text that one token stands for; `None` if there is no such bound.
    pub(crate) fn longest_token(&self) -> Option<usize> {
        *self.longest_token.get_or_init(|| longest_token(&self.tokenizer))
    }
}

/// Most bytes of a text that one token stands for. Where a vocabulary of pieces has no bytes, any run of characters that it
/// does not know is one token.
fn longest_token(tokenizer: &Tokenizer) -> Option<usize> {
    let vocabulary = tokenizer.vocabulary();
    let is_bounded = match vocabulary.kind {
        Kind::ByteLevel | Kind::LongestMatch | Kind::LeastCost => true,
        Kind::SentencePiece | Kind::CharacterLevel => vocabulary.types.contains(&TokenType::Byte),
        // These leave characters out before they look for tokens.
        Kind::WordPiece | Kind::Unigram => false,
    };
    if !is_bounded {
        return None;
    }
    let ids = u32::try_from(tokenizer.size()).unwrap_or(u32::MAX);
    (0..ids).map(|id| tokenizer.token_bytes(id, true).len()).max()
}
