//! Many samples at once on one scheduler.

use crate::Error;
use crate::record::{Part, Scored};
use crate::work::{Work, request};
use hefu_answer::{ChoiceStream, Delta, Prepared, TextModel};
use hefu_engine::FinishReason;
use hefu_engine::scheduler::{Event, ForwardMany, Job, Key, Kind, Scheduler};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A sample under way.
struct Open {
    part: OpenPart,
    /// Jobs that are not finished.
    left: usize,
}

enum OpenPart {
    Texts(Vec<Scored>),
    Answer(Box<Prepared>, Box<ChoiceStream>),
}

/// Asks all that `next` gives, at most `parallel` samples at a time, and hands what came of each to `done` as soon as it is
/// finished; the numbers tell samples apart. How many there are at a time changes no bit.
///
/// # Errors
/// The error of `next`, `done` or the model.
pub fn drive<M: ForwardMany, E: From<Error>>(
    scheduler: &mut Scheduler<M>,
    model: &TextModel,
    parallel: usize,
    next: &mut dyn FnMut() -> Result<Option<(usize, Work)>, E>,
    done: &mut dyn FnMut(usize, Part) -> Result<(), E>,
) -> Result<(), E> {
    let mut drive = Drive { scheduler, model, open: BTreeMap::new(), jobs: BTreeMap::new(), started: Instant::now() };
    let mut is_more = true;
    loop {
        while is_more && drive.open.len() < parallel.max(1) {
            match next()? {
                Some((number, work)) => drive.begin(number, work)?,
                None => is_more = false,
            }
        }
        if drive.open.is_empty() {
            return Ok(());
        }
        for (number, part) in drive.step()? {
            done(number, part)?;
        }
    }
}

struct Drive<'d, M> {
    scheduler: &'d mut Scheduler<M>,
    model: &'d TextModel,
    open: BTreeMap<usize, Open>,
    /// The sample of each job, and which of its texts.
    jobs: BTreeMap<Key, (usize, usize)>,
    started: Instant,
}

impl<M: ForwardMany> Drive<'_, M> {
    fn begin(&mut self, number: usize, work: Work) -> Result<(), Error> {
        let (jobs, part) = match work {
            Work::Texts(texts) => {
                let mut jobs = Vec::with_capacity(texts.len());
                for text in &texts {
                    let kind = Kind::Likelihoods { from: text.from };
                    jobs.push(Job::new(request(&text.ids, self.model)?).with_kind(kind));
                }
                (jobs, OpenPart::Texts(texts))
            }
            Work::Answer(prepared) => {
                let stream = prepared.stream(self.model, number.to_string());
                (vec![Job::new(prepared.request_of(0))], OpenPart::Answer(prepared, Box::new(stream)))
            }
        };
        let left = jobs.len();
        for (text, job) in jobs.into_iter().enumerate() {
            let key = self.scheduler.submit(job, Duration::ZERO).map_err(|refusal| Error(refusal.to_string()))?;
            self.jobs.insert(key, (number, text));
        }
        self.open.insert(number, Open { part, left });
        Ok(())
    }

    /// Takes a step; the samples that are finished by it.
    fn step(&mut self) -> Result<Vec<(usize, Part)>, Error> {
        let before = Instant::now();
        let updates = self.scheduler.step(self.started.elapsed());
        self.scheduler.record_time(before.elapsed().as_secs_f64());
        let mut finished = Vec::new();
        for update in updates {
            let Some((number, text)) = self.jobs.get(&update.key).copied() else { continue };
            let Some(open) = self.open.get_mut(&number) else { continue };
            let is_over = open.take(text, update.event)?;
            if !is_over {
                continue;
            }
            self.jobs.remove(&update.key);
            self.scheduler.cancel(update.key);
            open.left = open.left.saturating_sub(1);
            if open.left == 0
                && let Some(open) = self.open.remove(&number)
            {
                finished.push((number, open.part()));
            }
        }
        Ok(finished)
    }
}

impl Open {
    /// Takes what came of a job; true once it is over.
    fn take(&mut self, text: usize, event: Event) -> Result<bool, Error> {
        match (event, &mut self.part) {
            (Event::Failed(failure), _) => Err(Error(failure.to_string())),
            (Event::Scored(choices), OpenPart::Texts(texts)) => {
                if let Some(text) = texts.get_mut(text) {
                    text.logprobs.extend(choices.iter().filter_map(|choice| choice.logprob));
                }
                Ok(false)
            }
            (Event::Token(choice), OpenPart::Answer(_, stream)) => Ok(is_end(&stream.token(&choice))),
            (Event::Finished(finish), OpenPart::Answer(_, stream)) => Ok(is_end(&stream.finish(finish))),
            (Event::Finished(_), OpenPart::Texts(_)) => Ok(true),
            _ => Ok(false),
        }
    }

    fn part(self) -> Part {
        match self.part {
            OpenPart::Texts(texts) => Part::likelihoods(texts),
            OpenPart::Answer(prepared, stream) => Part::Answer {
                prompt: prepared.request.prompt,
                output: stream.ids,
                finish: stream.finish.unwrap_or(FinishReason::Cancelled),
                text: stream.written,
            },
        }
    }
}

fn is_end(deltas: &[Delta]) -> bool {
    deltas.iter().any(|delta| matches!(delta, Delta::Finish(_)))
}
