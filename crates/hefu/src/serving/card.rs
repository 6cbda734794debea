//! Description of a model before it is loaded: names, sizes, and the context that it is served with.

use hefu_model::gguf::Gguf;

/// Positions of one conversation unless `--context` says otherwise; fewer if the model was made for fewer, or where memory is
/// short. The prompts of agents alone have 7,000 to 19,000.
pub(super) const DEFAULT_CONTEXT: usize = 32_768;
/// The context is not made smaller than this to fit in memory.
const LEAST_CONTEXT: usize = 2048;
/// Unless `--cache-tokens` says otherwise, the cache has room for so many conversations of full length, if memory has.
const CONVERSATIONS: usize = 2;

/// The context of one conversation, and the positions of the cache that all of them share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) context: usize,
    pub(super) positions: usize,
}

/// Room of a model: what was asked for, else as much as memory bears.
///
/// # Errors
/// One sentence, if what was asked for does not fit together.
pub(super) fn room(
    name: &str,
    most: usize,
    context: Option<usize>,
    positions: Option<usize>,
    fits: impl Fn(usize) -> bool,
) -> Result<Room, String> {
    if let Some(context) = context.filter(|context| *context > most) {
        return Err(format!("--context {context} is more than the {most} positions that {name} was made for"));
    }
    if let Some(positions) = positions {
        let context = context.unwrap_or_else(|| DEFAULT_CONTEXT.min(most).min(positions));
        return match positions < context {
            false => Ok(Room { context, positions }),
            true => Err(format!("--cache-tokens {positions} is less than one conversation of {context} tokens takes")),
        };
    }
    let mut room = context.unwrap_or(DEFAULT_CONTEXT.min(most));
    loop {
        let several = room.saturating_mul(CONVERSATIONS);
        if let Some(positions) = [several, room].into_iter().find(|positions| fits(*positions)) {
            return Ok(Room { context: room, positions });
        }
        if context.is_some() || room <= LEAST_CONTEXT {
            // Whatever it takes: the registry says what is missing.
            return Ok(Room { context: room, positions: room });
        }
        room = (room / 2).max(LEAST_CONTEXT);
    }
}

/// The name of how a file's weights are stored, as those who made it call it (`general.file_type`, llama.cpp's numbers).
pub(super) fn quantization(gguf: &Gguf<'_>) -> Option<&'static str> {
    let number = gguf.metadata().unsigned("general.file_type").ok().flatten()?;
    Some(match number {
        0 => "F32",
        1 => "F16",
        2 => "Q4_0",
        3 => "Q4_1",
        7 => "Q8_0",
        8 => "Q5_0",
        9 => "Q5_1",
        10 => "Q2_K",
        11 => "Q3_K_S",
        12 => "Q3_K_M",
        13 => "Q3_K_L",
        14 => "Q4_K_S",
        15 => "Q4_K_M",
        16 => "Q5_K_S",
        17 => "Q5_K_M",
        18 => "Q6_K",
        19 => "IQ2_XXS",
        20 => "IQ2_XS",
        21 => "Q2_K_S",
        22 => "IQ3_XS",
        23 => "IQ3_XXS",
        24 => "IQ1_S",
        25 => "IQ4_NL",
        26 => "IQ3_S",
        27 => "IQ3_M",
        28 => "IQ2_S",
        29 => "IQ2_M",
        30 => "IQ4_XS",
        31 => "IQ1_M",
        32 => "BF16",
        36 => "TQ1_0",
        37 => "TQ2_0",
        38 => "MXFP4_MOE",
        _ => return None,
    })
}

/// A number that a file states of its family, `embedding_length` for example; 0 if it does not.
pub(super) fn number(gguf: &Gguf<'_>, family: &str, key: &str) -> u64 {
    gguf.metadata().unsigned(&format!("{family}.{key}")).ok().flatten().unwrap_or(0)
}

/// A further name of a model, `ALIAS` for the first one or `ALIAS=MODEL`.
pub(super) fn alias(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once('=') {
        Some((alias, model)) => (alias, Some(model)),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_context_is_what_was_asked_for_or_what_memory_bears() {
        let of = |context, positions, memory: usize| room("m", 131_072, context, positions, |found| found <= memory);
        let is = |context, positions| Ok(Room { context, positions });
        assert_eq!(of(None, None, 1 << 20), is(32_768, 65_536));
        assert_eq!(of(None, None, 50_000), is(32_768, 32_768));
        assert_eq!(of(None, None, 20_000), is(16_384, 16_384));
        assert_eq!(of(None, None, 10), is(2048, 2048));
        assert_eq!(of(Some(100_000), None, 10), is(100_000, 100_000));
        assert_eq!(of(Some(1000), Some(1500), 10), is(1000, 1500));
        assert_eq!(of(None, Some(9000), 10), is(9000, 9000));
        assert_eq!(room("m", 512, None, None, |_| true), is(512, 1024));
        assert!(of(Some(200_000), None, 10).unwrap_err().contains("--context"));
        assert!(of(Some(2000), Some(1999), 10).unwrap_err().contains("--cache-tokens"));
    }

    #[test]
    fn an_alias_may_hold_what_names_hold() {
        assert_eq!(alias("gpt-4o"), ("gpt-4o", None));
        assert_eq!(alias("openai/gpt-4o:latest=gemma"), ("openai/gpt-4o:latest", Some("gemma")));
    }
}
