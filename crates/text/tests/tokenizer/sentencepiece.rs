//! SentencePiece byte pair encoding on small vocabularies.
use crate::support::{metadata, scored, texts};
use hefu_text::tokenizer::TokenType::{Control, Unused, UserDefined};
use hefu_text::tokenizer::{Special, TokenType, Tokenizer, Vocabulary};

const PIECES: &[&str] = &["▁t", "he", "▁the", "aa", "aaaa", "ab", "▁", "t", "h", "e", "a", "b", "▁▁"];

fn encoded(vocabulary: Vocabulary, text: &str, special: Special) -> String {
    let tokenizer = Tokenizer::new(vocabulary).unwrap();
    texts(&tokenizer, &tokenizer.encode(text, special)).join(" ")
}

#[test]
fn the_best_score_merges_first_and_the_leftmost_among_equals() {
    for (text, tokens) in [
        ("the", "▁the"),
        (" the", "▁ ▁the"),
        ("aaa", "▁ aa a"),
        ("aaaaaa", "▁ aaaa aa"),
        ("aab", "▁ aa b"),
        ("the the", "▁the ▁the"),
        ("", ""),
    ] {
        assert_eq!(encoded(scored(PIECES, &[]), text, Special::Parse), tokens, "{text:?}");
    }
}

#[test]
fn what_is_no_token_is_spelled_in_bytes_or_is_unknown_once() {
    assert_eq!(encoded(scored(PIECES, &[]), "é\n", Special::Parse), "▁ <0xC3> <0xA9> <0x0A>");
    let mut vocabulary = scored(PIECES, &[]);
    vocabulary.types.iter_mut().filter(|kind| **kind == TokenType::Byte).for_each(|kind| *kind = TokenType::Unused);
    assert_eq!(encoded(vocabulary, "éé zzé", Special::Parse), "▁ <unk> ▁ <unk>");
}

#[test]
fn the_space_before_a_text_comes_after_each_special_token() {
    let vocabulary = || scored(PIECES, &[("<x>", Control)]);
    assert_eq!(encoded(vocabulary(), "the<x>the<s>", Special::Parse), "▁the <x> ▁the <s>");
    let without = Vocabulary { add_space_prefix: false, ..vocabulary() };
    assert_eq!(encoded(without, "the<x> the", Special::Parse), "t he <x> ▁the");
}

#[test]
fn user_defined_tokens_match_after_spaces_are_rewritten() {
    let vocabulary = scored(&PIECES[..12], &[("  ", UserDefined), ("<b>", UserDefined)]);
    let vocabulary = Vocabulary { add_space_prefix: false, ..vocabulary };
    for special in [Special::Parse, Special::Plain] {
        assert_eq!(encoded(vocabulary.clone(), "a   the<b>", special), "a    ▁the <b>");
        assert_eq!(encoded(vocabulary.clone(), "a▁▁b", special), "a    b");
    }
    assert_eq!(Tokenizer::new(vocabulary.clone()).unwrap().decode(&[271]), "  ");
}

#[test]
fn unused_tokens_merge_and_are_taken_apart_again() {
    let mut vocabulary = scored(&["ab", "abc", "abcd", "a", "b", "c", "d", "▁"], &[]);
    vocabulary.types[260] = Unused;
    assert_eq!(encoded(vocabulary.clone(), "abc", Special::Parse), "▁ ab c");
    assert_eq!(encoded(vocabulary.clone(), "abcd", Special::Parse), "▁ abcd");
    vocabulary.types[259] = Unused;
    assert_eq!(encoded(vocabulary, "abc", Special::Parse), "▁ a b c");
}

#[test]
fn merges_cross_words_where_a_token_does() {
    let pieces = ["a▁", "a▁b", "▁", "a", "b", "▁b"];
    assert_eq!(encoded(scored(&pieces, &[]), "a b b", Special::Parse), "▁ a▁b ▁b");
}

#[test]
fn phi_3_special_tokens_swallow_the_space_after_them() {
    let names = ["<|endoftext|>", "<|assistant|>", "<|placeholder1|>", "<|user|>"];
    let read = Vocabulary::from_metadata(&metadata(&scored(PIECES, &names.map(|name| (name, Control))))).unwrap();
    assert_eq!(
        encoded(read.clone(), "<|user|> \n the<|endoftext|>\n", Special::Parse),
        "<|user|> ▁the <|endoftext|> ▁ <0x0A>"
    );
    assert!(read.add_bos && read.add_space_prefix && read.ends.contains(&2));
    let others = Vocabulary::from_metadata(&metadata(&scored(PIECES, &[("<|user|>", Control)]))).unwrap();
    assert!(others.strip_after.is_empty());
}

#[test]
fn a_long_text_of_one_character_is_quick() {
    let tokenizer = Tokenizer::new(scored(PIECES, &[])).unwrap();
    for (character, most) in [("a", 250_001), (" ", 500_001), ("é", 2_000_001)] {
        let count = tokenizer.encode(&character.repeat(1_000_000), Special::Parse).len();
        assert!((most - 1..=most).contains(&count), "{character:?} gave {count}");
    }
}
