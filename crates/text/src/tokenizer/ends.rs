//! Tokens that end an answer, and other facts about special tokens that files leave unsaid.
//!
//! Files name one end-of-sequence token, but chat models end a turn with others. The texts below are those that
//! llama.cpp (`src/llama-vocab.cpp`) takes for ends; models of the named projects were trained with them.
use super::validate::is_matched;
use super::vocabulary::{Kind, TokenType, Vocabulary};
use foldhash::HashMap;

/// Fills in `eot` and `eom` where the file leaves them out, and collects `ends`.
pub(super) fn complete(vocabulary: &mut Vocabulary) {
    let names = Names::new(vocabulary);
    let eot = vocabulary.eot.or_else(|| END_OF_TURN.iter().find_map(|text| names.end(text)));
    let eom = vocabulary.eom.or_else(|| names.end("<|eom_id|>"));
    let known = END_OF_TURN.iter().chain(OTHER_ENDS).filter_map(|text| names.end(text));
    let mut ends: Vec<u32> = known.chain([vocabulary.eos, eot, eom].into_iter().flatten()).collect();
    // In formats with channels <|end|> closes a message in the middle of an answer and another token ends the answer.
    let has = |text| names.get(text).is_some();
    let channels = has("<|return|>") && has("<|call|>");
    let calls = (has("<|call|>") || has("<|calls|>")) && has("<|flush|>");
    let message_end = names.get("<|end|>").filter(|id| (channels || calls) && vocabulary.eos != Some(*id));
    ends.retain(|id| Some(*id) != message_end);
    ends.sort_unstable();
    ends.dedup();
    vocabulary.eot = eot.filter(|id| Some(*id) != message_end);
    vocabulary.eom = eom;
    vocabulary.ends = ends;
}

/// The special tokens whose originals are declared with `rstrip`, which GGUF cannot say.
///
/// Phi-3 is the one supported tokeniser that has them; it is recognised by its placeholder tokens.
pub(super) fn strip_after(vocabulary: &Vocabulary) -> Vec<u32> {
    let markers = ["<|placeholder1|>", "<|assistant|>", "<|endoftext|>"];
    let names = Names::new(vocabulary);
    let present = markers.iter().all(|text| names.get(text).is_some());
    if vocabulary.kind != Kind::SentencePiece || !present {
        return Vec::new();
    }
    let strips =
        |(text, kind): (&str, &TokenType)| is_matched(*kind) && !matches!(text, "<unk>" | "<s>" | "<|endoftext|>");
    let flags = vocabulary.tokens.iter().zip(&vocabulary.types).map(strips);
    (0..).zip(flags).filter_map(|(id, strips)| strips.then_some(id)).collect()
}

/// Ends of a turn, in the order in which they are preferred as `eot`.
const END_OF_TURN: &[&str] = &[
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "<｜end▁of▁sentence｜>",
    "<end_of_utterance>",
];

/// Further tokens after which nothing of the answer follows, those between files in code models included.
const OTHER_ENDS: &[&str] = &[
    "</s>",
    "<eos>",
    "[EOS]",
    "<|eom_id|>",
    "<|return|>",
    "<|call|>",
    "<|calls|>",
    "<|flush|>",
    "<turn|>",
    "<|tool_response>",
    "[e~[",
    "<|fim_pad|>",
    "<fim-pad>",
    "<fim_pad>",
    "<PAD>",
    "[PAD]",
    "<|fim_repo|>",
    "<|repo_name|>",
    "<fim-repo>",
    "<REPO>",
    "<reponame>",
    "<|file_sep|>",
];

/// The tokens whose texts look like names.
struct Names<'a> {
    ids: HashMap<&'a str, (u32, TokenType)>,
}

impl<'a> Names<'a> {
    fn new(vocabulary: &'a Vocabulary) -> Self {
        let typed = (0..).zip(vocabulary.tokens.iter().zip(&vocabulary.types));
        let named = typed.filter(|(_, (text, _))| text.starts_with(['<', '[', '_']));
        Self { ids: named.map(|(id, (text, kind))| (text, (id, *kind))).collect() }
    }

    fn get(&self, text: &str) -> Option<u32> {
        self.ids.get(text).map(|(id, _)| *id)
    }

    /// An end must be a control token: Gemma 3, for one, has the HTML tag `</s>` as ordinary text. Texts between bars,
    /// which nobody writes by accident, count with any type because converters have got theirs wrong.
    fn end(&self, text: &str) -> Option<u32> {
        let (id, kind) = self.ids.get(text)?;
        let is_end = *kind == TokenType::Control || text.starts_with("<|") || text == "<end_of_turn>";
        is_end.then_some(*id)
    }
}
