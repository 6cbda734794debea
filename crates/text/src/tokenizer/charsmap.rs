//! The character map of SentencePiece vocabularies: which characters are replaced by what before text is encoded.
//!
//! The map is a block of bytes: the length of a double array, the double array, and the replacements, each ended by a
//! zero byte. The double array (as the library Darts-clone lays it out) finds the place of the longest known sequence's
//! replacement. A unit of it holds the label of its node, whether a value is below it, and the offset of its children.
use super::Error;

/// A character map that is ready to be used.
#[derive(Default)]
pub(super) struct CharactersMap {
    units: Vec<u32>,
    replacements: String,
}

impl CharactersMap {
    /// Reads the block; an empty one replaces nothing.
    pub(super) fn new(block: &[u8]) -> Result<Self, Error> {
        if block.is_empty() {
            return Ok(Self::default());
        }
        let (length, rest) = block.split_first_chunk::<4>().ok_or(Error::CharactersMap)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| Error::CharactersMap)?;
        let (array, texts) = rest.split_at_checked(length).filter(|_| length % 4 == 0).ok_or(Error::CharactersMap)?;
        let (units, _) = array.as_chunks::<4>();
        let replacements = std::str::from_utf8(texts).ok().filter(|texts| texts.ends_with('\0'));
        Ok(Self {
            units: units.iter().map(|unit| u32::from_le_bytes(*unit)).collect(),
            replacements: replacements.ok_or(Error::CharactersMap)?.to_owned(),
        })
    }

    /// Hands the text, piece by piece and with its replacements, to `each`.
    pub(super) fn pieces(&self, text: &str, mut each: impl FnMut(&str)) {
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            let (length, piece) = self.longest(rest).unwrap_or_else(|| {
                let length = character.len_utf8();
                (length, rest.get(..length).unwrap_or_default())
            });
            each(piece);
            rest = rest.get(length..).unwrap_or_default();
        }
    }

    /// The length of the longest known sequence that `text` begins with, and its replacement.
    fn longest<'a>(&'a self, text: &str) -> Option<(usize, &'a str)> {
        let mut node = offset(*self.units.first()?);
        let mut longest = None;
        for (index, byte) in text.bytes().enumerate() {
            node ^= usize::from(byte);
            let Some(unit) = self.units.get(node).filter(|unit| *unit & 0x8000_00FF == u32::from(byte)) else { break };
            node ^= offset(*unit);
            if unit >> 8 & 1 == 1 {
                longest = self.units.get(node).map(|value| (index + 1, (value & 0x7FFF_FFFF) as usize));
            }
        }
        let (length, place) = longest.filter(|(length, _)| text.is_char_boundary(*length))?;
        let (replacement, _) = self.replacements.get(place..)?.split_once('\0')?;
        Some((length, replacement))
    }
}

fn offset(unit: u32) -> usize {
    ((unit >> 10) << ((unit & 0x200) >> 6)) as usize
}
