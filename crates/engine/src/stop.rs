//! Stop strings, looked for in the text while it streams.
//!
//! Clause S18: the answer ends at the first byte at which any stop string is complete; where several end at the same byte, the one
//! that begins first counts. This does not depend on how the text is cut into pieces. Held back is exactly the longest
//! end of the text that is a beginning of a stop string, so that no part of a stop string is ever shown and nothing
//! waits longer than it must.
//!
//! Method: one automaton for each stop string, its state being how much of the string the text ends with (Knuth, Morris,
//! Pratt, "Fast pattern matching in strings", SIAM J. Comput. 6, 1977).

use crate::sampling::Error;

/// Most stop strings in a request.
pub const MAX_STOP_STRINGS: usize = 64;
/// Longest stop string in bytes of UTF-8.
pub const MAX_STOP_LENGTH: usize = 1024;

/// Looks for stop strings in a text that comes in pieces.
#[derive(Clone, Debug)]
pub struct StopMatcher {
    patterns: Vec<Pattern>,
    /// The end of the text that is not handed out yet; it begins and ends between characters.
    held: String,
    found: Option<usize>,
}

/// Outcome of one piece of text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Text that can be shown now.
    pub text: String,
    /// The stop string that is complete, as its place in the list given to [`StopMatcher::new`]. The text before it is
    /// shown, the stop string and what follows it never are.
    pub stop: Option<usize>,
}

impl StopMatcher {
    /// A matcher at the start of a text.
    ///
    /// # Errors
    /// [`Error::Parameters`] if there are more than [`MAX_STOP_STRINGS`], or if one is empty or longer than
    /// [`MAX_STOP_LENGTH`] bytes.
    pub fn new<S: AsRef<str>>(stops: &[S]) -> Result<Self, Error> {
        if stops.len() > MAX_STOP_STRINGS {
            let value = format_args!("{} strings long", stops.len());
            return Err(Error::parameter("stop", value, format!("at most {MAX_STOP_STRINGS} strings long")));
        }
        let mut patterns = Vec::with_capacity(stops.len());
        for stop in stops.iter().map(AsRef::as_ref) {
            if stop.is_empty() || stop.len() > MAX_STOP_LENGTH {
                let value = format_args!("given a string of {} bytes", stop.len());
                let allowed = format!("strings of 1 to {MAX_STOP_LENGTH} bytes");
                return Err(Error::parameter("stop", value, allowed));
            }
            patterns.push(Pattern::new(stop));
        }
        Ok(Self { patterns, held: String::new(), found: None })
    }

    /// Takes the next piece of the text. Once a stop string is found, everything further is ignored.
    pub fn push(&mut self, piece: &str) -> Progress {
        if self.found.is_some() {
            return self.progress(0);
        }
        let before = self.held.len();
        self.held.push_str(piece);
        for (at, byte) in piece.bytes().enumerate() {
            for pattern in &mut self.patterns {
                pattern.advance(byte);
            }
            let complete = self.patterns.iter().enumerate().filter(|(_, pattern)| pattern.is_complete());
            // The longest begins first; of equal strings the first in the list is named.
            let best = complete.min_by_key(|(index, pattern)| (usize::MAX - pattern.state, *index));
            if let Some((index, pattern)) = best {
                let start = (before + at + 1).saturating_sub(pattern.state);
                self.found = Some(index);
                self.held.truncate(start);
                return self.progress(start);
            }
        }
        let waiting = self.patterns.iter().map(|pattern| pattern.state).max().unwrap_or(0);
        self.progress(self.held.len().saturating_sub(waiting))
    }

    /// Ends the text: what was held back, as no stop string can come of it any more.
    pub fn finish(self) -> String {
        self.held
    }

    /// Length of text that is held back.
    pub fn held(&self) -> &str {
        &self.held
    }

    fn progress(&mut self, ready: usize) -> Progress {
        // A stop string begins with the first byte of a character, so `ready` is between characters.
        let rest = self.held.get(ready..).unwrap_or("").to_owned();
        let mut text = std::mem::replace(&mut self.held, rest);
        text.truncate(text.len() - self.held.len());
        Progress { text, stop: self.found }
    }
}

/// One stop string and how far the text matches it.
#[derive(Clone, Debug)]
struct Pattern {
    bytes: Vec<u8>,
    /// `shorter[n]`: the length of the longest proper end of the first `n + 1` bytes that the string also begins with.
    shorter: Vec<usize>,
    /// Number of the string's first bytes that the text ends with.
    state: usize,
}

impl Pattern {
    fn new(stop: &str) -> Self {
        let mut pattern = Self { bytes: stop.as_bytes().to_vec(), shorter: vec![0], state: 0 };
        // The string run through its own automaton, one byte behind.
        for &byte in stop.as_bytes().iter().skip(1) {
            pattern.advance(byte);
            pattern.shorter.push(pattern.state);
        }
        pattern.state = 0;
        pattern
    }

    fn advance(&mut self, byte: u8) {
        while self.bytes.get(self.state) != Some(&byte) {
            let Some(previous) = self.state.checked_sub(1) else {
                return;
            };
            self.state = self.shorter.get(previous).copied().unwrap_or(0);
        }
        self.state += 1;
    }

    fn is_complete(&self) -> bool {
        self.state == self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition on the whole text: (text before the stop string, index of the stop string).
    fn naive(text: &str, stops: &[String]) -> (String, Option<usize>) {
        for end in 1..=text.len() {
            let ends_here = |stop: &&(usize, &String)| text.as_bytes()[..end].ends_with(stop.1.as_bytes());
            let stops: Vec<_> = stops.iter().enumerate().collect();
            let longest = stops.iter().filter(ends_here).map(|(_, stop)| stop.len()).max();
            if let Some(length) = longest {
                let index = stops.iter().find(|stop| ends_here(stop) && stop.1.len() == length).unwrap().0;
                return (text[..end - length].to_owned(), Some(index));
            }
        }
        (text.to_owned(), None)
    }

    /// The longest end of `text` that is a proper beginning of a stop string.
    fn waiting<'a>(text: &'a str, stops: &[String]) -> &'a str {
        let begins = |tail: &&str| stops.iter().any(|stop| stop.starts_with(tail) && stop.len() > tail.len());
        let tails = text.char_indices().map(|(at, _)| &text[at..]);
        tails.into_iter().find(|tail| begins(tail)).unwrap_or("")
    }

    fn run(pieces: &[&str], stops: &[&str]) -> (Vec<String>, Option<usize>) {
        let mut matcher = StopMatcher::new(stops).unwrap();
        let progress: Vec<_> = pieces.iter().map(|piece| matcher.push(piece)).collect();
        let stop = progress.last().and_then(|last| last.stop);
        let mut texts: Vec<_> = progress.into_iter().map(|progress| progress.text).collect();
        texts.push(matcher.finish());
        (texts, stop)
    }

    #[test]
    fn holds_back_what_could_become_a_stop_string() {
        let check = |pieces: &[&str], stops: &[&str], texts: &[&str], stop| {
            let (got, found) = run(pieces, stops);
            assert_eq!((got.iter().map(String::as_str).collect::<Vec<_>>(), found), (texts.to_vec(), stop));
        };
        check(&["a\n", "\nb"], &["\n\n"], &["a", "", ""], Some(0));
        check(&["a\n", "b"], &["\n\n"], &["a", "\nb", ""], None);
        check(&["a\n"], &["\n\n"], &["a", "\n"], None);
        check(&["答:你好", "问", ":"], &["问:"], &["答:你好", "", "", ""], Some(0));
        check(&["aab", "aabaac", "more"], &["aabaac"], &["", "aab", "", ""], Some(0));
        check(&["xabcd"], &["abcd", "bc"], &["xa", ""], Some(1));
        check(&["xabc"], &["bc", "abc", "abc"], &["x", ""], Some(1));
        check(&["text"], &[], &["text", ""], None);
    }

    #[test]
    fn limits_are_named() {
        let refusal = |stops: &[String]| StopMatcher::new(stops).unwrap_err().to_string();
        let empty = refusal(&[String::new()]);
        assert_eq!(empty, "stop is given a string of 0 bytes, but must be strings of 1 to 1024 bytes");
        assert!(StopMatcher::new(&["x".repeat(MAX_STOP_LENGTH)]).is_ok());
        refusal(&["x".repeat(MAX_STOP_LENGTH + 1)]);
        let many = refusal(&vec!["x".to_owned(); MAX_STOP_STRINGS + 1]);
        assert_eq!(many, "stop is 65 strings long, but must be at most 64 strings long");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn streaming_equals_a_search_in_the_whole(
            pieces in prop::collection::vec("[ab合符]{0,5}", 0..8),
            stops in prop::collection::vec("[ab合符]{1,6}", 0..4),
        ) {
            let mut matcher = StopMatcher::new(&stops).unwrap();
            let (mut whole, mut shown) = (String::new(), String::new());
            for piece in &pieces {
                whole.push_str(piece);
                let (before, index) = naive(&whole, &stops);
                let progress = matcher.push(piece);
                shown.push_str(&progress.text);
                prop_assert_eq!(progress.stop, index);
                if index.is_some() {
                    prop_assert_eq!(&shown, &before);
                    prop_assert_eq!(matcher.held(), "");
                    prop_assert_eq!(matcher.push("ab"), Progress { text: String::new(), stop: index });
                    return Ok(());
                }
                prop_assert_eq!(matcher.held(), waiting(&whole, &stops));
            }
            shown.push_str(&matcher.finish());
            prop_assert_eq!(shown, whole);
        }
    }
}
