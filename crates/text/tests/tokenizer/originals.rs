//! Small vocabularies of each kind against the ids of the original libraries (`golden/tokenizer/make_small.py`).
use crate::support::{Table, Value};
use hefu_text::tokenizer::{Kind, Special, Tokenizer, Vocabulary};
use serde::Deserialize;
use std::path::Path;

#[derive(Deserialize)]
struct Golden {
    keys: serde_json::Map<String, serde_json::Value>,
    ids: Vec<Vec<u32>>,
}

fn golden(kind: &str) -> Golden {
    serde_json::from_str(&read(&format!("small/{kind}.json"))).unwrap()
}

fn read(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/tokenizer").join(name)).unwrap()
}

/// The corpus, of which the ids are those of every seventh string.
fn strings() -> Vec<String> {
    read("strings.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn table(golden: &Golden) -> Table {
    let convert = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => Value::Text(text.clone().leak()),
        serde_json::Value::Bool(flag) => Value::Flag(*flag),
        serde_json::Value::Number(number) => Value::Number(number.as_u64().unwrap()),
        serde_json::Value::Array(items) if items.iter().all(serde_json::Value::is_string) => {
            Value::Texts(items.iter().map(|item| item.as_str().unwrap().to_owned()).collect())
        }
        serde_json::Value::Array(items) if items.iter().all(serde_json::Value::is_i64) => {
            Value::Integers(items.iter().map(|item| item.as_i64().unwrap()).collect())
        }
        other => Value::Floats(other.as_array().unwrap().iter().map(|item| item.as_f64().unwrap() as f32).collect()),
    };
    golden.keys.iter().fold(Table::default(), |table, (key, value)| table.set(key, convert(value)))
}

fn tokenizer(kind: &str) -> (Tokenizer, Golden) {
    let golden = golden(kind);
    (Tokenizer::new(Vocabulary::from_metadata(&table(&golden)).unwrap()).unwrap(), golden)
}

fn check(kind: &str, expected: Kind, special: Special) {
    let (tokenizer, golden) = tokenizer(kind);
    assert_eq!(tokenizer.vocabulary().kind, expected);
    let strings = strings();
    assert_eq!(strings.len().div_ceil(7), golden.ids.len());
    let mut compared = 0;
    for (text, ids) in strings.iter().step_by(7).zip(&golden.ids) {
        // Strings that an original cannot be asked about have no ids.
        if !ids.is_empty() {
            assert_eq!(&tokenizer.encode(text, special), ids, "{kind}: {text:?}");
            compared += 1;
        }
    }
    assert!(compared > 400, "{kind}: only {compared} strings were compared");
}

#[test]
fn word_pieces_are_those_of_the_original() {
    check("bert", Kind::WordPiece, Special::Parse);
    check("bert-cased", Kind::WordPiece, Special::Parse);
}

#[test]
fn unigram_pieces_are_those_of_sentencepiece() {
    // These libraries leave special tokens to whoever calls them.
    check("t5", Kind::Unigram, Special::Plain);
    check("t5-spaces", Kind::Unigram, Special::Plain);
}

#[test]
fn character_pairs_are_those_of_the_original() {
    check("gemma4", Kind::CharacterLevel, Special::Parse);
}

#[test]
fn longest_matches_are_those_of_the_original() {
    check("rwkv", Kind::LongestMatch, Special::Plain);
}

#[test]
fn texts_are_framed_as_their_models_were_trained() {
    let names = |kind, ids: &[u32]| {
        let (tokenizer, _) = tokenizer(kind);
        ids.iter().map(|id| tokenizer.vocabulary().tokens.get(*id as usize).unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (bert, _) = tokenizer("bert");
    assert_eq!(names("bert", &bert.encode_prompt("a", Special::Plain)), ["[CLS]", "▁a", "[SEP]"]);
    let (pair, middle) = bert.encode_pair("a", "b", Special::Plain);
    assert_eq!(names("bert", &pair), ["[CLS]", "▁a", "[SEP]", "▁b", "[SEP]"]);
    assert_eq!(middle, 3);
    let with_separator = |golden: &Golden| table(golden).set("seperator_token_id", Value::Number(2));
    let golden = golden("t5");
    let twice = with_separator(&golden).set("add_bos_token", Value::Flag(true));
    let roberta = Tokenizer::new(Vocabulary::from_metadata(&twice).unwrap()).unwrap();
    let (pair, middle) = roberta.encode_pair("a", "a", Special::Plain);
    let texts: Vec<&str> = pair.iter().map(|id| roberta.vocabulary().tokens.get(*id as usize).unwrap()).collect();
    assert_eq!(texts, ["<s>", "▁a", "</s>", "</s>", "▁a", "</s>"]);
    assert_eq!(middle, 4);
    let (gemma, _) = tokenizer("gemma4");
    assert_eq!(gemma.encode_prompt("", Special::Plain), [2]);
}

#[test]
fn texts_come_back_from_the_kinds_that_keep_them() {
    for kind in ["gemma4", "rwkv"] {
        let (tokenizer, _) = tokenizer(kind);
        for text in strings().iter().filter(|text| !text.contains('\u{2581}')) {
            let back = tokenizer.decode(&tokenizer.encode(text, Special::Plain));
            assert_eq!(&back, text, "{kind}");
        }
    }
    let (bert, _) = tokenizer("bert");
    assert_eq!(bert.decode(&bert.encode("The quick brown fox.", Special::Plain)), "the quick brown fox .");
}

#[test]
fn hostile_vocabularies_of_the_new_kinds_are_refused() {
    let refusal = |table: Table| Vocabulary::from_metadata(&table).and_then(Tokenizer::new).unwrap_err().to_string();
    let t5 = golden("t5");
    for block in [vec![1, 2], vec![3, 0, 0, 0, 1, 2, 3], vec![4, 0, 0, 0, 0, 0, 0, 0, 65], vec![255; 9]] {
        let message = refusal(table(&t5).set("precompiled_charsmap", Value::Integers(block)));
        assert!(message.contains("precompiled_charsmap is damaged"), "{message}");
    }
    assert!(refusal(table(&t5).without("scores")).contains("tokenizer.ggml.scores is missing"));
    assert!(refusal(table(&t5).without("unknown_token_id")).contains("no token stands for the byte"));
    let bert = table(&golden("bert")).without("unknown_token_id");
    Tokenizer::new(Vocabulary::from_metadata(&bert).unwrap()).unwrap();
    let gemma = table(&golden("gemma4"));
    assert!(refusal(gemma.set("merges", Value::Texts(vec!["a".into()]))).contains("is not two texts"));
    let rwkv = table(&golden("rwkv"));
    let types: Vec<i64> = (0..golden("rwkv").keys["tokens"].as_array().unwrap().len() as i64).map(|_| 5).collect();
    assert!(refusal(rwkv.set("token_type", Value::Integers(types))).contains("no token stands for the byte 0x00"));
}
