//! A tokeniser as `llguidance` wants to see it.

use crate::Error;
use crate::limits::{MAX_TOKEN_BYTES, MAX_VOCABULARY_BYTES};
use hefu_text::tokenizer::{Special, TokenType, Tokenizer};
use llguidance::toktrie::{INVALID_TOKEN, TokRxInfo, TokTrie, TokenizerEnv};
use std::sync::Arc;

/// Text that is put before a forced text so that a tokeniser which begins every text with a space does so there.
const GUARD: &str = "\n";

/// The tokens' bytes as a tree, and the tokeniser that says how a forced text is cut.
pub(crate) struct Environment {
    trie: TokTrie,
    tokenizer: Arc<Tokenizer>,
    /// True if every text can be cut into tokens; only then can tokens be forced.
    complete: bool,
}

impl Environment {
    /// Builds the tree.
    ///
    /// # Errors
    /// [`Error::Vocabulary`] if the vocabulary is empty or too large for the tree.
    pub(crate) fn new(tokenizer: Arc<Tokenizer>) -> Result<Self, Error> {
        let refused = |reason: &str| Error::Vocabulary(reason.to_owned());
        let words = words(&tokenizer);
        let count = u32::try_from(words.len()).ok().filter(|count| (1..INVALID_TOKEN).contains(count));
        let count = count.ok_or_else(|| refused("it has no tokens, or more than can be numbered"))?;
        if words.iter().map(Vec::len).sum::<usize>() > MAX_VOCABULARY_BYTES {
            return Err(refused(&format!("its tokens have more than {MAX_VOCABULARY_BYTES} bytes together")));
        }
        let ends: Vec<u32> = tokenizer.vocabulary().ends.iter().copied().filter(|id| *id < count).collect();
        let mut trie = TokTrie::from(&TokRxInfo::new(count, INVALID_TOKEN), &words);
        if !ends.is_empty() {
            trie = trie.with_eos_tokens(&ends);
        }
        // Every byte that occurs in UTF-8.
        let complete =
            (0..=0xF4_u8).filter(|byte| !matches!(byte, 0xC0 | 0xC1)).all(|byte| trie.token_id(&[byte]).is_some());
        Ok(Self { trie, tokenizer, complete })
    }

    /// Tokens of `text` when it stands after other text.
    fn continuation(&self, text: &str) -> Option<Vec<u32>> {
        let encode = |text: &str| self.tokenizer.encode(text, Special::Plain);
        if !self.tokenizer.vocabulary().add_space_prefix {
            return Some(encode(text));
        }
        let ids = encode(&format!("{GUARD}{text}"));
        let mut rest = ids.as_slice();
        let mut skipped = String::new();
        while skipped.trim_start_matches(' ') != GUARD {
            let (first, after) = rest.split_first()?;
            skipped.push_str(std::str::from_utf8(self.tokenizer.token_bytes(*first, false)).ok()?);
            rest = after;
        }
        Some(rest.to_vec())
    }

    /// True if the tokens stand for these bytes; a tokeniser that normalises text may have changed them.
    fn spells(&self, ids: &[u32], bytes: &[u8]) -> bool {
        ids.iter().flat_map(|id| self.trie.token(*id)).eq(bytes)
    }
}

impl TokenizerEnv for Environment {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<u32> {
        let text = std::str::from_utf8(bytes).ok();
        let ids = text.and_then(|text| self.continuation(text)).filter(|ids| self.spells(ids, bytes));
        ids.unwrap_or_else(|| self.trie.greedy_tokenize(bytes))
    }

    fn tokenize_is_canonical(&self) -> bool {
        self.complete
    }
}

/// Each token's bytes. Those without a text of their own, and those that end an answer whatever the file calls them,
/// stand behind a byte that no text has; what can never be chosen under a grammar has none.
fn words(tokenizer: &Tokenizer) -> Vec<Vec<u8>> {
    let vocabulary = tokenizer.vocabulary();
    let typed = (0..).zip(&vocabulary.types);
    let word = |(id, kind): (u32, &TokenType)| {
        let named = match kind {
            TokenType::Unused => return Vec::new(),
            TokenType::Control | TokenType::Unknown => true,
            TokenType::Normal | TokenType::UserDefined | TokenType::Byte => tokenizer.is_end(id),
        };
        let bytes = tokenizer.token_bytes(id, true);
        let taken = !bytes.is_empty() && bytes.len() <= MAX_TOKEN_BYTES;
        match (taken, named) {
            (true, true) => [&[TokTrie::SPECIAL_TOKEN_MARKER], bytes].concat(),
            (true, false) if bytes.first() != Some(&TokTrie::SPECIAL_TOKEN_MARKER) => bytes.to_vec(),
            _ => Vec::new(),
        }
    };
    typed.map(word).collect()
}
