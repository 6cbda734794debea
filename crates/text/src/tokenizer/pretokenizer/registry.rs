//! Every known pre-tokeniser, by its GGUF name (`tokenizer.ggml.pre`).
//!
//! Names, patterns and the flags are facts about published tokenisers: the names and the list of patterns as in
//! llama.cpp (`src/llama-vocab.cpp`), the patterns themselves and the normalisation as in each original's
//! `tokenizer.json`. A name that is not here is refused.
use super::super::Error;
use super::{Step, cased, deepseek, gpt2, numbers, words};

/// A pre-tokeniser and the habits of the tokenisers that use it.
pub(in crate::tokenizer) struct Entry {
    /// Its GGUF names.
    pub(in crate::tokenizer) names: &'static [&'static str],
    /// True if text is first brought into Unicode normalisation form C.
    pub(in crate::tokenizer) compose: bool,
    /// True if a piece that is a token as a whole is taken without merging.
    pub(in crate::tokenizer) whole_pieces: bool,
    /// True if a prompt starts with BOS when the file does not say.
    pub(in crate::tokenizer) add_bos: bool,
    /// Cuts of text whose symbols are characters, with U+2581 for spaces; `None` where they are bytes.
    pub(in crate::tokenizer) words: Option<Words>,
    /// The patterns, in order.
    pub(in crate::tokenizer) steps: &'static [Step],
}

/// Cuts before merging, of text whose symbols are characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tokenizer) enum Words {
    /// Runs of line ends and what stands between them.
    Lines,
    /// Before each U+2581, one of which stands before every text.
    Marked,
}

/// The entry with this GGUF name.
pub(in crate::tokenizer) fn find(name: &str) -> Option<&'static Entry> {
    REGISTRY.iter().find(|entry| entry.names.contains(&name))
}

/// The name of an entry with these patterns and habits.
pub(in crate::tokenizer) fn named(patterns: &[String], composes: bool, takes_whole: bool) -> Option<&'static str> {
    let is_alike = |entry: &&Entry| {
        entry.words.is_none()
            && (entry.compose, entry.whole_pieces) == (composes, takes_whole)
            && entry.steps.iter().map(|step| step.pattern()).eq(patterns.iter().map(String::as_str))
    };
    REGISTRY.iter().find(is_alike).and_then(|entry| entry.names.first()).copied()
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

const PLAIN: Entry = Entry { names: &[], compose: false, whole_pieces: false, add_bos: false, words: None, steps: &[] };

pub(super) const REGISTRY: &[Entry] = &[
    Entry {
        names: &[
            "gpt-2",
            "phi-2",
            "jina-es",
            "jina-de",
            "jina-v2-es",
            "jina-v2-de",
            "jina-v1-en",
            "jina-v2-code",
            "roberta-bpe",
            "gigachat",
            "a.x-4.0",
            "mellum",
            "jais",
            "trillion",
            "granite-docling",
        ],
        steps: &[GPT2],
        ..PLAIN
    },
    Entry { names: &["mpt", "olmo", "modern-bert", "exaone4"], compose: true, steps: &[GPT2], ..PLAIN },
    Entry {
        names: &["smollm", "starcoder", "refact", "codeshell", "exaone", "minerva-7b", "mellum2"],
        steps: &[SINGLE_NUMBERS, GPT2],
        ..PLAIN
    },
    Entry { names: &["command-r"], compose: true, steps: &[SINGLE_NUMBERS, GPT2], ..PLAIN },
    Entry {
        names: &[
            "llama-bpe",
            "llama3",
            "llama-v3",
            "falcon3",
            "falcon-h1",
            "pixtral",
            "lfm2",
            "midm-2.0",
            "jina-v5-nano",
        ],
        whole_pieces: true,
        add_bos: true,
        steps: &[WORDS_3],
        ..PLAIN
    },
    Entry { names: &["dbrx", "smaug-bpe", "chatglm-bpe"], steps: &[WORDS_3], ..PLAIN },
    Entry { names: &["glm4", "glm5"], whole_pieces: true, steps: &[WORDS_3], ..PLAIN },
    Entry { names: &["jais-2"], steps: &[JAIS_2], ..PLAIN },
    Entry {
        names: &["qwen2", "deepseek-r1-qwen", "stablelm2", "kormo", "f2llmv2", "megrez", "hunyuan"],
        compose: true,
        steps: &[WORDS_1],
        ..PLAIN
    },
    Entry { names: &["solar-open", "grok-2"], steps: &[WORDS_1], ..PLAIN },
    Entry { names: &["ufakzeka"], steps: &[NO_CONTRACTIONS_1], ..PLAIN },
    Entry { names: &["seed-coder"], steps: &[SEED_CODER], ..PLAIN },
    Entry { names: &["bailingmoe", "bailingmoe2", "llada-moe"], steps: &[BAILING], ..PLAIN },
    Entry { names: &["exaone-moe"], compose: true, steps: &[EXAONE_MOE], ..PLAIN },
    Entry { names: &["laguna"], steps: &[BEFORE_LINES, WORDS_1], ..PLAIN },
    Entry { names: &["k2-horizon"], steps: &[K2_HORIZON], ..PLAIN },
    Entry { names: &["qwen35"], compose: true, steps: &[MARKED_WORDS_1], ..PLAIN },
    Entry { names: &["minicpm5"], whole_pieces: true, steps: &[NUMBERS_3, WORDS_ANY], ..PLAIN },
    Entry { names: &["tekken"], whole_pieces: true, add_bos: true, steps: &[TEKKEN], ..PLAIN },
    Entry { names: &["gpt-4o", "llama4", "granite-embed-multi-97m"], whole_pieces: true, steps: &[GPT4O], ..PLAIN },
    Entry { names: &["kanana2", "talkie", "minimax-m2"], whole_pieces: true, steps: &[GPT4O], ..PLAIN },
    Entry { names: &["tiny_aya", "cohere2moe"], compose: true, steps: &[THOUSANDS_APART, GPT4O], ..PLAIN },
    Entry { names: &["kimi-k2"], whole_pieces: true, steps: &[KIMI_K2], ..PLAIN },
    Entry { names: &["youtu"], whole_pieces: true, steps: &[YOUTU_SCRIPTS, YOUTU], ..PLAIN },
    Entry { names: &["deepseek-llm"], steps: DEEPSEEK_LLM, ..PLAIN },
    Entry { names: &["deepseek-coder"], steps: DEEPSEEK_CODER, ..PLAIN },
    Entry {
        names: &["deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"],
        steps: &[NUMBERS_3, DEEPSEEK_V3_HAN, DEEPSEEK_V3],
        ..PLAIN
    },
    Entry { names: &["spark2_5"], steps: &[NUMBERS_3, DEEPSEEK_V3_HAN, SPARK, SINGLE_NUMBERS], ..PLAIN },
    Entry { names: &["afmoe"], steps: &[NUMBERS_APART, AFMOE_SCRIPTS, DEEPSEEK_V3], ..PLAIN },
    Entry { names: &["falcon"], steps: &[FALCON_SIGNS, GPT2, FALCON_THOUSANDS], ..PLAIN },
    Entry { names: &["superbpe"], steps: &[Step::Regex(r"\p{N}+"), THOUSANDS], ..PLAIN },
    Entry { names: &["bloom", "poro-chat", "gpt3-finnish"], steps: &[BLOOM], ..PLAIN },
    Entry { names: &["viking"], steps: &[BLOOM, SINGLE_NUMBERS], ..PLAIN },
    Entry { names: &["chameleon"], add_bos: true, steps: CHAMELEON, ..PLAIN },
    Entry { names: &["default"], steps: DEFAULT, ..PLAIN },
    Entry { names: &["gemma4"], add_bos: true, words: Some(Words::Lines), ..PLAIN },
    Entry { names: &["granite-embed-multi-311m", "sarvam-moe"], words: Some(Words::Lines), ..PLAIN },
    Entry { names: &["mmbert"], words: Some(Words::Marked), ..PLAIN },
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
    cased::scan::<1, false, false, true>,
);
const GPT4O: Step = Step::Scan(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    cased::scan::<3, true, false, true>,
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
const THOUSANDS: Step = Step::Cut(r"(?=(\d{3})+(?!\d))", numbers::thousands);
// Published with `\b` at its end, which for Oniguruma is where none of these follows.
const THOUSANDS_APART: Step =
    Step::Cut(r"\d{1,3}(?=(?:\d{3})*(?![[\w²³¹¼-¾]&&[^\x{200C}\x{200D}]]))", numbers::thousands_apart);
const NUMBERS_APART: Step = Step::Cut(r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))", numbers::numbers_apart);
const BEFORE_LINES: Step = Step::Cut(r"(?=\r\n)(?<!\n)|(?<![\r\n])(?=\n)", numbers::before_lines);
const JAIS_2: Step = Step::Cut(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1}",
    words::cut_jais_2,
);
const NO_CONTRACTIONS_1: Step =
    Step::Spaced(r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+");
const SEED_CODER: Step = Step::Spaced(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+",
);
// Published with possessive quantifiers, which match the same here: nothing that they take can be given back.
const BAILING: Step = Step::Spaced(
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
);
const EXAONE_MOE: Step = Step::Spaced(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+",
);
const K2_HORIZON: Step = Step::Spaced(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}|\p{M}|\x{200C}|\x{200D})+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
);
const KIMI_K2: Step = Step::Scan(
    r"[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    cased::scan::<3, true, true, false>,
);
const YOUTU_SCRIPTS: Step = Step::Regex("[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥\u{3040}-ゟ゠-ヿ]+");
const YOUTU: Step = Step::Scan(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    cased::scan::<1, true, false, true>,
);
const SPARK: Step = Step::Spaced(
    r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+"##,
);
const AFMOE_SCRIPTS: Step = Step::Regex(
    "[一-\u{9FFF}㐀-\u{4DBF}\u{F900}-\u{FAFF}\u{3040}-ゟ゠-ヿ･-ﾟ⼀-\u{2FDF}เ-\u{E7F}\u{E80}-\u{EFF}ក-\u{17FF}က-႟ꩠ-ꩿꧠ-\u{A9FF}가-\u{D7AF}ᄀ-ᇿ]+",
);
const BLOOM: Step = Step::Regex(r" ?[^(\s|.,!?…。，、।۔،)]+");
const CHAMELEON: &[Step] = &[
    Step::Regex("<sentinel:[0-9]+>"),
    Step::Regex("(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z"),
    Step::Regex(r"([\t\n]|    |  )"),
    SINGLE_NUMBERS,
    Step::Regex(r"[\p{P}!-/:-@\[-`{-~]"),
    GPT2,
];
const DEFAULT: &[Step] =
    &[Step::Regex(r"[\p{P}$+<=>^~|]+"), GPT2, Step::Regex(r"\p{N}+"), Step::Regex("[0-9][0-9][0-9]")];
