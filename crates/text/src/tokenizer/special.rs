//! Finding the tokens that are matched in the input before it is encoded.
use super::Error;
use super::sentencepiece::SPACE;
use super::validate::is_matched;
use super::vocabulary::{Kind, TokenType, Vocabulary};
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

/// Whether text that spells a control token becomes that token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Special {
    /// It does: for prompts that a template has written.
    Parse,
    /// It stays ordinary text: for text from strangers. User-defined tokens are matched all the same, because the
    /// original tokenisers do so.
    Plain,
}

/// A part of the input.
pub(super) enum Part<'a> {
    Text(&'a str),
    Token(u32),
}

/// Finds special tokens: the leftmost first, and of those that start together the longest.
pub(super) struct Matcher {
    all: Finder,
    user_defined: Finder,
    /// Tokens that swallow the white space after them, ascending.
    strip_after: Vec<u32>,
}

struct Finder {
    automaton: Option<AhoCorasick>,
    ids: Vec<u32>,
}

impl Matcher {
    /// Fails only when the automaton cannot be built.
    pub(super) fn new(vocabulary: &Vocabulary) -> Result<Self, Error> {
        let user_defined = |kind| kind == TokenType::UserDefined;
        let mut strip_after = vocabulary.strip_after.clone();
        strip_after.sort_unstable();
        Ok(Self {
            all: Finder::new(vocabulary, is_matched)?,
            user_defined: Finder::new(vocabulary, user_defined)?,
            strip_after,
        })
    }

    /// Hands the parts of `text` to `each`, in order. Text parts are not empty.
    pub(super) fn parts<'a>(&self, text: &'a str, special: Special, mut each: impl FnMut(Part<'a>)) {
        let finder = match special {
            Special::Parse => &self.all,
            Special::Plain => &self.user_defined,
        };
        let mut rest = text;
        while let Some((start, end, id)) = finder.find(rest) {
            if let Some(before) = rest.get(..start).filter(|before| !before.is_empty()) {
                each(Part::Text(before));
            }
            each(Part::Token(id));
            rest = rest.get(end..).unwrap_or("");
            if self.strip_after.binary_search(&id).is_ok() {
                rest =
                    rest.trim_start_matches(|character: char| character.is_whitespace() || SPACE.contains(character));
            }
        }
        if !rest.is_empty() {
            each(Part::Text(rest));
        }
    }
}

impl Finder {
    fn new(vocabulary: &Vocabulary, wanted: impl Fn(TokenType) -> bool) -> Result<Self, Error> {
        let typed = vocabulary.tokens.iter().zip(&vocabulary.types);
        let matched = (0..).zip(typed).filter(|(_, (text, kind))| wanted(**kind) && !text.is_empty());
        let (ids, patterns): (Vec<u32>, Vec<String>) =
            matched.map(|(id, (text, kind))| (id, pattern(vocabulary.kind, text, *kind))).unzip();
        if ids.is_empty() {
            return Ok(Self { automaton: None, ids });
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .kind((ids.len() > 64).then_some(AhoCorasickKind::ContiguousNFA))
            .build(patterns)
            .map_err(|error| Error::Build { reason: error.to_string() })?;
        Ok(Self { automaton: Some(automaton), ids })
    }

    fn find(&self, text: &str) -> Option<(usize, usize, u32)> {
        let found = self.automaton.as_ref()?.find(text)?;
        let id = self.ids.get(found.pattern().as_usize())?;
        Some((found.start(), found.end(), *id))
    }
}

/// SentencePiece looks for user-defined tokens after it has rewritten the spaces.
fn pattern(kind: Kind, text: &str, token: TokenType) -> String {
    if kind == Kind::SentencePiece && token == TokenType::UserDefined { text.replace(' ', SPACE) } else { text.into() }
}
