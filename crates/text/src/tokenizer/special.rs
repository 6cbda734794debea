//! Finding the tokens that are matched in the input before it is encoded.
use super::Error;
use super::sentencepiece::SPACE;
use super::validate::is_matched;
use super::vocabulary::{Kind, TokenType, Vocabulary};
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

/// Treatment of text that spells a control token.
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
    /// All but those that are user-defined.
    control: Finder,
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
            control: Finder::new(vocabulary, |kind| is_matched(kind) && !user_defined(kind))?,
            strip_after,
        })
    }

    /// Hands the parts of `text` to `each`, in order. Text parts are not empty. At the places (bytes, ascending) in `guarded`
    /// no control token begins.
    pub(super) fn parts<'a>(&self, text: &'a str, special: Special, guarded: &[usize], mut each: impl FnMut(Part<'a>)) {
        // Where the text part that is under way begins, and where the next token is looked for.
        let (mut begin, mut from) = (0, 0);
        while let Some((start, end, id)) = self.next(text, from, special) {
            let (end, id) = match self.allowed(text, (start, end, id), guarded) {
                Some(found) => found,
                None => {
                    from = start + text.get(start..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
                    continue;
                }
            };
            if let Some(before) = text.get(begin..start).filter(|before| !before.is_empty()) {
                each(Part::Text(before));
            }
            each(Part::Token(id));
            (begin, from) = (end, end);
            if self.strip_after.binary_search(&id).is_ok() {
                let rest = text.get(end..).unwrap_or("");
                let kept =
                    rest.trim_start_matches(|character: char| character.is_whitespace() || SPACE.contains(character));
                begin = text.len() - kept.len();
                from = begin;
            }
        }
        if let Some(rest) = text.get(begin..).filter(|rest| !rest.is_empty()) {
            each(Part::Text(rest));
        }
    }

    /// The next token from a place on: where it begins, where it ends, which.
    fn next(&self, text: &str, from: usize, special: Special) -> Option<(usize, usize, u32)> {
        let finder = match special {
            Special::Parse => &self.all,
            Special::Plain => &self.user_defined,
        };
        let (start, end, id) = finder.find(text.get(from..)?)?;
        Some((from + start, from + end, id))
    }

    /// Reading of a token that was found: where a control token is none, a user-defined one may begin.
    fn allowed(&self, text: &str, found: (usize, usize, u32), guarded: &[usize]) -> Option<(usize, u32)> {
        let (start, end, id) = found;
        if guarded.binary_search(&start).is_err() || self.user_defined.ids.binary_search(&id).is_ok() {
            return Some((end, id));
        }
        let (at, length, id) = self.user_defined.find(text.get(start..)?)?;
        (at == 0).then_some((start + length, id))
    }

    /// Where in `text` the spelling of a control token begins, counted in characters, ascending. Spellings may overlap.
    pub(super) fn spelled(&self, text: &str, keep: &[&str]) -> Vec<usize> {
        let (mut places, mut rest, mut passed) = (Vec::new(), text, 0);
        while let Some((start, end, _)) = self.control.find(rest) {
            let (before, found) = rest.split_at(start);
            passed += before.chars().count();
            if !found.get(..end - start).is_some_and(|found| keep.contains(&found)) {
                places.push(passed);
            }
            passed += 1;
            rest = found.get(found.chars().next().map_or(0, char::len_utf8)..).unwrap_or("");
        }
        places
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
