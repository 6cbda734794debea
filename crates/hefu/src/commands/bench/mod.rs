//! `hefu bench`: how fast a model is here.

mod parallel;

use crate::failure::Failure;
use crate::flags::{CacheArguments, DeviceArguments, ModelArguments, SpeculationArguments};
use crate::gap::measure::tokens;
use crate::load::Loaded;
use crate::options::{ModelOptions, Speculate};
use crate::output::{print, print_json};
use crate::progress::{Meter, Unit};
use crate::speculation::{Guessed, drafter, guessing};
use crate::units::rate;
use clap::Args;
use hefu_engine::Request;
use hefu_engine::sampling::Parameters;
use hefu_engine::scheduler::{Event, Job, Kind, Paged, Scheduler};
use hefu_numerics::team::Team;
use parallel::Load;
pub(super) use parallel::{MAX_PARALLEL, fits};
use serde_json::json;
use std::collections::BTreeSet;
use std::io::{self, IsTerminal};
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

/// Measure the speed of a model on this machine
///
/// Two figures, measured as llama-bench does: the prefill of --prompt tokens into an empty cache, and --generate single
/// steps from an empty cache. Both run once before they are measured. The figure is the median of the repetitions.
///
/// With --parallel, measured as llama-batched-bench does: N sequences, each with a prompt of its own, then --generate
/// steps of all of them together, after the prompts; the figures count the tokens of all sequences. With --speculate,
/// sequences generate after their prompts, and guess.
#[derive(Debug, Args)]
#[command(after_help = "\
The keys of --json: load (seconds), prefill_tokens_per_second and decode_tokens_per_second (medians), prefill_seconds and \
decode_seconds (every repetition), prompt, generate, parallel, generated_tokens_per_second (of all sequences), \
speculation, repetitions, threads, isa, model.

Examples:
  hefu bench
  hefu bench --prompt 512 --generate 64 --json
  hefu bench --parallel 8 --prompt 128 --generate 64
  hefu bench --model gemma-3-270m --threads 1 --repetitions 5")]
pub(crate) struct Arguments {
    /// Tokens of the prompt; 0 leaves the prefill out
    #[arg(short, long, value_name = "N", default_value = "512")]
    prompt: usize,

    /// Tokens to generate; 0 leaves the decode out
    #[arg(short, long, value_name = "N", default_value = "64")]
    generate: usize,

    /// Sequences at once
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u64).range(1..=MAX_PARALLEL))]
    parallel: u64,

    /// Measurements of each figure
    #[arg(short, long, value_name = "N", default_value = "3")]
    repetitions: NonZeroUsize,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    cache: CacheArguments,
    #[command(flatten)]
    speculation: SpeculationArguments,
    #[command(flatten)]
    device: DeviceArguments,
}

/// Carries the command out.
///
/// # Errors
/// A model that cannot be had or run, or that was made for fewer tokens.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (prompt, generate) = (arguments.prompt, arguments.generate);
    if prompt == 0 && generate == 0 {
        return Err(Failure::Usage("there is nothing to measure; --prompt or --generate must be above 0".to_owned()));
    }
    let (device, speculation) = (arguments.device.options(), arguments.speculation.options(Speculate::Off)?);
    let load = Load {
        sequences: usize::try_from(arguments.parallel).unwrap_or(1),
        prompt: prompt.max(1),
        generate,
        prefill_chunk: device.prefill_chunk,
    };
    let is_plain = load.sequences == 1 && speculation.how == Speculate::Off;
    let loaded = Loaded::new(&ModelOptions {
        model: arguments.model.choice(),
        device: &device,
        context: Some(if is_plain { prompt.max(generate) } else { load.capacity() }),
        cache: arguments.cache.profile(),
        template: None,
        state_memory: io::stderr().is_terminal(),
        guessing: speculation.wants_block(),
    })?;
    let drafter = drafter(&loaded, &speculation, &device)?;
    if is_plain {
        let mut scheduler = loaded.scheduler(load.prefill_chunk, false)?;
        let seconds = repeat(arguments.repetitions, || timed(&loaded, &mut scheduler, arguments, load.prefill_chunk))?;
        return report(&loaded, arguments, (speculation.how, Guessed::default()), &seconds);
    }
    let scheduler = load.scheduler(&loaded)?;
    let mut scheduler = guessing(scheduler, &speculation, drafter.as_ref(), |drafter| load.paged(drafter))?;
    let mut guessed = Guessed::default();
    let seconds = repeat(arguments.repetitions, || {
        let before = scheduler.statistics();
        let seconds = load.timed(&mut scheduler)?;
        guessed = Guessed::since(&before, &scheduler.statistics());
        Ok(seconds)
    })?;
    report(&loaded, arguments, (speculation.how, guessed), &seconds)
}

/// Seconds of every repetition: prefill and decode. One round before them warms caches and clock.
fn repeat(
    repetitions: NonZeroUsize,
    mut round: impl FnMut() -> Result<(f64, f64), Failure>,
) -> Result<Vec<(f64, f64)>, Failure> {
    let rounds = repetitions.get() + 1;
    let mut meter = Meter::new("measuring", Unit::Count);
    let mut seconds = Vec::with_capacity(repetitions.get());
    for index in 0..rounds {
        meter.set(index as u64, Some(rounds as u64));
        let both = round()?;
        if index > 0 {
            seconds.push(both);
        }
    }
    Ok(seconds)
}

fn report(
    loaded: &Loaded,
    arguments: &Arguments,
    (how, guessed): (Speculate, Guessed),
    seconds: &[(f64, f64)],
) -> Result<(), Failure> {
    let (prompt, generate, parallel) = (arguments.prompt, arguments.generate, arguments.parallel as usize);
    let (prefill, decode): (Vec<f64>, Vec<f64>) = seconds.iter().copied().unzip();
    let prefill_rate = rate(prompt * parallel, median(&prefill));
    let decode_rate = rate(generate * parallel, median(&decode));
    if !arguments.json {
        let many = if parallel > 1 { format!(", {parallel} sequences at once") } else { String::new() };
        let title = format!(
            "{} on {} with {} threads, median of {}{many}{}\n",
            loaded.resolved.name,
            loaded.isa,
            loaded.pool.threads(),
            arguments.repetitions,
            guessed.words(),
        );
        let one = |label: &str, tokens, figure| match tokens {
            0 => String::new(),
            _ => format!("{label:8} {tokens:>6} tokens  {figure:>9.2} tokens/s\n"),
        };
        return print(
            &(title
                + &format!("load     {:>6.3} s  ({})\n", loaded.took.total.as_secs_f64(), loaded.took.words())
                + &one("prefill", prompt * parallel, prefill_rate)
                + &one("decode", generate * parallel, decode_rate)),
        );
    }
    print_json(&json!({
        "load": loaded.took.report(),
        "prefill_tokens_per_second": prefill_rate,
        "decode_tokens_per_second": decode_rate,
        "prefill_seconds": prefill,
        "decode_seconds": decode,
        "prompt": prompt,
        "generate": generate,
        "parallel": parallel,
        "generated_tokens_per_second": decode_rate,
        "speculation": guessed.report(how),
        "repetitions": arguments.repetitions,
        "threads": loaded.pool.threads(),
        "isa": loaded.isa,
        "model": loaded.resolved.name,
    }))
}

/// A prefill and as many single steps as are asked for, each from an empty cache.
fn timed(
    loaded: &Loaded,
    scheduler: &mut Scheduler<Paged>,
    arguments: &Arguments,
    prefill_chunk: usize,
) -> Result<(f64, f64), Failure> {
    let tokens = tokens(arguments.prompt.max(arguments.generate), loaded.model.program.vocabulary);
    let prompt = tokens.get(..arguments.prompt).unwrap_or_default();
    let steps = tokens.get(..arguments.generate).unwrap_or_default();
    let prefill = timed_rows(scheduler, prompt, prefill_chunk, prompt.len().saturating_sub(1))?;
    Ok((prefill, timed_rows(scheduler, steps, 1, 0)?))
}

/// Computes tokens from an empty cache, so many at once, with the logits of those from `from` on.
fn timed_rows(
    scheduler: &mut Scheduler<Paged>,
    tokens: &[u32],
    prefill_chunk: usize,
    from: usize,
) -> Result<f64, Failure> {
    if tokens.is_empty() {
        return Ok(0.0);
    }
    let request = Request {
        prompt: tokens.to_vec(),
        parameters: Parameters::greedy(),
        end_tokens: BTreeSet::new(),
        max_tokens: None,
        prefill_chunk,
        all_logits: false,
    };
    let started = Instant::now();
    let taken = scheduler.submit(Job::new(request).with_kind(Kind::Rows { from }), Duration::ZERO);
    taken.map_err(|refusal| Failure::Other(refusal.to_string()))?;
    while !scheduler.is_idle() {
        for update in scheduler.step(Duration::ZERO) {
            match update.event {
                Event::Prefill { .. } if !update.rows.is_empty() => drop(scheduler.logits(update.rows).map_err(fault)?),
                Event::Failed(failure) => return Err(Failure::Other(failure.to_string())),
                _ => {}
            }
        }
    }
    Ok(started.elapsed().as_secs_f64())
}

fn fault(error: hefu_numerics::device::Error) -> Failure {
    Failure::Other(error.to_string())
}

/// The middle value, or the mean of the two middle ones; 0 of nothing.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = |index: usize| sorted.get(index).copied().unwrap_or(0.0);
    match sorted.len() {
        0 => 0.0,
        length if length % 2 == 1 => middle(length / 2),
        length => (middle(length / 2 - 1) + middle(length / 2)) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[]), 0.0);
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
    }
}
