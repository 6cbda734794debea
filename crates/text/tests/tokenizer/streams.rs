//! Decoding, whole and in a stream.
use crate::support::{byte_level, scored};
use hefu_text::tokenizer::TokenType::{Control, UserDefined};
use hefu_text::tokenizer::{Detokenizer, Position, Special, Tokenizer};
use proptest::prelude::*;
use std::sync::{Arc, LazyLock};

static BYTE_LEVEL: LazyLock<Tokenizer> = LazyLock::new(|| {
    let merges = ["a b", "Ġ a", "ð Ł", "ðŁ ĺ", "ä ¸", "Ã ©"];
    Tokenizer::new(byte_level("llama-bpe", &merges, &[("<|im_end|>", Control), ("<x>", UserDefined)])).unwrap()
});
static SCORED: LazyLock<Tokenizer> = LazyLock::new(|| {
    let pieces = ["▁a", "▁b", "▁▁", "ab", "▁", "a", "b", "é", "中"];
    Tokenizer::new(scored(&pieces, &[("<x>", Control)])).unwrap()
});

fn stream(tokenizer: &Tokenizer, ids: &[u32], position: Position) -> String {
    let mut detokenizer = Detokenizer::new(tokenizer, position);
    let mut text: String = ids.iter().map(|id| detokenizer.push(*id)).collect();
    text.push_str(&detokenizer.finish());
    text
}

proptest! {
    #[test]
    fn text_survives_encoding_and_decoding(text in "[ab \u{2581}é中😀\n\u{0}<x>]{0,30}|(?s:.{0,30})") {
        let byte_level = &*BYTE_LEVEL;
        for special in [Special::Parse, Special::Plain] {
            let ids = byte_level.encode(&text, special);
            prop_assert!(ids.iter().all(|id| (*id as usize) < byte_level.size()));
            prop_assert_eq!(byte_level.decode(&ids), text.as_str());
            prop_assert_eq!(stream(byte_level, &ids, Position::Start), text.as_str());
        }
        // SentencePiece cannot tell its own sign for a space from a space.
        let ids = SCORED.encode(&text, Special::Plain);
        prop_assert_eq!(SCORED.decode(&ids), text.replace('\u{2581}', " "));
    }

    #[test]
    fn a_stream_gives_the_same_text_as_the_whole(ids in prop::collection::vec(0..280_u32, 0..40)) {
        for tokenizer in [&*BYTE_LEVEL, &*SCORED] {
            prop_assert_eq!(stream(tokenizer, &ids, Position::Start), tokenizer.decode(&ids));
            let bytes: Vec<u8> = ids.iter().flat_map(|id| tokenizer.token_bytes(*id, false)).copied().collect();
            prop_assert_eq!(stream(tokenizer, &ids, Position::Continuation), String::from_utf8_lossy(&bytes));
        }
    }
}

#[test]
fn half_a_character_waits_for_the_other_half() {
    let ids = BYTE_LEVEL.encode("😀", Special::Parse);
    let mut detokenizer = Detokenizer::new(&*BYTE_LEVEL, Position::Start);
    let (last, first) = ids.split_last().unwrap();
    assert!(!first.is_empty());
    assert!(first.iter().all(|id| detokenizer.push(*id).is_empty()));
    assert_eq!(detokenizer.push(*last), "😀");
    assert_eq!(detokenizer.finish(), "");
}

#[test]
fn broken_bytes_become_replacement_characters_as_soon_as_they_are_known() {
    let mut detokenizer = Detokenizer::new(&*BYTE_LEVEL, Position::Start);
    assert_eq!(detokenizer.push(0xFF), "\u{fffd}");
    assert_eq!(detokenizer.push(0xE4), "");
    assert_eq!(detokenizer.push(u32::from(b'z')), "\u{fffd}z");
    assert_eq!(detokenizer.push(0xF0), "");
    assert_eq!(detokenizer.push(0x9F), "");
    assert_eq!(detokenizer.finish(), "\u{fffd}");
}

#[test]
fn only_the_space_before_the_whole_text_is_removed() {
    let ids = SCORED.encode("a a", Special::Plain);
    assert_eq!(SCORED.decode(&ids), "a a");
    assert_eq!(stream(&SCORED, &ids, Position::Continuation), " a a");
    let after_bos: Vec<u32> = [1].into_iter().chain(ids).collect();
    assert_eq!(stream(&SCORED, &after_bos, Position::Start), "a a");
    assert_eq!(SCORED.decode(&SCORED.encode("  a", Special::Plain)), "  a");
}

#[test]
fn special_tokens_are_rendered_only_when_asked() {
    let shared = Arc::new(Tokenizer::new(scored(&["a"], &[("<x>", Control)])).unwrap());
    let special = u32::try_from(shared.size() - 1).unwrap();
    assert_eq!(shared.token_bytes(special, false), b"");
    assert_eq!(shared.token_bytes(special, true), b"<x>");
    assert_eq!(shared.token_bytes(u32::MAX, true), b"");
    assert_eq!(shared.token_bytes(3 + 0xE4, false), [0xE4]);
    let mut detokenizer = Detokenizer::new(shared, Position::Start).render_special(true);
    assert_eq!(detokenizer.push(special), "<x>");
}
