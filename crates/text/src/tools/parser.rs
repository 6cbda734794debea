//! Taking an answer apart while it streams.

use super::channels::Channel;
use super::take::{Taken, Taker};
use super::{Reasoning, Style, ToolFormat};
use serde_json::Value;
use std::collections::BTreeSet;

/// Markers that turn out to begin no call before the rest of an answer is taken as text: a bound on the work that a
/// hostile answer can cause.
const MAX_BROKEN: usize = 64;

/// A part of an answer. Neighbouring texts belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The model's words.
    Text(String),
    /// The model's thoughts before.
    Reasoning(String),
    /// A call begins.
    CallStart {
        /// Number of the call in the answer, from 0.
        index: usize,
        /// The function's name.
        name: String,
    },
    /// Arguments of the call; all pieces of a call together are one JSON object, as the model wrote it.
    CallArguments {
        /// The call's number.
        index: usize,
        /// The next part of the arguments.
        piece: String,
    },
}

/// Takes one answer apart. The same answer gives the same texts and calls however it is cut into pieces.
///
/// A call is handed out when it is complete and known to be one. White space around calls and around reasoning is
/// left out; without calls and reasoning the texts together are the answer.
#[derive(Clone, Debug)]
pub struct ToolParser {
    taker: Option<Taker>,
    names: BTreeSet<String>,
    /// Text that is not decided yet.
    pub(super) buffer: String,
    pub(super) state: State,
    pub(super) calls: usize,
    broken: usize,
    pub(super) pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Before anything but white space; reasoning may begin.
    Start(Style),
    /// In reasoning; at its beginning if nothing of it was handed out.
    Reasoning { style: Style, empty: bool },
    /// Before a message, or in what stands before what it holds.
    Header,
    /// In what a message holds.
    Message(Channel),
    /// Where a call without a marker may stand. White space is left out if something came before.
    Fresh { trim: bool },
    /// In text.
    Text,
}

impl ToolParser {
    /// A parser for an answer whose prompt offers tools in this format; `None` for one that offers none.
    pub fn new(format: Option<ToolFormat>) -> Self {
        Self {
            taker: format.map(Taker::new),
            names: BTreeSet::new(),
            buffer: String::new(),
            state: if format == Some(ToolFormat::Harmony) { State::Header } else { State::Fresh { trim: false } },
            calls: 0,
            broken: 0,
            pieces: Vec::new(),
        }
    }

    /// The same parser for an answer that reasons.
    #[must_use]
    pub fn reasoning(mut self, reasoning: Reasoning) -> Self {
        self.state = match reasoning {
            _ if self.state == State::Header => State::Header,
            Reasoning::None => State::Fresh { trim: false },
            Reasoning::Possible(style) => State::Start(style),
            Reasoning::Open(style) => State::Reasoning { style, empty: true },
            Reasoning::Channels => State::Header,
        };
        self
    }

    /// The same parser knowing the JSON schema of a tool's arguments: it decides what is text in formats that write
    /// arguments without quotes.
    #[must_use]
    pub fn parameters(mut self, tool: &str, schema: &Value) -> Self {
        if let Some(taker) = &mut self.taker {
            taker.types.add(tool, schema);
        }
        self
    }

    /// The same parser knowing the tools' names. In formats without markers, JSON that names none of them is text; in
    /// the others a call of an unknown tool is a call, for whoever carries it out to refuse.
    #[must_use]
    pub fn tools<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.names = names.into_iter().map(Into::into).collect();
        self
    }

    /// The pieces that are certain once `text` has arrived.
    pub fn push(&mut self, text: &str) -> Vec<Piece> {
        self.buffer.push_str(text);
        while self.step(false) {}
        std::mem::take(&mut self.pieces)
    }

    /// The pieces that are left when the answer is over.
    pub fn finish(&mut self) -> Vec<Piece> {
        while !self.buffer.is_empty() && self.step(true) {}
        std::mem::take(&mut self.pieces)
    }

    /// Calls handed out so far.
    pub fn calls(&self) -> usize {
        self.calls
    }

    /// Decides about the beginning of the buffer. `false`: nothing more can be decided.
    fn step(&mut self, ended: bool) -> bool {
        match self.state.clone() {
            State::Start(style) => self.start(style, ended),
            State::Reasoning { style, empty } => self.think(style, empty, ended),
            State::Header => self.header(ended),
            State::Message(channel) => self.message(&channel, ended),
            State::Fresh { trim } => self.fresh(trim, ended),
            State::Text => self.text(ended),
        }
    }

    fn start(&mut self, style: Style, ended: bool) -> bool {
        let rest = self.buffer.trim_start();
        if rest.starts_with(style.begin()) {
            let end = self.buffer.len() - rest.len() + style.begin().len();
            self.buffer.drain(..end);
            self.state = State::Reasoning { style, empty: true };
        } else if !ended && style.begin().starts_with(rest) {
            return false;
        } else {
            self.state = State::Fresh { trim: false };
        }
        true
    }

    fn think(&mut self, style: Style, empty: bool, ended: bool) -> bool {
        if empty {
            self.trim_buffer();
        }
        if let Some(end) = self.buffer.find(style.end()) {
            let thought: String = self.buffer.drain(..end + style.end().len()).collect();
            self.give_reasoning(thought.get(..end).unwrap_or("").trim_end());
            self.state = State::Fresh { trim: true };
            return true;
        }
        let kept = if ended { self.buffer.trim_end().len() } else { held_back(&self.buffer, &[style.end()]) };
        let thought: String = self.buffer.drain(..kept).collect();
        if !thought.is_empty() {
            self.state = State::Reasoning { style, empty: false };
        }
        self.give_reasoning(&thought);
        if ended {
            self.buffer.clear();
        }
        false
    }

    fn fresh(&mut self, trim: bool, ended: bool) -> bool {
        if trim {
            self.trim_buffer();
        }
        let taker = self.taker.as_ref().filter(|taker| !taker.needs_names() || !self.names.is_empty());
        let openers = taker.map_or(&[][..], Taker::first_openers);
        let mut rest = self.buffer.trim_start();
        // Where several calls are written without markers, these stand between them.
        if let Some(after) = rest.strip_prefix([';', ',']).filter(|_| trim && self.calls > 0 && !openers.is_empty()) {
            rest = after.trim_start();
        }
        let undecided = |opener: &&str| opener.starts_with(rest) && opener.len() > rest.len();
        if !ended && (rest.is_empty() || openers.iter().any(undecided)) {
            return false;
        }
        if openers.iter().any(|opener| rest.starts_with(opener)) {
            match self.take(self.buffer.len() - rest.len(), ended) {
                Taken::More => return false,
                Taken::Broken => {}
                Taken::Calls(..) => return true,
            }
        }
        self.state = State::Text;
        true
    }

    fn text(&mut self, ended: bool) -> bool {
        let openers = self.taker.as_ref().map_or(&[][..], Taker::openers);
        let found = openers.iter().filter_map(|opener| self.buffer.find(opener).map(|at| (at, opener.len()))).min();
        let Some((at, length)) = found.filter(|_| self.broken < MAX_BROKEN) else {
            let kept = if ended { self.buffer.len() } else { held_back(&self.buffer, openers) };
            let text: String = self.buffer.drain(..kept).collect();
            self.give_text(&text);
            return false;
        };
        match self.take(at, ended) {
            Taken::More => {
                // The part before the marker is text in any case, but for the space that a call would swallow.
                let certain = self.buffer.get(..at).unwrap_or("").trim_end().len();
                let text: String = self.buffer.drain(..certain).collect();
                self.give_text(&text);
                false
            }
            Taken::Broken => {
                let text: String = self.buffer.drain(..at + length).collect();
                self.give_text(&text);
                true
            }
            Taken::Calls(..) => true,
        }
    }

    /// Takes the calls that begin at `at`, and what stands before them as text.
    fn take(&mut self, at: usize, ended: bool) -> Taken {
        let Some(taker) = &mut self.taker else { return Taken::Broken };
        let text = self.buffer.get(at..).unwrap_or("");
        let taken = match taker.take(text, ended) {
            Taken::Calls(calls, _) if taker.needs_known_name(text) && !all_known(&calls, &self.names) => Taken::Broken,
            taken => taken,
        };
        match taken {
            Taken::More => Taken::More,
            Taken::Broken => {
                taker.reset();
                self.broken += 1;
                Taken::Broken
            }
            Taken::Calls(calls, length) => {
                taker.reset();
                let taken: String = self.buffer.drain(..at + length).collect();
                if self.state == State::Text {
                    self.give_text(taken.get(..at).unwrap_or("").trim_end());
                }
                calls.into_iter().for_each(|call| self.give_call(call));
                self.state = State::Fresh { trim: true };
                Taken::Calls(Vec::new(), length)
            }
        }
    }

    pub(super) fn give_call(&mut self, call: super::call::Call) {
        self.pieces.push(Piece::CallStart { index: self.calls, name: call.name });
        self.pieces.push(Piece::CallArguments { index: self.calls, piece: call.arguments });
        self.calls += 1;
    }

    pub(super) fn give_text(&mut self, text: &str) {
        match self.pieces.last_mut() {
            _ if text.is_empty() => {}
            Some(Piece::Text(last)) => last.push_str(text),
            _ => self.pieces.push(Piece::Text(text.to_owned())),
        }
    }

    pub(super) fn give_reasoning(&mut self, text: &str) {
        match self.pieces.last_mut() {
            _ if text.is_empty() => {}
            Some(Piece::Reasoning(last)) => last.push_str(text),
            _ => self.pieces.push(Piece::Reasoning(text.to_owned())),
        }
    }

    fn trim_buffer(&mut self) {
        let space = self.buffer.len() - self.buffer.trim_start().len();
        self.buffer.drain(..space);
    }
}

fn all_known(calls: &[super::call::Call], names: &BTreeSet<String>) -> bool {
    names.is_empty() || calls.iter().all(|call| names.contains(&call.name))
}

/// Bytes of `text` that can be handed out while one of `openers` may yet begin in it: all but its last
/// characters that begin one, and the white space before them, which a call would swallow.
pub(super) fn held_back(text: &str, openers: &[&str]) -> usize {
    if openers.is_empty() {
        return text.len();
    }
    let longest = openers.iter().map(|opener| opener.len() - 1).max().unwrap_or(0);
    let first = text.len().saturating_sub(longest);
    let begins = |at: &usize| {
        let rest = text.get(*at..).unwrap_or("");
        !rest.is_empty() && openers.iter().any(|opener| opener.starts_with(rest))
    };
    let at = (first..text.len()).filter(|at| text.is_char_boundary(*at)).find(begins).unwrap_or(text.len());
    text.get(..at).unwrap_or("").trim_end().len()
}
