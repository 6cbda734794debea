//! Ranking of texts by how well they fit a query.
//!
//! A model with a classifier scores the pair: the logistic function of its score, or the probability of its class *yes*.
//! A model whose file only says how it is asked to judge a pair (`tokenizer.chat_template.rerank`) is asked, and the score is
//! the probability that it says *yes* rather than *no*. For every other model it is the cosine of the two texts' vectors.

use crate::answering::failed;
use crate::error::{ApiError, Kind};
use crate::limits::MAX_PAIRS;
use crate::registry::Lease;
use crate::service::{Caller, Service};
use crate::worker::Running;

use hefu_answer::{Ask, Judgement, Prompt, TextModel, fit, prepare_judgement};
use hefu_engine::Request;
use hefu_engine::scheduler::{Event, Job, Kind as JobKind};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

/// Outcome of a request.
#[derive(Debug)]
pub(crate) struct Ranked {
    /// The model's name.
    pub(crate) model: String,
    /// One score for each pair.
    pub(crate) scores: Vec<f64>,
    /// Tokens of all prompts.
    pub(crate) tokens: usize,
}

/// Result of a job for a pair.
enum Found {
    /// The scores of a classifier.
    Scores(Vec<f32>),
    /// Cost of an answer: the negative logarithm of its probability.
    Cost(f64),
}

/// Waits for what each of the jobs was to find.
async fn found(mut running: Running, jobs: usize) -> Result<Vec<Found>, ApiError> {
    let mut found: Vec<Option<Found>> = Vec::new();
    found.resize_with(jobs, || None);
    let mut open = jobs;
    while open > 0 {
        let (index, result) = match running.next().await {
            Some((index, Event::Likelihoods(values), _)) => (index, values.last().copied().map(Found::Cost)),
            Some((index, Event::Ranked(scores), _)) => (index, Some(Found::Scores(scores))),
            Some((_, Event::Finished(_), _)) => {
                open -= 1;
                continue;
            }
            Some((_, Event::Failed(failure), _)) => return Err(failed(&failure)),
            Some(_) => continue,
            None => return Err(ApiError::internal("the model stopped; the server's log says more")),
        };
        if let Some(place) = found.get_mut(index) {
            *place = result;
        }
    }
    let overdue = || ApiError::new(Kind::Overdue, "the scores took longer than the server allows");
    found.into_iter().collect::<Option<Vec<Found>>>().ok_or_else(overdue)
}

/// Fit of a pair by what was found of it.
fn score(found: &[Found], model: &TextModel, raw: bool) -> Result<f64, ApiError> {
    match found {
        [Found::Scores(scores)] if raw && scores.len() == 1 => Ok(scores.iter().copied().map(f64::from).sum()),
        [Found::Scores(scores)] => fit(scores, &model.classes).ok_or_else(|| {
            let (name, count) = (&model.name, scores.len());
            let sentence =
                format!("{name} tells {count} classes apart, none of which is named yes; so it ranks nothing");
            ApiError::parameter("model", sentence)
        }),
        // Of the two answers alone.
        [Found::Cost(yes), Found::Cost(no)] => Ok(1.0 / (1.0 + (yes - no).exp())),
        _ => Err(ApiError::internal("a pair was judged in part")),
    }
}

impl Service {
    /// A score for each pair of texts, higher where they fit better; where `raw`, a classifier's as it is.
    ///
    /// # Errors
    /// Whatever is wrong with a text, a full queue, or a model that cannot be had.
    pub(crate) async fn rank(
        self: &Arc<Self>,
        caller: &Caller,
        ask: &Ask,
        pairs: Vec<(String, String)>,
        raw: bool,
    ) -> Result<Ranked, ApiError> {
        if pairs.len() > MAX_PAIRS {
            let sentence = format!("there are {} pairs of texts, but at most {MAX_PAIRS} are taken", pairs.len());
            return Err(ApiError::invalid(sentence));
        }
        self.check(ask)?;
        let lease = self.lease(caller.client, ask).await?;
        let text = &lease.worker.text;
        if text.judge().is_some() || text.abilities.ranks {
            return self.judged(caller, lease, pairs, raw).await;
        }
        drop(lease);
        self.compared(caller, ask, pairs).await
    }

    /// Scores by what the model says of each pair.
    async fn judged(
        self: &Arc<Self>,
        caller: &Caller,
        lease: Lease,
        pairs: Vec<(String, String)>,
        raw: bool,
    ) -> Result<Ranked, ApiError> {
        let arrived = Instant::now();
        let (lease, judgements) = self
            .text_work(caller.client, lease, move |lease, limits, _| {
                let judged = |(query, document): &(String, String)| {
                    prepare_judgement(query, document, &lease.worker.text, &limits.of_requests())
                };
                Ok(pairs.iter().filter_map(|pair| judged(pair).transpose()).collect::<Result<Vec<_>, _>>()?)
            })
            .await?;
        let (mut jobs, mut tokens, count) = (Vec::new(), 0, judgements.len());
        let job = |request: Request, kind| Job {
            client: caller.client,
            domain: caller.domain(),
            deadline: Some(lease.worker.time(arrived) + self.limits.request_time),
            kind,
            ..Job::new(request)
        };
        for judgement in judgements {
            match judgement {
                Judgement::Scored(request, second) => {
                    tokens += request.prompt.len();
                    jobs.push(job(*request, JobKind::Rank { second }));
                }
                Judgement::Asked(both) => {
                    let [yes, no] = *both;
                    // The answer's one token is no part of the prompt.
                    tokens += yes.prompt.len() - 1;
                    for request in [yes, no] {
                        let from = request.prompt.len() - 1;
                        jobs.push(job(request, JobKind::Likelihoods { from }));
                    }
                }
            }
        }
        let number = jobs.len();
        let found = found(lease.worker.submit(jobs).await?, number).await?;
        let each = found.len() / count.max(1);
        let scores = found.chunks(each.max(1)).map(|found| score(found, &lease.worker.text, raw));
        Ok(Ranked { model: lease.worker.text.name.clone(), scores: scores.collect::<Result<_, _>>()?, tokens })
    }

    /// Scores by the texts' vectors, each of which is computed once.
    async fn compared(
        self: &Arc<Self>,
        caller: &Caller,
        ask: &Ask,
        pairs: Vec<(String, String)>,
    ) -> Result<Ranked, ApiError> {
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut texts: Vec<&str> = Vec::new();
        let mut wanted = Vec::with_capacity(pairs.len());
        for (first, second) in &pairs {
            let mut number = |text| {
                *places.entry(text).or_insert_with(|| {
                    texts.push(text);
                    texts.len() - 1
                })
            };
            wanted.push((number(first.as_str()), number(second.as_str())));
        }
        let asks = texts.iter().map(|text| Ask { prompt: Prompt::Text((*text).to_owned()), ..ask.clone() });
        let (model, vectors, tokens) = self.embed(caller, asks.collect(), false).await?;
        let vector = |number: usize| vectors.get(number).map_or(&[][..], Vec::as_slice);
        // Vectors have length 1.
        let cosine = |(first, second)| {
            let products = vector(first).iter().zip(vector(second));
            products.map(|(one, other)| f64::from(*one) * f64::from(*other)).sum::<f64>()
        };
        Ok(Ranked { model, scores: wanted.into_iter().map(cosine).collect(), tokens })
    }
}
