//! Which tokens end an answer, and other facts about special tokens that files leave unsaid.
//!
//! Files name one end-of-sequence token, but chat models end a turn with others. The texts below are those that
//! llama.cpp (`src/llama-vocab.cpp`) takes for ends; models of the named projects were trained with them.
use super::validate::is_matched;
use super::vocabulary::{Kind, TokenType, Vocabulary};

/// Fills in `eot` and `eom` where the file leaves them out, and collects `ends`.
pub(super) fn complete(vocabulary: &mut Vocabulary) {
    vocabulary.eot = vocabulary.eot.or_else(|| END_OF_TURN.iter().find_map(|text| find_end(vocabulary, text)));
    vocabulary.eom = vocabulary.eom.or_else(|| find_end(vocabulary, "<|eom_id|>"));
    let known = END_OF_TURN.iter().chain(OTHER_ENDS).filter_map(|text| find_end(vocabulary, text));
    let named = [vocabulary.eos, vocabulary.eot, vocabulary.eom].into_iter().flatten();
    let mut ends: Vec<u32> = known.chain(named).collect();
    // In formats with channels <|end|> closes a message in the middle of an answer and another token ends the answer.
    let has = |text| find(vocabulary, text).is_some();
    let channels = has("<|return|>") && has("<|call|>");
    let calls = (has("<|call|>") || has("<|calls|>")) && has("<|flush|>");
    if channels || calls {
        let message_end = find(vocabulary, "<|end|>");
        ends.retain(|id| Some(*id) != message_end || vocabulary.eos == message_end);
    }
    ends.sort_unstable();
    ends.dedup();
    vocabulary.ends = ends;
}

/// The special tokens whose originals are declared with `rstrip`, which GGUF cannot say.
///
/// Phi-3 is the one supported tokeniser that has them; it is recognised by its placeholder tokens.
pub(super) fn strip_after(vocabulary: &Vocabulary) -> Vec<u32> {
    let markers = ["<|placeholder1|>", "<|assistant|>", "<|endoftext|>"];
    let present = markers.iter().all(|text| find(vocabulary, text).is_some());
    if vocabulary.kind != Kind::SentencePiece || !present {
        return Vec::new();
    }
    let strips = |(text, kind): (&String, &TokenType)| {
        is_matched(*kind) && !matches!(text.as_str(), "<unk>" | "<s>" | "<|endoftext|>")
    };
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

fn find(vocabulary: &Vocabulary, text: &str) -> Option<u32> {
    let index = vocabulary.tokens.iter().position(|token| token == text)?;
    u32::try_from(index).ok()
}

/// An end must be a control token: Gemma 3, for one, has the HTML tag `</s>` as ordinary text. Texts between bars,
/// which nobody writes by accident, count with any type because converters have got theirs wrong.
fn find_end(vocabulary: &Vocabulary, text: &str) -> Option<u32> {
    let id = find(vocabulary, text)?;
    let control = vocabulary.types.get(id as usize) == Some(&TokenType::Control);
    (control || text.starts_with("<|") || text == "<end_of_turn>").then_some(id)
}
