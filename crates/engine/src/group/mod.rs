//! Many requests at once, as pure steps: one forward pass per step for all of them, so that each weight is read once.
//!
//! Requests join and leave between steps, each with its own settings, seed, end tokens and limits. A batch never changes
//! a bit, so every answer is the one that its request has alone. Which requests run at the same time is the caller's
//! to decide; a [`Group`] carries out what it is told.

mod paged;
#[cfg(test)]
mod tests;

pub use paged::Paged;

use crate::generation::{Answering, Error, Request, Step};
use std::ops::Range;

/// Logits of so many positions are computed at once.
const ROWS_AT_ONCE: usize = 64;

/// A model with the caches of many sequences, each known by a number that the caller gives. A sequence begins empty when
/// its number is first named, and the logits of a position depend on the tokens before it in its sequence alone.
pub trait ForwardMany {
    /// What can go wrong.
    type Error: std::error::Error;

    /// Number of logits per position.
    fn vocabulary(&self) -> usize;

    /// Most positions of one sequence.
    fn capacity(&self) -> usize;

    /// Forgets a sequence's positions from `length` on, and gives the memory of what is not needed any more back.
    fn truncate(&mut self, sequence: usize, length: usize);

    /// Appends each part to its sequence, and keeps the last rows of each, in the order of the parts, for
    /// [`ForwardMany::logits`]. No sequence is named twice.
    ///
    /// # Errors
    /// What the model reports, too little memory for the positions above all; no sequence has grown then.
    fn forward(&mut self, parts: &[Part<'_>]) -> Result<(), Self::Error>;

    /// The logits (`[rows][vocabulary]`) of some of the rows that the last call to [`ForwardMany::forward`] kept.
    ///
    /// # Errors
    /// What the model reports: a NaN, or rows that were not kept.
    fn logits(&mut self, rows: Range<usize>) -> Result<&[f32], Self::Error>;
}

/// Tokens to be appended to a sequence.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// The sequence.
    pub sequence: usize,
    /// The tokens, at least one.
    pub tokens: &'a [u32],
    /// How many of the last tokens' logits are wanted, at most as many as there are.
    pub rows: usize,
}

/// A request of a group, as long as it is a member; later members get other keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(u64);

/// What a step brought for one request.
#[derive(Debug)]
pub struct Event<E: std::error::Error> {
    /// The request.
    pub key: Key,
    /// Which rows of [`Group::logits`] belong to it: those of the part of its prompt that were wanted, or the one that
    /// chose its token. Empty where nothing was computed.
    pub rows: Range<usize>,
    /// What came of it. After an error, as after [`Step::Finished`], the request is no longer a member.
    pub step: Result<Step, Error<E>>,
}

/// Requests that are answered together.
#[derive(Debug)]
pub struct Group<M> {
    model: M,
    members: Vec<Member>,
    next_key: u64,
}

#[derive(Debug)]
struct Member {
    key: Key,
    /// Its number with the model.
    sequence: usize,
    answering: Answering,
    /// Its tokens in the cache.
    cached: usize,
}

/// One member's part of a step.
#[derive(Debug, Clone, Copy)]
struct Share {
    member: usize,
    /// Tokens of its prompt; 0 for a step of its answer.
    prefill: usize,
}

impl<M: ForwardMany> Group<M> {
    /// A group without members.
    pub fn new(model: M) -> Self {
        Self { model, members: Vec::new(), next_key: 0 }
    }

    /// The model.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// How many requests are under way.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether no request is under way.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Takes a request after checking that it can be carried out. Nothing is computed and no memory taken yet.
    ///
    /// # Errors
    /// A prompt that is empty, names an unknown token or leaves no room for an answer, or settings out of range.
    pub fn join(&mut self, request: Request) -> Result<Key, Error<M::Error>> {
        let answering = Answering::new(request, None, self.model.vocabulary(), self.model.capacity())?;
        let taken = |sequence: &usize| self.members.iter().any(|member| member.sequence == *sequence);
        // One of so many numbers is free.
        let sequence = (0..=self.members.len()).find(|sequence| !taken(sequence)).unwrap_or(self.members.len());
        let key = Key(self.next_key);
        self.next_key += 1;
        self.members.push(Member { key, sequence, answering, cached: 0 });
        Ok(key)
    }

    /// Gives a request up; one that is no member is passed over.
    pub fn leave(&mut self, key: Key) {
        let model = &mut self.model;
        self.members.retain(|member| {
            let stays = member.key != key;
            if !stays {
                model.truncate(member.sequence, 0);
            }
            stays
        });
    }

    /// Goes one step further with every member: each answer gets its next token, and prompts, in the order in which
    /// they joined, share `prefill` tokens (0 counts as 1), each at most the chunk of its request. A prompt that gets
    /// none waits. An answer that is over says so in the step of its last token.
    ///
    /// # Errors
    /// What the model reports of the batch as a whole, a full cache above all. No member has gone on then, so that the
    /// caller can have one leave and try again. What goes wrong with one member is in its [`Event`].
    pub fn step(&mut self, prefill: usize) -> Result<Vec<Event<M::Error>>, Error<M::Error>> {
        self.advance(self.shares(prefill.max(1)))
    }

    /// As [`Group::step`], but goes on with prompts alone: answers wait once they have their first token.
    ///
    /// # Errors
    /// As [`Group::step`].
    pub fn prefill(&mut self, prefill: usize) -> Result<Vec<Event<M::Error>>, Error<M::Error>> {
        let mut shares = self.shares(prefill.max(1));
        shares.retain(|share| share.prefill > 0);
        self.advance(shares)
    }

    fn advance(&mut self, shares: Vec<Share>) -> Result<Vec<Event<M::Error>>, Error<M::Error>> {
        let mut parts: Vec<Part<'_>> = Vec::with_capacity(shares.len());
        let waiting: Vec<[u32; 1]> = self.members.iter().map(Member::waiting).collect();
        for share in &shares {
            let (Some(member), Some(token)) = (self.members.get(share.member), waiting.get(share.member)) else {
                continue;
            };
            let prompt = member.answering.prefill(member.cached, share.prefill);
            let (tokens, rows) = prompt.map_or((&token[..], 1), |part| (part.tokens, part.rows));
            parts.push(Part { sequence: member.sequence, tokens, rows });
        }
        if parts.is_empty() {
            return Ok(Vec::new());
        }
        self.model.forward(&parts).map_err(Error::Model)?;
        let counts: Vec<(usize, usize)> = parts.iter().map(|part| (part.tokens.len(), part.rows)).collect();
        let (mut events, mut first, mut choosing) = (Vec::new(), 0, Vec::new());
        for (share, (tokens, rows)) in shares.iter().zip(counts) {
            let Some(member) = self.members.get_mut(share.member) else { continue };
            member.cached += tokens;
            let (done, total) = (member.cached, member.answering.prompt().len());
            let rows = first..first + rows;
            first = rows.end;
            if share.prefill > 0 {
                events.push(Event { key: member.key, rows: rows.clone(), step: Ok(Step::Prefill { done, total }) });
            }
            if done >= total {
                choosing.push((share.member, rows.end - 1));
            }
        }
        self.choose(&choosing, &mut events);
        for event in &events {
            if matches!(event.step, Err(_) | Ok(Step::Finished(_))) {
                self.leave(event.key);
            }
        }
        Ok(events)
    }

    /// The logits (`[rows][vocabulary]`) of some of the last step's rows.
    ///
    /// # Errors
    /// What the model reports: a NaN, or rows that are not there.
    pub fn logits(&mut self, rows: Range<usize>) -> Result<&[f32], Error<M::Error>> {
        self.model.logits(rows).map_err(Error::Model)
    }

    /// Who takes part in the next step, and how much of each prompt.
    fn shares(&self, mut prefill: usize) -> Vec<Share> {
        let mut shares = Vec::with_capacity(self.members.len());
        for (index, member) in self.members.iter().enumerate() {
            let left = member.answering.prompt().len().saturating_sub(member.cached);
            let part = left.min(prefill).min(member.answering.prefill_chunk());
            prefill -= part;
            if left == 0 || part > 0 {
                shares.push(Share { member: index, prefill: part });
            }
        }
        shares
    }

    /// Chooses the next token of each of these members by the logits of its row; rows ascend.
    fn choose(&mut self, choosing: &[(usize, usize)], events: &mut Vec<Event<M::Error>>) {
        let vocabulary = self.model.vocabulary().max(1);
        let capacity = self.model.capacity();
        // Rows that lie beside each other are computed together.
        let together = choosing.chunk_by(|(_, a), (_, b)| a + 1 == *b).flat_map(|run| run.chunks(ROWS_AT_ONCE));
        for run in together {
            let (Some((_, first)), Some((_, last))) = (run.first(), run.last()) else { continue };
            let all = self.model.logits(*first..last + 1).map(<[f32]>::to_vec);
            for (index, (member, row)) in run.iter().enumerate() {
                let Some(member) = self.members.get_mut(*member) else { continue };
                let chosen = match &all {
                    Ok(all) => {
                        let logits = all.chunks_exact(vocabulary).nth(index).unwrap_or_default();
                        member.choose(logits)
                    }
                    // One row's fault is no other's: each is asked for by itself.
                    Err(_) => match self.model.logits(*row..row + 1) {
                        Ok(logits) => member.choose(logits),
                        Err(error) => Err(Error::Model(error)),
                    },
                };
                let is_chosen = chosen.is_ok();
                events.push(Event { key: member.key, rows: *row..row + 1, step: chosen.map(Step::Token) });
                if let Some(finish) = member.answering.finish(capacity).filter(|_| is_chosen) {
                    events.push(Event { key: member.key, rows: 0..0, step: Ok(Step::Finished(finish)) });
                }
            }
        }
    }
}

impl Member {
    fn choose<E: std::error::Error>(&mut self, logits: &[f32]) -> Result<crate::sampling::Choice, Error<E>> {
        let chosen = self.answering.choose(logits, &mut crate::sampling::Scratch::default())?;
        chosen.ok_or(Error::Sampling(crate::sampling::Error::NoCandidates))
    }

    /// The token that a step of the answer computes; of no meaning while there is more of the prompt.
    fn waiting(&self) -> [u32; 1] {
        [self.answering.waiting(self.cached).first().copied().unwrap_or(0)]
    }
}
