//! A process of its own that answers, so that nothing of this one can have helped: it loads the model, starts with an empty
//! cache, and writes what it finds to its standard output.
//!
//! For each way: the number of answers, and of each the number of its tokens, they, how it ended, the number of its
//! logits, and they; all as little-endian 32 bits. [`NONE`] instead of the number of answers means that there are none,
//! and a sentence follows in the same form.

use super::group::{Group, capacity};
use super::means::Means;
use super::models::Source;
use crate::failure::Failure;
use hefu_cpu::Pool;
use hefu_engine::FinishReason;
use hefu_engine::selftest::{Extent, Trace, answers, questions};
use hefu_numerics::kv::Profile;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};
use std::sync::Arc;

/// Comes before the number of a model that is tried in every way.
const FULL: &str = "full";
/// Stands for answers that are not there.
const NONE: u32 = u32::MAX;
/// More numbers than an answer of the matrix can have.
const MOST: u32 = 1 << 28;
/// Ends of answers, by number.
const FINISHES: [FinishReason; 5] = [
    FinishReason::EndToken,
    FinishReason::MaxTokens,
    FinishReason::Context,
    FinishReason::Complete,
    FinishReason::Deadline,
];

/// Answers that come out of another process.
pub(crate) struct Child {
    process: std::process::Child,
    output: BufReader<ChildStdout>,
}

impl Child {
    /// Starts one for a group.
    ///
    /// # Errors
    /// If the program cannot be started again.
    pub(crate) fn start(source: &Source, group: &Group, extent: Extent) -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::Other(format!("the program cannot start itself again: {error}"));
        let full = if group.in_full { FULL } else { "" };
        let place = format!("{full}{},{},{},{}", group.source, group.means.name(), group.threads, group.cache.name());
        let mut command = Command::new(crate::own::starts().map_err(failed)?);
        command.args(["selftest", "--child", &place]).stdin(Stdio::null()).stdout(Stdio::piped());
        if extent == Extent::Full {
            command.arg("--full");
        }
        if let Source::File(asked, _) = source {
            command.arg("--model").arg(asked);
        }
        let mut process = command.spawn().map_err(failed)?;
        let output = process.stdout.take().ok_or_else(|| failed(io::ErrorKind::BrokenPipe.into()))?;
        Ok(Self { process, output: BufReader::new(output) })
    }

    /// The answers of the next way.
    pub(crate) fn next(&mut self) -> Result<Vec<Trace>, String> {
        let broken = |error: io::Error| format!("the new process ended early: {error}");
        match number(&mut self.output).map_err(broken)? {
            NONE => {
                let sentence = numbers(&mut self.output).map_err(broken)?;
                Err(sentence.into_iter().filter_map(char::from_u32).collect())
            }
            count => (0..count.min(MOST)).map(|_| trace(&mut self.output).map_err(broken)).collect(),
        }
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// If it cannot be waited for.
    pub(crate) fn end(mut self) -> Result<(), Failure> {
        let waited = self.process.wait();
        waited.map(|_| ()).map_err(|error| Failure::Other(format!("the new process cannot be waited for: {error}")))
    }
}

impl Drop for Child {
    /// Leaves no process behind.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Is such a process: answers as its argument says.
///
/// # Errors
/// An argument that no parent gives, or a model that cannot be loaded.
pub(crate) fn answer(sources: &[Source], extent: Extent, place: &str) -> Result<(), Failure> {
    let (group, source) = parse(sources, place).ok_or_else(|| {
        Failure::Usage(format!("--child {place} names no combination; hefu selftest gives it to itself"))
    })?;
    let model = source.load(group.means.device(&Arc::new(Pool::new(group.threads)))?, group.cache)?;
    let questions = questions(source.questions(), model.program.vocabulary);
    let mut output = BufWriter::new(io::stdout().lock());
    for way in group.ways(extent) {
        let found = answers(&model, way, &questions, capacity(source, &model));
        write(&mut output, &found).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::ClosedPipe,
            _ => Failure::file("write to", Path::new("standard output"), error),
        })?;
    }
    Ok(())
}

fn parse<'s>(sources: &'s [Source], place: &str) -> Option<(Group, &'s Source)> {
    let [source, means, threads, cache] = place.split(',').collect::<Vec<_>>()[..] else { return None };
    let (number, in_full) = match source.strip_prefix(FULL) {
        Some(number) => (number.parse().ok()?, true),
        None => (source.parse().ok()?, false),
    };
    let means = Means::named(means)?;
    let threads = threads.parse().ok().filter(|threads| (1..=64).contains(threads))?;
    let cache = Profile::ALL.into_iter().find(|profile| profile.name() == cache)?;
    Some((Group { source: number, cache, means, threads, in_full }, sources.get(number)?))
}

fn write(output: &mut impl Write, found: &Result<Vec<Trace>, String>) -> io::Result<()> {
    match found {
        Ok(traces) => {
            put(output, &[traces.len() as u32])?;
            for trace in traces {
                let finish = trace.finish.and_then(|finish| FINISHES.iter().position(|known| *known == finish));
                put_all(output, &trace.tokens)?;
                put(output, &[finish.map_or(NONE, |index| index as u32)])?;
                put_all(output, &trace.logits)?;
            }
        }
        Err(sentence) => {
            put(output, &[NONE])?;
            put_all(output, &sentence.chars().map(u32::from).collect::<Vec<_>>())?;
        }
    }
    output.flush()
}

fn put_all(output: &mut impl Write, numbers: &[u32]) -> io::Result<()> {
    put(output, &[numbers.len() as u32])?;
    put(output, numbers)
}

fn put(output: &mut impl Write, numbers: &[u32]) -> io::Result<()> {
    numbers.iter().try_for_each(|number| output.write_all(&number.to_le_bytes()))
}

fn trace(input: &mut impl Read) -> io::Result<Trace> {
    let tokens = numbers(input)?;
    let finish = FINISHES.get(number(input)? as usize).copied();
    Ok(Trace { tokens, logits: numbers(input)?, finish })
}

fn numbers(input: &mut impl Read) -> io::Result<Vec<u32>> {
    let count = number(input)?.min(MOST);
    let mut bytes = Vec::new();
    let length = u64::from(count) * 4;
    if input.take(length).read_to_end(&mut bytes)? as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte));
    Ok(bytes.chunks_exact(4).map(word).collect())
}

fn number(input: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    input.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let traces = vec![
            Trace { tokens: vec![1, 2], logits: vec![u32::MAX, 0], finish: Some(FinishReason::Context) },
            Trace::default(),
        ];
        let mut bytes = Vec::new();
        write(&mut bytes, &Ok(traces.clone())).unwrap();
        let mut input = &bytes[..];
        assert_eq!(number(&mut input).unwrap(), 2);
        assert_eq!([trace(&mut input).unwrap(), trace(&mut input).unwrap()], traces[..]);
        assert!(trace(&mut &bytes[4..20]).is_err());
        let mut bytes = Vec::new();
        write(&mut bytes, &Err("不".to_owned())).unwrap();
        assert_eq!(numbers(&mut &bytes[4..]).unwrap(), [u32::from('不')]);
    }

    #[test]
    fn a_place_that_is_none_is_refused() {
        let sources = super::super::models::sources(None, Extent::Quick).unwrap();
        assert!(parse(&sources, "0,reference,1,f16").is_some() && parse(&sources, "0,opencl:1,1,f16").is_some());
        for place in ["", "0,reference,1", "99,reference,1,f16", "0,x,1,f16", "0,reference,0,f16", "0,reference,1,x"] {
            assert!(parse(&sources, place).is_none(), "{place}");
        }
    }
}
