//! Taking answers apart that are messages in channels.

use super::ToolParser;
use super::call::Call;
use super::channels::Channel;
use super::markers::{CHANNEL, MESSAGE, MESSAGE_END, START};
use super::parser::{State, held_back};

/// Longest header that is waited for, in bytes.
const MAX_HEADER_BYTES: usize = 512;
/// Beginnings of a header. After the prompt's own beginning of a message only its rest follows.
const HEADERS: [&str; 5] = [START, CHANNEL, MESSAGE, "assistant<|", "to=functions."];
const ENDS: [&str; 4] = [MESSAGE_END, "<|return|>", "<|call|>", START];

impl ToolParser {
    /// Reads what stands before what a message holds.
    pub(super) fn header(&mut self, ended: bool) -> bool {
        let rest = self.buffer.trim_start();
        let is_header = HEADERS.iter().any(|header| rest.starts_with(header));
        let may_be = HEADERS.iter().any(|header| header.starts_with(rest));
        if let Some(end) = self.buffer.find(MESSAGE).filter(|end| is_header && *end <= MAX_HEADER_BYTES) {
            let header: String = self.buffer.drain(..end + MESSAGE.len()).collect();
            self.state = State::Message(Channel::of_header(&header));
        } else if !ended && (may_be || is_header && self.buffer.len() <= MAX_HEADER_BYTES) {
            return false;
        } else {
            self.state = State::Message(Channel::Said);
        }
        true
    }

    /// Reads what a message holds.
    pub(super) fn message(&mut self, channel: &Channel, ended: bool) -> bool {
        let found = ENDS.iter().filter_map(|end| self.buffer.find(end).map(|at| (at, *end))).min();
        if let Some((at, end)) = found {
            let held: String = self.buffer.drain(..at).collect();
            self.give(channel, &held);
            if end != START {
                self.buffer.drain(..end.len());
            }
            self.state = State::Header;
            // A text that begins like a header but is none would be read for ever.
            if end == START && at == 0 && *channel == Channel::Said {
                let mark: String = self.buffer.drain(..START.len()).collect();
                self.give_text(&mark);
                self.state = State::Message(Channel::Said);
            }
            return true;
        }
        if ended {
            let held = std::mem::take(&mut self.buffer);
            self.give(channel, &held);
        } else if !matches!(channel, Channel::Call(_)) {
            let certain = held_back(&self.buffer, &ENDS);
            let held: String = self.buffer.drain(..certain).collect();
            self.give(channel, &held);
        }
        false
    }

    fn give(&mut self, channel: &Channel, held: &str) {
        match channel {
            Channel::Said => self.give_text(held),
            Channel::Thought => self.give_reasoning(held),
            Channel::Call(name) => match Call::new(name, held) {
                Some(call) => self.give_call(call),
                None => self.give_text(held),
            },
        }
    }
}
