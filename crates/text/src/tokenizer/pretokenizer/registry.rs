//! Every known pre-tokeniser, by its GGUF name (`tokenizer.ggml.pre`).
//!
//! Names, patterns and the flags are facts about published tokenisers: the names and the list of patterns as in
//! llama.cpp (`src/llama-vocab.cpp`), the patterns themselves and the normalisation as in each original's
//! `tokenizer.json`. A name that is not here is refused.
use super::super::Error;
use super::classes::{self, DIGIT, END};
use super::{Step, cased, deepseek, gpt2, words};

/// A pre-tokeniser and the habits of the tokenisers that use it.
pub(in crate::tokenizer) struct Entry {
    /// Its GGUF names.
    pub(in crate::tokenizer) names: &'static [&'static str],
    /// Whether text is first brought into Unicode normalisation form C.
    pub(in crate::tokenizer) compose: bool,
    /// Whether a piece that is a token as a whole is taken without merging.
    pub(in crate::tokenizer) whole_pieces: bool,
    /// Whether a prompt starts with BOS when the file does not say.
    pub(in crate::tokenizer) add_bos: bool,
    /// The patterns, in order.
    pub(in crate::tokenizer) steps: &'static [Step],
}

/// The entry with this GGUF name.
pub(in crate::tokenizer) fn find(name: &str) -> Option<&'static Entry> {
    REGISTRY.iter().find(|entry| entry.names.contains(&name))
}

/// The error for a name that is not known.
pub(in crate::tokenizer) fn unknown(name: &str) -> Error {
    Error::PreTokenizer { name: name.to_owned(), known: known_names() }
}

/// All names, for messages.
pub(super) fn known_names() -> String {
    let names: Vec<&str> = REGISTRY.iter().flat_map(|entry| entry.names).copied().collect();
    names.join(", ")
}

const PLAIN: Entry = Entry { names: &[], compose: false, whole_pieces: false, add_bos: false, steps: &[] };

pub(super) const REGISTRY: &[Entry] = &[
    Entry { names: &["gpt-2", "phi-2"], steps: &[GPT2], ..PLAIN },
    Entry { names: &["mpt", "olmo"], compose: true, steps: &[GPT2], ..PLAIN },
    Entry { names: &["smollm", "starcoder", "refact"], steps: &[SINGLE_NUMBERS, GPT2], ..PLAIN },
    Entry { names: &["command-r"], compose: true, steps: &[SINGLE_NUMBERS, GPT2], ..PLAIN },
    Entry {
        names: &["llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "lfm2"],
        whole_pieces: true,
        add_bos: true,
        steps: &[WORDS_3],
        ..PLAIN
    },
    Entry { names: &["dbrx", "smaug-bpe", "chatglm-bpe"], steps: &[WORDS_3], ..PLAIN },
    Entry { names: &["glm4"], whole_pieces: true, steps: &[WORDS_3], ..PLAIN },
    Entry { names: &["qwen2", "deepseek-r1-qwen", "stablelm2"], compose: true, steps: &[WORDS_1], ..PLAIN },
    Entry { names: &["qwen35"], compose: true, steps: &[MARKED_WORDS_1], ..PLAIN },
    Entry { names: &["minicpm5"], whole_pieces: true, steps: &[NUMBERS_3, WORDS_ANY], ..PLAIN },
    Entry { names: &["tekken"], whole_pieces: true, add_bos: true, steps: &[TEKKEN], ..PLAIN },
    Entry { names: &["gpt-4o", "llama4"], whole_pieces: true, steps: &[GPT4O], ..PLAIN },
    Entry { names: &["deepseek-llm"], steps: DEEPSEEK_LLM, ..PLAIN },
    Entry { names: &["deepseek-coder"], steps: DEEPSEEK_CODER, ..PLAIN },
    Entry { names: &["deepseek-v3"], steps: &[NUMBERS_3, DEEPSEEK_V3_HAN, DEEPSEEK_V3], ..PLAIN },
    Entry { names: &["falcon"], steps: &[FALCON_SIGNS, GPT2, FALCON_THOUSANDS], ..PLAIN },
    Entry { names: &["superbpe"], steps: &[Step::Regex(r"\p{N}+"), THOUSANDS], ..PLAIN },
];

const GPT2: Step =
    Step::Scan(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", gpt2::scan);
const SINGLE_NUMBERS: Step = Step::Regex(r"\p{N}");
const NUMBERS_3: Step = Step::Regex(r"\p{N}{1,3}");
const WORDS_1: Step = Step::Scan(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    words::scan::<false, 1>,
);
const WORDS_3: Step = Step::Scan(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    words::scan::<false, 3>,
);
const WORDS_ANY: Step = Step::Scan(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    words::scan::<false, { usize::MAX }>,
);
const MARKED_WORDS_1: Step = Step::Scan(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    words::scan::<true, 1>,
);
const TEKKEN: Step = Step::Scan(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    cased::scan::<1, false>,
);
const GPT4O: Step = Step::Scan(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    cased::scan::<3, true>,
);
const DEEPSEEK_V3_HAN: Step = Step::Regex("[一-龥\u{3040}-ゟ゠-ヿ]+");
const DEEPSEEK_V3: Step = Step::Scan(
    r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"##,
    deepseek::scan,
);
const DEEPSEEK_CODER: &[Step] = &[
    Step::Regex(r"[\r\n]"),
    Step::Regex(r"\s?\p{L}+"),
    Step::Regex(r"\s?\p{P}+"),
    Step::Regex("[一-龥\u{800}-一가-퟿]+"),
    SINGLE_NUMBERS,
];
const DEEPSEEK_LLM: &[Step] = &[
    Step::Regex(r"[\r\n]"),
    Step::Regex(
        r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+",
    ),
    Step::Regex(r"\s?[!-/:-~！-／：-～‘-‟\u{3000}-。]+"),
    Step::Regex(r"\s+$"),
    Step::Regex("[一-龥\u{800}-一가-퟿]+"),
    Step::Regex(r"\p{N}+"),
];
const FALCON_SIGNS: Step = Step::Regex(r"[\p{P}$+<=>^~|`]+");
const FALCON_THOUSANDS: Step = Step::Regex("[0-9][0-9][0-9]");
const THOUSANDS: Step = Step::Cut(r"(?=(\d{3})+(?!\d))", thousands);

/// Cuts each run of digits into threes from its right end, as one writes thousands.
fn thousands(text: &str, ends: &mut Vec<usize>) {
    let mut at = 0;
    while at < text.len() {
        let mut digits = Vec::new();
        loop {
            let (class, length) = classes::at(text, at);
            if class & DIGIT == 0 {
                at += if class & END == 0 { length } else { 0 };
                break;
            }
            digits.push(at);
            at += length;
        }
        let offset = digits.len() % 3;
        ends.extend(digits.into_iter().skip(offset).step_by(3));
    }
}
