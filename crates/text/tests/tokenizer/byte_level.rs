//! Byte-level byte pair encoding on small vocabularies.
use crate::support::{byte_level, metadata, scored, texts};
use hefu_text::tokenizer::TokenType::{Control, Normal, Unused, UserDefined};
use hefu_text::tokenizer::{Special, Tokenizer, Vocabulary};

const MERGES: &[&str] = &["a b", "b c", "ab c", "c d", "Ġ ab", "x x", "xx xx"];

fn tokenizer(pre: &str) -> Tokenizer {
    let added = [("<|im_end|>", Control), ("<tool>", UserDefined), ("<tool>>", UserDefined), ("[PAD]", Unused)];
    Tokenizer::new(byte_level(pre, MERGES, &added)).unwrap()
}

fn encoded(tokenizer: &Tokenizer, text: &str, special: Special) -> Vec<String> {
    let ids = tokenizer.encode(text, special);
    texts(tokenizer, &ids).into_iter().map(String::from).collect()
}

#[test]
fn the_lowest_rank_merges_first_and_the_leftmost_among_equals() {
    let tokenizer = tokenizer("gpt-2");
    for (text, tokens) in [
        ("abcd", vec!["abc", "d"]),
        ("bcd", vec!["bc", "d"]),
        ("xxx", vec!["xx", "x"]),
        ("xxxxxxx", vec!["xxxx", "xx", "x"]),
        ("abc abc abd", vec!["abc", "Ġ", "abc", "Ġab", "d"]),
        ("é", vec!["Ã", "©"]),
        ("", vec![]),
    ] {
        assert_eq!(encoded(&tokenizer, text, Special::Parse), tokens, "{text:?}");
    }
}

#[test]
fn short_and_long_pieces_merge_by_the_same_rules() {
    // Beyond 24 bytes a piece takes the queue; cut at a merge-free letter both ways must give the same tokens.
    let tokenizer = tokenizer("gpt-2");
    for text in ["abcdxabc", "xxxxxab", "bcdcdab", "aabbccdd"] {
        let once = encoded(&tokenizer, text, Special::Parse);
        let long = encoded(&tokenizer, &format!("{text}q").repeat(12), Special::Parse);
        let mut expected = once;
        expected.push("q".into());
        assert_eq!(long, vec![expected; 12].concat(), "{text}");
    }
}

#[test]
fn whole_pieces_are_taken_without_merging_only_where_the_original_does() {
    // "bcd" is a token that no merge can reach: "b c" comes first and nothing joins "bc" and "d".
    let vocabulary = |pre| byte_level(pre, MERGES, &[("bcd", Normal)]);
    let llama = Tokenizer::new(vocabulary("llama-bpe")).unwrap();
    assert_eq!(encoded(&llama, "bcd", Special::Parse), ["bcd"]);
    let qwen = Tokenizer::new(vocabulary("qwen2")).unwrap();
    assert_eq!(encoded(&qwen, "bcd", Special::Parse), ["bc", "d"]);
}

#[test]
fn special_tokens_match_longest_first_and_only_when_asked() {
    let tokenizer = tokenizer("gpt-2");
    assert_eq!(encoded(&tokenizer, "ab<|im_end|>c", Special::Parse), ["ab", "<|im_end|>", "c"]);
    let plain = encoded(&tokenizer, "<|im_end|>", Special::Plain);
    assert_eq!(plain.concat(), "<|im_end|>");
    assert_eq!(plain.len(), 10);
    for special in [Special::Parse, Special::Plain] {
        assert_eq!(encoded(&tokenizer, "a<tool>>b<tool>", special), ["a", "<tool>>", "b", "<tool>"]);
        assert_eq!(encoded(&tokenizer, "[PAD]", special).len(), 5);
    }
}

#[test]
fn what_is_guarded_is_text_and_what_stands_around_it_is_not() {
    const GUARD: char = '\u{10ff00}';
    let added =
        [("<|a|>", Control), ("|><|", Control), ("<|a|>b", Control), ("<tool>", UserDefined), ("a|", UserDefined)];
    let byte_level = Tokenizer::new(byte_level("gpt-2", MERGES, &added)).unwrap();
    let pieces =
        Tokenizer::new(scored(&["\u{2581}a", "b"], &[("<|a\u{2581}b|>", Control), ("  ", UserDefined)])).unwrap();
    let parts = ["<|a|>", "|><|", "b", "<tool>", "<|", "a|", "|>", " ", "<s>", "<|a b|>", "\u{e9}", "<unk>"];
    for tokenizer in [byte_level, pieces] {
        for number in 0..parts.len().pow(3) {
            let said: String = (0..3).map(|at| parts[number / parts.len().pow(at) % parts.len()]).collect();
            let guarded = tokenizer.guarded(&said, GUARD, &[]);
            assert_eq!(
                guarded.is_none(),
                tokenizer.encode(&said, Special::Parse) == tokenizer.encode(&said, Special::Plain)
            );
            let guarded = guarded.unwrap_or_else(|| said.clone());
            assert_eq!(guarded.replace(GUARD, ""), said);
            assert_eq!(tokenizer.encode_guarded(&guarded, GUARD), tokenizer.encode(&said, Special::Plain), "{said:?}");
        }
        let [name, other] = if tokenizer.vocabulary().bos.is_some() { ["<s>", "</s>"] } else { ["|><|", "<|a|>"] };
        let said = tokenizer.guarded(name, GUARD, &[]).unwrap();
        assert_eq!(tokenizer.guarded(name, GUARD, &[name]), None);
        let mut expected = tokenizer.encode(other, Special::Parse);
        expected.extend(tokenizer.encode(name, Special::Plain));
        expected.extend(tokenizer.encode(other, Special::Parse));
        assert_eq!(tokenizer.encode_guarded(&format!("{other}{said}{other}"), GUARD), expected);
    }
}

#[test]
fn text_is_composed_only_where_the_original_does() {
    let composed = |pre, text| tokenizer(pre).encode(text, Special::Parse).len();
    assert_eq!(composed("qwen2", "e\u{301}"), 2);
    assert_eq!(composed("gpt-2", "e\u{301}"), 3);
    assert_eq!(tokenizer("qwen2").decode(&tokenizer("qwen2").encode("e\u{301}", Special::Parse)), "é");
}

#[test]
fn a_prompt_gets_bos_and_eos_once() {
    let added = [("<|im_start|>", Control), ("<|im_end|>", Control)];
    let vocabulary = byte_level("qwen2", MERGES, &added);
    let bos = u32::try_from(vocabulary.tokens.len() - 2).unwrap();
    let vocabulary = Vocabulary { bos: Some(bos), eos: Some(bos + 1), add_bos: true, add_eos: true, ..vocabulary };
    let tokenizer = Tokenizer::new(vocabulary).unwrap();
    let prompt = |text| texts(&tokenizer, &tokenizer.encode_prompt(text, Special::Parse)).concat();
    assert_eq!(prompt("ab"), "<|im_start|>ab<|im_end|>");
    assert_eq!(prompt("<|im_start|>ab<|im_end|>"), "<|im_start|>ab<|im_end|>");
    assert_eq!(prompt(""), "<|im_start|><|im_end|>");
}

#[test]
fn ends_are_known_by_name_and_by_number() {
    let added = [("<|im_end|>", Control), ("</s>", UserDefined), ("<|endoftext|>", Control), ("<think>", Control)];
    let vocabulary = byte_level("qwen2", MERGES, &added);
    let read = Vocabulary::from_metadata(&metadata(&Vocabulary { eos: Some(3), ..vocabulary })).unwrap();
    let tokenizer = Tokenizer::new(read).unwrap();
    let ends: Vec<u32> = (0..300).filter(|id| tokenizer.is_end(*id)).collect();
    assert_eq!(texts(&tokenizer, &ends[1..]), ["<|im_end|>", "<|endoftext|>"]);
    assert_eq!(ends[0], 3);
    assert_eq!(tokenizer.vocabulary().eot, Some(ends[1]));
}

#[test]
fn a_message_end_inside_an_answer_with_channels_is_no_end() {
    let names = ["<|return|>", "<|call|>", "<|end|>"];
    let vocabulary = byte_level("gpt-4o", MERGES, &names.map(|name| (name, Control)));
    let read = Vocabulary::from_metadata(&metadata(&vocabulary)).unwrap();
    let tokenizer = Tokenizer::new(read).unwrap();
    let ends: Vec<u32> = (1..300).filter(|id| tokenizer.is_end(*id)).collect();
    assert_eq!(texts(&tokenizer, &ends), ["<|return|>", "<|call|>"]);
}

#[test]
fn a_tokenizer_may_be_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    let tokenizer = tokenizer("qwen2");
    shared(&tokenizer);
    assert_eq!(tokenizer.size(), 256 + MERGES.len() + 4);
    assert!(format!("{tokenizer:?}").starts_with("Tokenizer { kind: ByteLevel"));
}
