//! How well texts fit each other.
//!
//! A model whose file says how it is asked to judge a pair (`tokenizer.chat_template.rerank`) is asked, and the score is
//! the probability that it says *yes* rather than *no*. For every other model it is the cosine of the two texts' vectors.

use crate::error::{ApiError, Kind};
use crate::limits::MAX_PAIRS;
use crate::registry::Lease;
use crate::service::{Caller, Service};

use hefu_answer::{Ask, Prompt, prepare_judgement};
use hefu_engine::scheduler::{Event, Job, Kind as JobKind};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

/// What came of a request.
#[derive(Debug)]
pub(crate) struct Ranked {
    /// The model's name.
    pub(crate) model: String,
    /// One score for each pair.
    pub(crate) scores: Vec<f64>,
    /// Tokens of all prompts.
    pub(crate) tokens: usize,
}

impl Service {
    /// A score for each pair of texts, higher where they fit better.
    ///
    /// # Errors
    /// Whatever is wrong with a text, a full queue, or a model that cannot be had.
    pub(crate) async fn rank(
        self: &Arc<Self>,
        caller: &Caller,
        ask: &Ask,
        pairs: Vec<(String, String)>,
    ) -> Result<Ranked, ApiError> {
        if pairs.len() > MAX_PAIRS {
            let sentence = format!("there are {} pairs of texts, but at most {MAX_PAIRS} are taken", pairs.len());
            return Err(ApiError::invalid(sentence));
        }
        self.check(ask)?;
        let lease = self.lease(caller.client, ask).await?;
        if lease.worker.text.judge().is_some() {
            return self.judged(caller, lease, pairs).await;
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
    ) -> Result<Ranked, ApiError> {
        let arrived = Instant::now();
        let count = pairs.len();
        let (lease, requests) = self
            .text_work(caller.client, lease, move |lease, limits, _| {
                let mut requests = Vec::with_capacity(2 * pairs.len());
                for (query, document) in &pairs {
                    let asked = prepare_judgement(query, document, &lease.worker.text, &limits.of_requests())?;
                    requests.extend(asked.into_iter().flatten());
                }
                Ok(requests)
            })
            .await?;
        // The answer's one token is no part of the prompt.
        let tokens = requests.iter().step_by(2).map(|request| request.prompt.len() - 1).sum();
        let jobs = requests.into_iter().map(|request| Job {
            client: caller.client,
            domain: caller.domain(),
            deadline: Some(lease.worker.time(arrived) + self.limits.request_time),
            kind: JobKind::Likelihoods { from: request.prompt.len() - 1 },
            ..Job::new(request)
        });
        let mut running = lease.worker.submit(jobs.collect()).await?;
        let mut costs: Vec<Option<f64>> = vec![None; 2 * count];
        let mut open = costs.len();
        while open > 0 {
            match running.next().await {
                Some((index, Event::Likelihoods(values), _)) => {
                    if let (Some(place), Some(value)) = (costs.get_mut(index), values.last()) {
                        *place = Some(*value);
                    }
                }
                Some((_, Event::Finished(_), _)) => open -= 1,
                Some((_, Event::Failed(failure), _)) => return Err(ApiError::internal(failure.to_string())),
                Some(_) => {}
                None => return Err(ApiError::internal("the model stopped; the server's log says more")),
            }
        }
        let scores = costs.chunks(2).map(|costs| match costs {
            // Of the two answers alone: costs are negative logarithms.
            [Some(yes), Some(no)] => Some(1.0 / (1.0 + (yes - no).exp())),
            _ => None,
        });
        let scores = scores.collect::<Option<Vec<f64>>>();
        let overdue = || ApiError::new(Kind::Overdue, "the scores took longer than the server allows");
        Ok(Ranked { model: lease.worker.text.name.clone(), scores: scores.ok_or_else(overdue)?, tokens })
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
        let (model, vectors, tokens) = self.embed(caller, asks.collect()).await?;
        let vector = |number: usize| vectors.get(number).map_or(&[][..], Vec::as_slice);
        // Vectors have length 1.
        let cosine = |(first, second)| {
            let products = vector(first).iter().zip(vector(second));
            products.map(|(one, other)| f64::from(*one) * f64::from(*other)).sum::<f64>()
        };
        Ok(Ranked { model, scores: wanted.into_iter().map(cosine).collect(), tokens })
    }
}
