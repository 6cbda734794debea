//! Every hand-written scanner against its pattern on the backtracking engine.
use super::registry::REGISTRY;
use super::*;
use proptest::prelude::*;
use std::sync::LazyLock;

/// The patterns as published, next to the steps that must do the same.
static DEFINITIONS: LazyLock<Vec<(fancy_regex::Regex, Cutter)>> = LazyLock::new(|| {
    let mut steps: Vec<&Step> = REGISTRY.iter().flat_map(|entry| entry.steps).collect();
    // Families share steps.
    steps.sort_by_key(|step| step.pattern());
    steps.dedup_by_key(|step| step.pattern());
    let defined = |step: &Step| (fancy_regex::Regex::new(step.pattern()).unwrap(), step.cutter().unwrap());
    steps.into_iter().map(defined).collect()
});

/// All pre-tokenisers, each compiled once.
static BUILT: LazyLock<Vec<PreTokenizer>> =
    LazyLock::new(|| REGISTRY.iter().map(|entry| PreTokenizer::new(entry).unwrap()).collect());

fn by_definition<'a>(pattern: &fancy_regex::Regex, text: &'a str) -> Vec<&'a str> {
    let (mut pieces, mut done) = (Vec::new(), 0);
    for found in pattern.find_iter(text) {
        let found = found.unwrap();
        pieces.extend([&text[done..found.start()], &text[found.start()..found.end()]]);
        done = found.end();
    }
    pieces.push(&text[done..]);
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

fn check(text: &str) {
    for (pattern, cutter) in DEFINITIONS.iter() {
        let mut pieces = Vec::new();
        cutter.cut(text, &mut |piece| pieces.push(piece));
        assert_eq!(pieces, by_definition(pattern, text), "{pattern} on {text:?}");
    }
}

fn pieces<'a>(name: &str, text: &'a str) -> Vec<&'a str> {
    let mut pieces = Vec::new();
    PreTokenizer::new(find(name).unwrap()).unwrap().pieces(text, |piece| pieces.push(piece));
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn scanners_equal_their_patterns_on_tricky_characters(
        text in "[ \t\n\r\u{a0}\u{85}'aAsStTrReEvVlLmMdDſzZéÉǅʰ中ア가\u{301}\u{903}0-3٣½Ⅷ.,/!€😀\u{0}\u{200d}]{0,40}"
    ) {
        check(&text);
    }

    #[test]
    fn scanners_equal_their_patterns_on_any_text(text in "\\PC{0,40}|(?s:.{0,40})") {
        check(&text);
    }

    #[test]
    fn no_pre_tokeniser_loses_text(text in "[ \t\r\n0-9a-dA-D'é中.,\u{301}]{0,60}") {
        for pre_tokenizer in BUILT.iter() {
            let mut joined = String::new();
            pre_tokenizer.pieces(&text, |piece| joined.push_str(piece));
            prop_assert_eq!(&joined, &text);
        }
    }
}

#[test]
fn names_are_unique_and_unknown_names_are_not_found() {
    let mut names: Vec<_> = REGISTRY.iter().flat_map(|entry| entry.names).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(find("unknown").is_none() && find("").is_none());
    assert!(registry::known_names().starts_with("gpt-2, phi-2"));
}

#[test]
fn published_patterns_cut_as_known() {
    assert_eq!(pieces("llama-bpe", "I'M 12345  x\n\n y"), ["I", "'M", " ", "123", "45", " ", " x", "\n\n", " y"]);
    assert_eq!(pieces("qwen2", "don't 42"), ["don", "'t", " ", "4", "2"]);
    assert_eq!(pieces("gpt-2", "don't 42  \n x"), ["don", "'t", " 42", "  \n", " x"]);
    assert_eq!(pieces("gpt-4o", "camelCase's ABCdef"), ["camel", "Case's", " ABCdef"]);
    assert_eq!(pieces("superbpe", "a 1234567 b"), ["a ", "1", "234", "567", " b"]);
    assert_eq!(pieces("deepseek-v3", "日本1234x+y"), ["日本", "123", "4", "x", "+y"]);
}

#[test]
fn a_million_equal_characters_take_no_stack_and_little_time() {
    for character in ["a", "A", " ", "\n", "1", "'", "中", "\u{301}", "\u{0}", "!"] {
        let text = character.repeat(1_000_000);
        for pre_tokenizer in BUILT.iter() {
            let mut length = 0;
            pre_tokenizer.pieces(&text, |piece| length += piece.len());
            assert_eq!(length, text.len());
        }
    }
}

/// FNV-1a of 32 bits over the pieces, each ended by a byte that UTF-8 does not have.
fn digest(pre_tokenizer: &PreTokenizer, texts: &[String]) -> u32 {
    let mut value = 0x811C_9DC5_u32;
    let mut take = |byte: &u8| value = (value ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    for text in texts {
        pre_tokenizer.pieces(text, |piece| piece.as_bytes().iter().chain(&[0xFF]).for_each(&mut take));
    }
    value
}

#[test]
fn the_corpus_is_cut_as_the_original_engine_cuts_it() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/tokenizer");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let strings: Vec<String> = read("strings.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let expected: std::collections::BTreeMap<String, Vec<u32>> =
        serde_json::from_str(&read("small/cuts.json")).unwrap();
    assert!(expected.len() > 15);
    let mut different = Vec::new();
    for (name, digests) in &expected {
        assert_eq!(strings.chunks(50).count(), digests.len());
        let pre_tokenizer = PreTokenizer::new(find(name).unwrap()).unwrap();
        let blocks = strings.chunks(50).zip(digests).enumerate();
        let wrong = blocks.filter(|(_, (texts, expected))| digest(&pre_tokenizer, texts) != **expected);
        different.extend(wrong.map(|(block, _)| format!("{name}: strings {} to {}", block * 50, block * 50 + 49)));
    }
    assert!(different.is_empty(), "{different:#?}");
}
