//! Vocabularies that must be refused, each with one clear sentence.
use crate::support::{Table, Value, byte_level, metadata, scored, with_text};
use hefu_text::tokenizer::{Error, MAX_SPECIAL_BYTES, MAX_TOKEN_BYTES, TokenType, Tokenizer, Vocabulary};

fn good() -> Table {
    metadata(&byte_level("qwen2", &["a b"], &[("<|im_end|>", TokenType::Control)]))
}

fn good_scored() -> Table {
    metadata(&scored(&["a"], &[]))
}

/// Reads and builds; the message of what went wrong.
fn refusal(table: Table) -> String {
    let result = Vocabulary::from_metadata(&table).and_then(Tokenizer::new);
    result.expect_err("the vocabulary must be refused").to_string()
}

#[test]
fn good_vocabularies_are_accepted() {
    for table in [good(), good_scored()] {
        Tokenizer::new(Vocabulary::from_metadata(&table).unwrap()).unwrap();
    }
}

#[test]
fn a_padding_id_that_is_none_stops_nothing() {
    for id in [258, u64::from(u32::MAX), u64::MAX] {
        let vocabulary = Vocabulary::from_metadata(&good().set("padding_token_id", Value::Number(id))).unwrap();
        assert_eq!(vocabulary.padding, None);
        Tokenizer::new(vocabulary).unwrap();
    }
}

#[test]
fn missing_keys_are_named() {
    for name in ["model", "pre", "tokens", "token_type", "merges"] {
        let message = refusal(good().without(name));
        assert!(message.contains(&format!("tokenizer.ggml.{name} is missing")), "{message}");
    }
    assert!(refusal(good_scored().without("scores")).contains("tokenizer.ggml.scores"));
    let message = refusal(good().without("bos_token_id").set("add_bos_token", Value::Flag(true)));
    assert!(message.contains("add_bos_token is set but tokenizer.ggml.bos_token_id is missing"), "{message}");
    assert!(refusal(good().set("tokens", Value::Number(3))).contains("is not an array of texts"));
}

#[test]
fn unknown_kinds_and_pre_tokenisers_are_refused_by_name() {
    for kind in ["hybriddna", "no_vocab", ""] {
        assert!(refusal(good().set("model", Value::Text(kind))).contains(&format!("\"{kind}\" is not supported")));
    }
    for pre in ["unknown", "", "qwen3000"] {
        let message = refusal(good().set("pre", Value::Text(pre)));
        assert!(message.contains(&format!("\"{pre}\" is not known")) && message.contains("qwen2"), "{message}");
    }
    assert!(refusal(good_scored().set("remove_extra_whitespaces", Value::Flag(true))).contains("not supported"));
}

#[test]
fn counts_that_disagree_are_refused() {
    let message = refusal(good().set("token_type", Value::Integers(vec![1; 3])));
    assert!(message.contains("258 tokens but 3 token types"), "{message}");
    let message = refusal(good_scored().set("scores", Value::Floats(vec![0.0; 300])));
    assert!(message.contains("260 tokens but 300 scores"), "{message}");
    let empty = good().set("tokens", Value::Texts(vec![])).set("token_type", Value::Integers(vec![]));
    assert!(refusal(empty.without("bos_token_id").without("eos_token_id")).contains("no tokens"));
}

#[test]
fn values_out_of_range_are_refused() {
    for (name, value) in [("eos_token_id", 258), ("bos_token_id", u64::MAX), ("unknown_token_id", 1 << 32)] {
        let message = refusal(good().set(name, Value::Number(value)));
        assert!(message.contains(name) && message.contains(&value.to_string()), "{message}");
    }
    let mut types = vec![1; 258];
    types[7] = 9;
    assert!(refusal(good().set("token_type", Value::Integers(types))).contains("token 7 has the unknown type 9"));
    for score in [f32::NAN, f32::INFINITY] {
        let mut scores = vec![0.0; 260];
        scores[5] = score;
        assert!(refusal(good_scored().set("scores", Value::Floats(scores))).contains("token 5 has a score"));
    }
}

#[test]
fn hostile_merges_are_refused() {
    for (merge, problem) in [
        ("ab", "is not two texts"),
        ("", "is not two texts"),
        ("q zz", "joins a text that is not a token"),
        (" a", "joins a text that is not a token"),
        ("a c", "makes a text that is not a token"),
        ("a b", "repeats an earlier one"),
    ] {
        let merges = vec!["a b".to_string(), merge.to_string()];
        let message = refusal(good().set("merges", Value::Texts(merges)));
        assert!(message.contains("merge 1") && message.contains(problem), "{merge:?}: {message}");
    }
}

#[test]
fn tokens_must_be_unique_and_cover_every_text() {
    let vocabulary = byte_level("qwen2", &["a b"], &[("ab", TokenType::Control)]);
    assert_eq!(Tokenizer::new(vocabulary).unwrap_err(), Error::DuplicateToken { first: 256, second: 257 });
    let vocabulary = with_text(byte_level("qwen2", &[], &[]), 0x41, "missing");
    assert_eq!(Tokenizer::new(vocabulary).unwrap_err(), Error::MissingByte { byte: 0x41 });
    let vocabulary = with_text(scored(&["a"], &[]), 4, "<0xZZ>");
    assert_eq!(Tokenizer::new(vocabulary).unwrap_err(), Error::ByteToken { id: 4 });
    let mut vocabulary = scored(&["a"], &[]);
    vocabulary.types[4] = TokenType::Normal;
    assert_eq!(Tokenizer::new(vocabulary).unwrap_err(), Error::MissingByte { byte: 1 });
}

#[test]
fn a_few_bytes_may_be_missing_and_vanish() {
    let vocabulary = with_text(byte_level("falcon", &[], &[]), 3, "missing");
    let vocabulary = with_text(vocabulary, 0xC0, "");
    let tokenizer = Tokenizer::new(vocabulary).unwrap();
    let ids = tokenizer.encode("a\u{3}b", hefu_text::tokenizer::Special::Parse);
    assert_eq!(tokenizer.decode(&ids), "ab");
}

#[test]
fn limits_hold() {
    let long = "a".repeat(MAX_TOKEN_BYTES + 1);
    let vocabulary = byte_level("qwen2", &[], &[(&long, TokenType::Normal)]);
    let message = Tokenizer::new(vocabulary).unwrap_err().to_string();
    assert!(message.contains(&format!("{} bytes in one token", MAX_TOKEN_BYTES + 1)), "{message}");
    let texts: Vec<String> = (0..=MAX_SPECIAL_BYTES / 16_000).map(|index| format!("{index:016000}")).collect();
    let added: Vec<_> = texts.iter().map(|text| (text.as_str(), TokenType::Control)).collect();
    let message = Tokenizer::new(byte_level("qwen2", &[], &added)).unwrap_err().to_string();
    assert!(message.contains("bytes of special tokens"), "{message}");
}
