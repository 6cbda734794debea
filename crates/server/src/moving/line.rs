//! Lines: what a server says of an answer that it computes for another one.

use super::MAX_LINE_BYTES;
use super::letter::{Letter, TextDigest};
use hefu_engine::FinishReason;
use hefu_engine::sampling::Choice;
use hefu_engine::scheduler::Event;
use serde::{Deserialize, Serialize};

/// One line, as JSON. An empty one shows that the server lives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Line {
    /// The answer is taken: the digest of the letter as it was read.
    Accepted { digest: String },
    /// It has left the queue, with so many tokens of its prompt in the cache.
    Started { reused: usize },
    /// So much of its prompt is computed.
    Prefill { done: usize, total: usize },
    /// A token, and the bits of its log-probability and of those of the likeliest in its place, if they are asked for.
    Token { index: usize, id: u32, logprob: Option<u32>, top: Vec<(u32, u32)> },
    /// It is over; the digest is that of all tokens of prompt and answer.
    Finished { reason: FinishReason, digest: String },
    /// It does not go on here.
    Failed { sentence: String },
}

/// What an answer has had so far, by which its lines are written and checked.
#[derive(Debug)]
pub(super) struct Place {
    /// The digest of the letter.
    letter: String,
    is_accepted: bool,
    text: TextDigest,
    /// The number of its next token.
    next: usize,
}

impl Place {
    /// Where a letter leaves off.
    pub(super) fn of(letter: &Letter) -> Self {
        Self { letter: letter.digest.clone(), is_accepted: false, text: letter.text(), next: letter.answered.len() }
    }

    /// The first line.
    pub(super) fn accept(&mut self) -> Line {
        self.is_accepted = true;
        Line::Accepted { digest: self.letter.clone() }
    }

    /// The line for an event; `None` for one that nobody needs.
    pub(super) fn tell(&mut self, event: Event) -> Option<Line> {
        Some(match event {
            Event::Started { reused } | Event::Shared { reused } => Line::Started { reused },
            Event::Prefill { done, total } => Line::Prefill { done, total },
            Event::Token(Choice { id, logprob, top }) => {
                let index = self.push(id);
                let top = top.into_iter().map(|(id, logprob)| (id, logprob.to_bits())).collect();
                Line::Token { index, id, logprob: logprob.map(f32::to_bits), top }
            }
            // Whoever it is computed for has a clock of its own.
            Event::Finished(FinishReason::Deadline) => {
                Line::Failed { sentence: "the time that is left to it is over".to_owned() }
            }
            Event::Finished(reason) => Line::Finished { reason, digest: self.text.value() },
            Event::Failed(failure) => Line::Failed { sentence: failure.to_string() },
            _ => return None,
        })
    }

    /// The event that a line tells of, once it is seen to be the one that comes next.
    ///
    /// # Errors
    /// One sentence: the answer cannot go on from what comes.
    pub(super) fn hear(&mut self, line: Line) -> Result<Option<Event>, String> {
        if let Line::Accepted { digest } = &line {
            let is_right = !self.is_accepted && *digest == self.letter;
            self.is_accepted = true;
            return if is_right { Ok(None) } else { Err("it took another letter than was sent".to_owned()) };
        }
        if !self.is_accepted {
            return Err("it did not say that it takes the answer".to_owned());
        }
        Ok(Some(match line {
            Line::Accepted { .. } => return Ok(None),
            Line::Started { reused } => Event::Started { reused },
            Line::Prefill { done, total } => Event::Prefill { done, total },
            Line::Token { index, id, logprob, top } => {
                if index != self.next {
                    return Err(format!("it sent token {index} where token {} was to come", self.next));
                }
                self.push(id);
                let top = top.into_iter().map(|(id, bits)| (id, f32::from_bits(bits))).collect();
                Event::Token(Choice { id, logprob: logprob.map(f32::from_bits), top })
            }
            Line::Finished { reason, digest } => {
                if digest != self.text.value() {
                    return Err("the digest of its tokens is another one than that of those it sent".to_owned());
                }
                if !matches!(reason, FinishReason::EndToken | FinishReason::MaxTokens | FinishReason::Complete) {
                    return Err(format!("it ended the answer for a reason of its own: {reason:?}"));
                }
                Event::Finished(reason)
            }
            Line::Failed { sentence } => return Err(sentence),
        }))
    }

    /// The digest of all tokens of prompt and answer so far.
    pub(super) fn digest(&self) -> String {
        self.text.value()
    }

    fn push(&mut self, id: u32) -> usize {
        self.text.push(id);
        self.next += 1;
        self.next - 1
    }
}

impl Line {
    /// The line with its end.
    pub(super) fn text(&self) -> String {
        // Numbers and texts can always be written.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }
}

/// Takes bytes apart into lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    /// Bytes before this place hold no end of a line.
    looked: usize,
}

impl Lines {
    /// More bytes.
    ///
    /// # Errors
    /// One sentence, for a line that does not end.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), String> {
        if self.bytes.len().saturating_add(bytes.len()) > MAX_LINE_BYTES {
            return Err(format!("it sent a line of more than {MAX_LINE_BYTES} bytes"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// The next line that says something, once all of it has come.
    ///
    /// # Errors
    /// One sentence, for a line that is none.
    pub(super) fn next(&mut self) -> Result<Option<Line>, String> {
        loop {
            let rest = self.bytes.get(self.looked..).unwrap_or_default();
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                self.looked = self.bytes.len();
                return Ok(None);
            };
            let end = self.looked + end;
            let line: Vec<u8> = self.bytes.drain(..=end).collect();
            self.looked = 0;
            let line = line.trim_ascii();
            if !line.is_empty() {
                let read = serde_json::from_slice(line);
                return read.map(Some).map_err(|error| format!("what it sent cannot be read: {error}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::letter::tests::letter;
    use super::*;
    use hefu_engine::scheduler::Failure;
    use proptest::prelude::*;

    fn token(id: u32) -> Event {
        let logprob = f32::from_bits(0xbf13_5791);
        Event::Token(Choice { id, logprob: Some(logprob), top: vec![(id, logprob), (1, f32::NEG_INFINITY)] })
    }

    /// What comes through, cut into pieces of so many bytes.
    fn carried(events: &[Event], piece: usize) -> Result<Vec<Event>, String> {
        let letter = letter();
        let (mut there, mut here) = (Place::of(&letter), Place::of(&letter));
        let mut text = there.accept().text();
        events.iter().filter_map(|event| there.tell(event.clone())).for_each(|line| text += &(line.text() + "\n"));
        let (mut lines, mut heard) = (Lines::default(), Vec::new());
        for bytes in text.as_bytes().chunks(piece) {
            lines.push(bytes)?;
            while let Some(line) = lines.next()? {
                heard.extend(here.hear(line)?);
            }
        }
        Ok(heard)
    }

    #[test]
    fn events_come_through_to_the_bit() {
        let end = Event::Finished(FinishReason::EndToken);
        let events = [Event::Started { reused: 2 }, Event::Prefill { done: 1, total: 2 }, token(9), token(4), end];
        for piece in [1, 7, 1000] {
            assert_eq!(carried(&events, piece).unwrap(), events);
        }
        let late = carried(&[token(9), Event::Finished(FinishReason::Deadline)], 5).unwrap_err();
        assert!(late.contains("time"), "{late}");
        let failed = carried(&[Event::Failed(Failure::Model("a NaN".to_owned()))], 5).unwrap_err();
        assert!(failed.contains("a NaN"), "{failed}");
    }

    #[test]
    fn a_gap_a_repeat_and_another_answer_are_noticed() {
        let letter = letter();
        let accepted = || Line::Accepted { digest: letter.digest.clone() };
        let token = |index| Line::Token { index, id: 1, logprob: None, top: Vec::new() };
        let end = |digest: &str| Line::Finished { reason: FinishReason::EndToken, digest: digest.to_owned() };
        let context = Line::Finished { reason: FinishReason::Context, digest: letter.text().value() };
        for (lines, word) in [
            (vec![token(3)], "did not say"),
            (vec![Line::Accepted { digest: "0".to_owned() }], "another letter"),
            (vec![accepted(), accepted()], "another letter"),
            (vec![accepted(), token(4)], "token 4 where token 3"),
            (vec![accepted(), token(3), token(3)], "token 3 where token 4"),
            (vec![accepted(), token(3), end("00")], "digest"),
            (vec![accepted(), context], "reason of its own"),
            (vec![accepted(), Line::Failed { sentence: "no more".to_owned() }], "no more"),
        ] {
            let mut place = Place::of(&letter);
            let outcome: Result<Vec<_>, String> = lines.into_iter().map(|line| place.hear(line)).collect();
            let sentence = outcome.unwrap_err();
            assert!(sentence.contains(word), "{word}: {sentence}");
        }
        let mut lines = Lines::default();
        assert!(lines.push(&vec![b'a'; MAX_LINE_BYTES + 1]).unwrap_err().contains("bytes"));
    }

    proptest! {
        #[test]
        fn no_bytes_trip_it(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..8)) {
            let (mut lines, mut place) = (Lines::default(), Place::of(&letter()));
            for piece in pieces {
                let _ = lines.push(&piece);
                while let Ok(Some(line)) = lines.next() {
                    let _ = place.hear(line);
                }
            }
        }
    }
}
