//! A text that is looked at, pass by pass.

use super::edit::{Edit, Feeds, edited};
use super::findings::{Findings, Seen, Why};
use super::lens::Lens;
use super::ranges::Ranges;
use super::reader::{Pass, ROWS, Reader, size};
use super::refusal::Refusal;
use super::shares::{Keys, Place};
use super::sinks;
use super::visible::Source;
use super::wanted::{Probe, Wanted, probes};
use crate::sampling::{Candidate, History, Parameters, explain};
use hefu_numerics::device::Model;
use hefu_numerics::program::Program;
use hefu_numerics::reference::Shares;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most bytes that the states of one text and what lies between its operations may take: 1 GiB.
pub const MAX_MEMORY: usize = 1 << 30;

/// A text, and what is to be seen of it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Prompt and answer.
    pub tokens: Vec<u32>,
    /// Tokens of the prompt.
    pub prompt: usize,
    /// Settings by which the answer's tokens were chosen.
    pub parameters: Parameters,
    /// Requested values.
    pub wanted: Wanted,
    /// Most numbers that are seen.
    pub most_numbers: usize,
    /// Edits.
    pub edits: Vec<Edit>,
    /// Way of making an answer while it is looked at.
    pub making: Making,
}

/// An answer that is made while it is looked at: of an edited model nobody else makes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Making {
    /// Most tokens that are made after those that there are.
    pub tokens: usize,
    /// Tokens that end it.
    pub ends: BTreeSet<u32>,
}

/// A text under way.
pub struct Inspection {
    asked: Asked,
    reader: Reader,
    lens: Option<Lens>,
    /// Wanted values, with what was seen of them and, of attention, the keys.
    probes: Vec<(Probe, Seen, Option<Keys>)>,
    steps: Vec<Why>,
}

impl Inspection {
    /// Takes what is asked. Nothing is computed yet.
    ///
    /// # Errors
    /// Names that nothing has, tokens that the model does not have, or more numbers or memory than is allowed.
    pub fn new(model: &Model, asked: Asked) -> Result<Self, Refusal> {
        check(&model.program, &asked)?;
        let tokens = asked.tokens.len() + asked.making.tokens;
        let (model, feeds) = with_edits(model, &asked.edits, tokens)?;
        let (model, program) = (&model, &*model.program);
        let probes = probes(program, &asked.wanted, tokens, asked.most_numbers)?;
        check_memory(model, tokens, &probes)?;
        let mut values: Vec<_> = probes.iter().flat_map(Probe::values).collect();
        values.sort_unstable();
        values.dedup();
        let has_lens = probes.iter().any(|probe| matches!(probe.source, Source::Lens(_)));
        let lens = has_lens.then(|| Lens::new(model)).transpose()?;
        let reader = Reader::new(model, tokens, &values, feeds)?;
        let with_room = |probe: Probe| -> Result<_, Refusal> {
            let keys = match probe.source {
                Source::Attention(place) | Source::Sink(place) => Some(keys(model, place, tokens)?),
                _ => None,
            };
            let seen = empty(&probe);
            Ok((probe, seen, keys))
        };
        let probes = probes.into_iter().map(with_room).collect::<Result<_, _>>()?;
        Ok(Self { asked, reader, lens, probes, steps: Vec::new() })
    }

    /// Computes the next positions, at most so many, and looks at them; false once the text is at its end.
    ///
    /// # Errors
    /// The device's error, or logits by which nothing can be chosen.
    pub fn step(&mut self, most: usize) -> Result<bool, Refusal> {
        let Self { asked, reader, lens, probes, steps } = self;
        let Some(mut pass) = reader.next(&asked.tokens, most)? else { return Ok(false) };
        for (probe, seen, keys) in probes {
            look(&mut pass, probe, seen, keys.as_mut(), lens.as_mut())?;
        }
        if pass.position + pass.rows == asked.tokens.len() && asked.making.tokens > 0 {
            make(&mut pass, asked)?;
        }
        for row in 0..pass.rows {
            let position = pass.position + row + 1;
            let is_answer = (asked.prompt.max(1)..asked.tokens.len()).contains(&position);
            if asked.wanted.candidates > 0 && is_answer && Ranges::has(&asked.wanted.steps, position) {
                let history = History::new(asked.tokens.get(..position).unwrap_or_default());
                let (logits, most) = (pass.logits(row)?, asked.wanted.candidates);
                let explanation = explain(logits, &history, &asked.parameters, None, position as u64, most)?;
                steps.push(Why { position, explanation });
            }
        }
        Ok(true)
    }

    /// True if tokens of the answer are explained at the positions that come next, which takes its time.
    pub fn explains_next(&self) -> bool {
        self.asked.wanted.candidates > 0 && self.reader.done() + 1 >= self.asked.prompt
    }

    /// The recorded values.
    pub fn into_findings(self) -> Findings {
        let Asked { tokens, prompt, .. } = self.asked;
        // An answer may end before all its places are taken.
        let taken = |(_, mut seen, _): (Probe, Seen, Option<Keys>)| {
            seen.positions.retain(|position| *position < tokens.len());
            seen
        };
        Findings { prompt, steps: self.steps, values: self.probes.into_iter().map(taken).collect(), tokens }
    }
}

/// Looks at a text from its beginning to its end.
///
/// # Errors
/// As [`Inspection::new`] and [`Inspection::step`].
pub fn inspect_all(model: &Model, asked: Asked) -> Result<Findings, Refusal> {
    let mut inspection = Inspection::new(model, asked)?;
    while inspection.step(ROWS)? {}
    Ok(inspection.into_findings())
}

/// The model, edited if it is to be, and what its program takes then.
fn with_edits(model: &Model, edits: &[Edit], tokens: usize) -> Result<(Model, Feeds), Refusal> {
    if edits.is_empty() {
        return Ok((model.clone(), Feeds::default()));
    }
    let (program, feeds) = edited(&model.program, edits, tokens)?;
    Ok((Model { program: Arc::new(program), ..model.clone() }, feeds))
}

/// Room for the keys of a text of so many tokens, with the sinks of their queries.
fn keys(model: &Model, place: Place, tokens: usize) -> Result<Keys, Refusal> {
    let sinks = place.sinks.map(|weight| sinks::numbers(model, weight, place.heads)).transpose()?;
    Ok(Keys::new(place, sinks, tokens))
}

/// Chooses the token after those that there are.
fn make(pass: &mut Pass<'_>, asked: &mut Asked) -> Result<(), Refusal> {
    let (position, last) = (asked.tokens.len(), pass.rows - 1);
    let history = History::new(&asked.tokens);
    let chosen = explain(pass.logits(last)?, &history, &asked.parameters, None, position as u64, 1)?.id;
    asked.tokens.push(chosen);
    asked.making.tokens = if asked.making.ends.contains(&chosen) { 0 } else { asked.making.tokens - 1 };
    Ok(())
}

fn check(program: &Program, asked: &Asked) -> Result<(), Refusal> {
    let (tokens, context) = (asked.tokens.len().saturating_add(asked.making.tokens), program.context);
    if asked.tokens.is_empty() || tokens > context {
        return Err(Refusal::Length { tokens, context });
    }
    let vocabulary = program.vocabulary;
    match asked.tokens.iter().find(|id| **id as usize >= vocabulary) {
        Some(&id) => Err(Refusal::UnknownToken { id, vocabulary }),
        None => Ok(asked.parameters.validate_tokens(vocabulary)?),
    }
}

/// Checks the memory of states, rows between operations and keys before any of it is taken.
fn check_memory(model: &Model, tokens: usize, probes: &[Probe]) -> Result<(), Refusal> {
    let size = size(&model.program, tokens);
    let footprint = model.device.footprint(&model.program, &size);
    let own = footprint.map_or(usize::MAX, |taken| taken.states.saturating_add(taken.activations));
    let more = probes.iter().map(|probe| match probe.source {
        Source::Attention(place) | Source::Sink(place) => Keys::bytes(&place, tokens),
        Source::Value(value) | Source::Lens(value) => {
            size.rows.saturating_mul(model.program.value(value).numbers()).saturating_mul(size_of::<f32>())
        }
        Source::Logits => 0,
    });
    let bytes = more.fold(own, usize::saturating_add);
    if bytes > MAX_MEMORY { Err(Refusal::Memory { tokens, bytes, most: MAX_MEMORY }) } else { Ok(()) }
}

fn empty(probe: &Probe) -> Seen {
    Seen {
        name: probe.name.clone(),
        layer: probe.layer,
        heads: probe.heads.clone(),
        positions: probe.positions.clone(),
        width: probe.width(),
        numbers: Vec::new(),
        best: probe.best.map(|_| Vec::new()),
    }
}

/// Looks at the positions of a pass.
fn look(
    pass: &mut Pass<'_>,
    probe: &Probe,
    seen: &mut Seen,
    keys: Option<&mut Keys>,
    mut lens: Option<&mut Lens>,
) -> Result<(), Refusal> {
    let is_here = |at: &usize| (pass.position..pass.position + pass.rows).contains(at);
    let rows: Vec<usize> = probe.positions.iter().filter(|at| is_here(at)).map(|at| at - pass.position).collect();
    match probe.source {
        Source::Logits => {
            for row in rows {
                take_logits(pass.logits(row)?, probe, seen)?;
            }
        }
        Source::Attention(place) | Source::Sink(place) => {
            let Some(keys) = keys else { return Ok(()) };
            keys.take(pass.position, &pass.read(place.keys)?);
            let queries = if rows.is_empty() { Vec::new() } else { pass.read(place.queries)? };
            let width = queries.len() / pass.rows;
            for row in rows {
                for head in probe.heads.iter().flatten() {
                    let shares = keys.shares(pass.position + row, &queries[row * width..][..width], *head);
                    take_shares(&shares, probe, seen);
                }
            }
        }
        Source::Value(value) | Source::Lens(value) => {
            if rows.is_empty() {
                return Ok(());
            }
            let numbers = pass.read(value)?;
            let width = numbers.len() / pass.rows;
            for row in rows {
                let row = &numbers[row * width..][..width];
                match (&probe.source, &mut lens) {
                    (Source::Lens(_), Some(lens)) => take_logits(lens.logits(row)?, probe, seen)?,
                    _ => match &probe.heads {
                        None => seen.numbers.extend_from_slice(row),
                        Some(heads) => {
                            for head in heads {
                                seen.numbers.extend_from_slice(&row[head * probe.head..][..probe.head]);
                            }
                        }
                    },
                }
            }
        }
    }
    Ok(())
}

/// Keeps the share of each position of the text, or of the sink.
fn take_shares(shares: &Shares, probe: &Probe, seen: &mut Seen) {
    if matches!(probe.source, Source::Sink(_)) {
        return seen.numbers.extend(shares.sink);
    }
    let from = seen.numbers.len();
    seen.numbers.resize(from + shares.first, 0.0);
    seen.numbers.extend_from_slice(&shares.positions);
    seen.numbers.resize(from + probe.head, 0.0);
}

/// Keeps a row of logits, or the best tokens of it.
fn take_logits(logits: &[f32], probe: &Probe, seen: &mut Seen) -> Result<(), Refusal> {
    match (probe.best, &mut seen.best) {
        (Some(most), Some(best)) => best.push(likeliest(logits, most)?),
        _ => seen.numbers.extend_from_slice(logits),
    }
    Ok(())
}

/// The likeliest tokens by logits as they are.
fn likeliest(logits: &[f32], most: usize) -> Result<Vec<Candidate>, Refusal> {
    let found = explain(logits, &History::new(&[]), &Parameters::greedy(), None, 0, most)?;
    Ok(found.stages.into_iter().next().map(|stage| stage.best).unwrap_or_default())
}
