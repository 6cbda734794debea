//! The checks every vocabulary passes before memory proportional to it is taken.
use super::vocabulary::{self, TokenType, Vocabulary};
use super::{Error, Texts, pretokenizer};

/// Checks the number and the size of a list of texts.
pub(super) fn texts(what: &'static str, texts: &[&str], limit: usize) -> Result<(), Error> {
    size(what, texts.len(), texts.iter().map(|text| text.len()).sum(), limit)
}

fn block(what: &'static str, texts: &Texts, limit: usize) -> Result<(), Error> {
    size(what, texts.len(), texts.bytes(), limit)
}

fn size(what: &'static str, count: usize, bytes: usize, limit: usize) -> Result<(), Error> {
    if count > limit {
        return Err(too_many(what, count, limit));
    }
    if bytes > vocabulary::MAX_TEXT_BYTES {
        return Err(too_many("bytes of text", bytes, vocabulary::MAX_TEXT_BYTES));
    }
    Ok(())
}

/// Checks everything about a vocabulary that does not need its lookup tables.
pub(super) fn vocabulary(vocabulary: &Vocabulary) -> Result<(), Error> {
    let tokens = vocabulary.tokens.len();
    if tokens == 0 {
        return Err(Error::Empty);
    }
    block("tokens", &vocabulary.tokens, vocabulary::MAX_TOKENS)?;
    block("merges", &vocabulary.merges, vocabulary::MAX_MERGES)?;
    if let Some(longest) = vocabulary.tokens.iter().map(str::len).max()
        && longest > vocabulary::MAX_TOKEN_BYTES
    {
        return Err(too_many("bytes in one token", longest, vocabulary::MAX_TOKEN_BYTES));
    }
    let count = |what, found| if found == tokens { Ok(()) } else { Err(Error::Count { what, found, tokens }) };
    count("token types", vocabulary.types.len())?;
    if vocabulary.kind.has_scores() {
        count("scores", vocabulary.scores.len())?;
        if let Some(id) = vocabulary.scores.iter().position(|score| !score.is_finite()) {
            return Err(Error::Score { id });
        }
    }
    if vocabulary.kind.has_merges() && pretokenizer::find(&vocabulary.pre_tokenizer).is_none() {
        return Err(pretokenizer::unknown(&vocabulary.pre_tokenizer));
    }
    special_texts(vocabulary)?;
    special_ids(vocabulary)
}

fn special_texts(vocabulary: &Vocabulary) -> Result<(), Error> {
    let special = vocabulary.tokens.iter().zip(&vocabulary.types);
    let matched = special.filter(|(_, kind)| is_matched(**kind));
    let bytes = matched.map(|(text, _)| text.len()).sum::<usize>();
    if bytes > vocabulary::MAX_SPECIAL_BYTES {
        return Err(too_many("bytes of special tokens", bytes, vocabulary::MAX_SPECIAL_BYTES));
    }
    Ok(())
}

/// True if tokens of this type are looked for in the input before it is encoded.
pub(super) fn is_matched(kind: TokenType) -> bool {
    matches!(kind, TokenType::Control | TokenType::UserDefined | TokenType::Unknown)
}

fn special_ids(vocabulary: &Vocabulary) -> Result<(), Error> {
    let tokens = vocabulary.tokens.len();
    let named = [
        (vocabulary::BOS, vocabulary.bos),
        (vocabulary::EOS, vocabulary.eos),
        (vocabulary::EOT, vocabulary.eot),
        (vocabulary::EOM, vocabulary.eom),
        (vocabulary::UNKNOWN, vocabulary.unknown),
        (vocabulary::SEPARATOR, vocabulary.separator),
        (vocabulary::PADDING, vocabulary.padding),
    ];
    let listed = vocabulary.ends.iter().chain(&vocabulary.strip_after).map(|id| ("a special token id", Some(*id)));
    for (key, id) in named.into_iter().chain(listed) {
        if let Some(id) = id.filter(|id| *id as usize >= tokens) {
            return Err(Error::SpecialId { key, id: id.into(), tokens });
        }
    }
    if vocabulary.add_bos && vocabulary.bos.is_none() {
        return Err(Error::MissingSpecial { flag: vocabulary::ADD_BOS, key: vocabulary::BOS });
    }
    if vocabulary.add_eos && vocabulary.eos.is_none() {
        return Err(Error::MissingSpecial { flag: vocabulary::ADD_EOS, key: vocabulary::EOS });
    }
    Ok(())
}

fn too_many(what: &'static str, found: usize, limit: usize) -> Error {
    Error::TooMany { what, found: found as u64, limit: limit as u64 }
}
