//! `/v1/completions`: texts or token ids, continued as they stand.

use super::super::fields::Fields;
use super::super::sse;
use super::super::{answered, built};
use super::best_of::{Best, BestOf};
use super::completions_stream::CompletionsStream;
use super::output::{self, PlainLogprobs};
use super::{Streaming, response_format, shared, streaming};
use crate::answer::Answer;
use crate::echo::Echo;
use crate::error::{ApiError, json_response};
use crate::limits::MAX_INPUTS;
use crate::service::{Caller, Place, Service, new_id};
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use hefu_answer::Gap;
use hefu_answer::{Ask, Prompt};
use hefu_answer::{Choice, Summary};
use serde_json::{Value, json};
use std::sync::Arc;

/// Continues texts.
///
/// # Errors
/// Whatever is wrong with the request, or kept it from being answered.
pub async fn create(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    fields: Fields,
) -> Result<Response, ApiError> {
    let Wanted { ask, prompts, streaming, is_echoed, prompt_logprobs, n, best_of } = read(fields)?;
    let choices = ask.count.max(1);
    let wanted = choices.saturating_mul(prompts.len());
    if wanted > service.limits.choices {
        let most = service.limits.choices;
        let sentence = format!("{wanted} answers are asked for, but at most {most} may be");
        return Err(ApiError::parameter(if best_of.is_some() { "best_of" } else { "n" }, sentence));
    }
    let asks: Vec<Ask> = prompts.into_iter().map(|prompt| Ask { prompt, ..ask.clone() }).collect();
    let scored = match prompt_logprobs {
        None => Vec::new(),
        logprobs => {
            let asks = asks.iter().map(|ask| Ask { logprobs, ..ask.clone() }).collect();
            service.echoes(&caller, asks).await?.1
        }
    };
    let (mut answers, echoes) = answers(&service, &caller, asks, is_echoed).await?;
    // Each choice repeats the prompt that it answers.
    let echoes: Vec<Echo> = echoes.into_iter().flat_map(|echo| std::iter::repeat_n(echo, n)).collect();
    let Some(first) = answers.first() else { return Err(ApiError::parameter("prompt", "prompt is empty")) };
    if streaming.is_wanted {
        let events = CompletionsStream::new(first, streaming.include_usage, echoes);
        let frame = first.without_pieces();
        return Ok(answered(&frame, sse::stream_of(answers, events)));
    }
    let (mut choices, mut ranked) = (Vec::new(), Vec::<Best>::new());
    let mut sum = Summary::default();
    for answer in &mut answers {
        let (more, summary) = answer.collect().await?;
        match best_of {
            None => choices.extend(more),
            Some(best_of) => {
                let lease = service.lease(caller.client, &ask).await?;
                ranked.extend(best_of.best(more, &lease.worker.text));
            }
        }
        sum.add(&summary);
    }
    choices.extend(ranked.iter_mut().map(|best| std::mem::take(&mut best.choice)));
    let Some(first) = answers.first() else { return Err(ApiError::internal("no answer")) };
    let frame = first.without_pieces();
    let make = move || {
        let mut body = whole(&frame, &choices, &echoes, &sum);
        let of_prompts = scored.iter().flat_map(|echo| std::iter::repeat_n(echo, n));
        for (choice, echo) in body["choices"].as_array_mut().into_iter().flatten().zip(of_prompts) {
            choice["prompt_logprobs"] = output::prompt_logprobs(echo);
        }
        for (choice, best) in body["choices"].as_array_mut().into_iter().flatten().zip(&ranked) {
            best.mark(choice);
        }
        json_response(StatusCode::OK, &body)
    };
    Ok(answered(first, built(make).await?))
}

/// Content of a request.
#[derive(Debug)]
struct Wanted {
    /// For every prompt.
    ask: Ask,
    prompts: Vec<Prompt>,
    streaming: Streaming,
    /// True if each answer begins with its prompt.
    is_echoed: bool,
    /// Number of likely tokens told in each place of the prompt, if any are.
    prompt_logprobs: Option<u32>,
    /// Number of answers wanted of each prompt.
    n: usize,
    /// Choice of them, where more are made.
    best_of: Option<BestOf>,
}

/// The answers to prompts, and what is repeated before them.
async fn answers(
    service: &Arc<Service>,
    caller: &Caller,
    asks: Vec<Ask>,
    is_echoed: bool,
) -> Result<(Vec<Answer>, Vec<Echo>), ApiError> {
    let id = new_id()?;
    let place = |number: usize, ask: &Ask| Place { id: id.clone(), first: number * ask.count.max(1) };
    let echoes = match is_echoed {
        false => Vec::new(),
        true => {
            let (lease, echoes) = service.echoes(caller, asks.clone()).await?;
            if asks.iter().all(|ask| ask.max_tokens == Some(0)) {
                let alone =
                    |(number, (ask, echo)): (usize, (&Ask, &Echo))| echo.alone(ask, &lease.worker, place(number, ask));
                return Ok((asks.iter().zip(&echoes).enumerate().map(alone).collect(), echoes));
            }
            echoes
        }
    };
    let mut answers = Vec::with_capacity(asks.len());
    for (number, ask) in asks.into_iter().enumerate() {
        let place = place(number, &ask);
        answers.push(service.answer_in(caller, ask, place).await?);
    }
    Ok((answers, echoes))
}

fn read(mut fields: Fields) -> Result<Wanted, ApiError> {
    let prompts = prompts(fields.need("prompt")?, "prompt")?;
    let streaming = streaming(&mut fields)?;
    let mut ask = shared(&mut fields)?;
    ask.format = response_format(&mut fields)?;
    ask.logprobs = match fields.take::<Value>("logprobs")? {
        None | Some(Value::Bool(false)) => None,
        Some(Value::Bool(true)) => Some(0),
        Some(value) => {
            let count = value.as_u64().and_then(|count| u32::try_from(count).ok());
            Some(count.ok_or_else(|| fields.wrong("logprobs", "a whole number"))?)
        }
    };
    let suffix: String = fields.take("suffix")?.unwrap_or_default();
    let prompts = prompts.into_iter().map(|prompt| around(prompt, &suffix)).collect::<Result<_, _>>()?;
    let prompt_logprobs = prompt_logprobs(&mut fields, streaming)?;
    let is_echoed = fields.take("echo")?.unwrap_or(false);
    // Who reads the prompt's log-probabilities counts on one for each token that was chosen.
    ask.tells_end = is_echoed;
    let n = ask.count.max(1);
    let tells = (ask.logprobs.is_some(), ask.tells_end);
    let best_of = BestOf::read(&mut fields, n, streaming.is_wanted, tells)?.map(|(best_of, made)| {
        // The likeliest shows by their log-probabilities, with that of the end.
        ask.count = made;
        ask.logprobs = ask.logprobs.or(Some(0));
        ask.tells_end = true;
        best_of
    });
    fields.finish()?;
    Ok(Wanted { ask, prompts, streaming, is_echoed, prompt_logprobs, n, best_of })
}

/// Number of likely tokens wanted in each place of the prompt; no stream has a place for them.
pub(super) fn prompt_logprobs(fields: &mut Fields, streaming: Streaming) -> Result<Option<u32>, ApiError> {
    let wanted = match fields.take::<Value>("prompt_logprobs")? {
        None | Some(Value::Bool(false)) => return Ok(None),
        Some(value) => value.as_u64().and_then(|count| u32::try_from(count).ok()),
    };
    if streaming.is_wanted {
        return Err(ApiError::parameter(
            "prompt_logprobs",
            "prompt_logprobs cannot go with stream; ask for whole answers",
        ));
    }
    wanted.map(Some).ok_or_else(|| fields.wrong("prompt_logprobs", "a whole number"))
}

/// A prompt before a suffix: the gap between the two is to be filled.
fn around(prompt: Prompt, suffix: &str) -> Result<Prompt, ApiError> {
    match prompt {
        prompt if suffix.is_empty() => Ok(prompt),
        Prompt::Text(prefix) => Ok(Prompt::Gap(Gap { prefix, suffix: suffix.to_owned(), ..Gap::default() })),
        _ => Err(ApiError::parameter("suffix", "suffix needs a prompt that is a text")),
    }
}

/// One text, several, the ids of one, or of several.
///
/// # Errors
/// A value that is none of these, or too many.
pub(crate) fn prompts(value: Value, name: &str) -> Result<Vec<Prompt>, ApiError> {
    const EXPECTED: &str = "a text, an array of texts, an array of token ids, or an array of such arrays";
    let wrong = || ApiError::parameter(name, format!("{name} must be {EXPECTED}"));
    let ids = |values: &[Value]| -> Option<Prompt> {
        let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
        values.iter().map(id).collect::<Option<Vec<_>>>().map(Prompt::Ids)
    };
    let one = |value: &Value| match value {
        Value::String(text) => Some(Prompt::Text(text.clone())),
        Value::Array(values) => ids(values),
        _ => None,
    };
    let values = match &value {
        Value::String(_) => return one(&value).map(|prompt| vec![prompt]).ok_or_else(wrong),
        Value::Array(values) => values,
        _ => return Err(wrong()),
    };
    if values.first().is_some_and(Value::is_number) {
        return ids(values).map(|prompt| vec![prompt]).ok_or_else(wrong);
    }
    if values.is_empty() || values.len() > MAX_INPUTS {
        let found = values.len();
        let sentence = format!("{name} has {found} entries, but 1 to {MAX_INPUTS} are taken");
        return Err(ApiError::parameter(name, sentence));
    }
    values.iter().map(one).collect::<Option<Vec<_>>>().ok_or_else(wrong)
}

fn whole(answer: &Answer, choices: &[Choice], echoes: &[Echo], summary: &Summary) -> Value {
    let of_choice = |(index, choice)| whole_choice(index, choice, echoes.get(index));
    let choices: Vec<Value> = choices.iter().enumerate().map(of_choice).collect();
    let mut body = json!({
        "id": format!("cmpl-{}", answer.id),
        "object": "text_completion",
        "created": answer.created,
        "model": answer.model,
        "choices": choices,
        "usage": output::usage(summary),
        "system_fingerprint": answer.fingerprint,
        "seed": answer.seed,
        "timings": output::timings(summary),
    });
    if let Some(body) = body.as_object_mut() {
        body.extend(answer.labels.clone());
    }
    body
}

fn whole_choice(index: usize, choice: &Choice, echo: Option<&Echo>) -> Value {
    let repeated = echo.and_then(PlainLogprobs::of_prompt);
    let text = echo.map_or_else(|| choice.text.clone(), |echo| format!("{}{}", echo.text, choice.text));
    let logprobs = (repeated.is_some() || !choice.logprobs.is_empty()).then(|| {
        let mut logprobs = repeated.unwrap_or_default();
        logprobs.extend(&choice.logprobs, &mut echo.map_or(0, |echo| echo.text.chars().count()));
        logprobs
    });
    json!({
        "text": text,
        "index": index,
        "logprobs": logprobs,
        "finish_reason": output::finish_reason(choice.finish.as_ref()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_come_in_four_forms() {
        let of = |value| prompts(value, "prompt");
        assert_eq!(of(json!("a")).unwrap(), [Prompt::Text("a".into())]);
        assert_eq!(of(json!(["a", "b"])).unwrap(), [Prompt::Text("a".into()), Prompt::Text("b".into())]);
        assert_eq!(of(json!([1, 2])).unwrap(), [Prompt::Ids(vec![1, 2])]);
        assert_eq!(of(json!([[1], [2]])).unwrap(), [Prompt::Ids(vec![1]), Prompt::Ids(vec![2])]);
        for bad in [json!(1), json!([]), json!([1, "a"]), json!([[1.5]]), json!([-1]), json!({"a": 1})] {
            assert_eq!(of(bad).unwrap_err().param.as_deref(), Some("prompt"));
        }
    }

    #[test]
    fn a_suffix_makes_a_gap_and_a_negative_length_is_none() {
        let of = |value: Value| read(Fields::parse(value.to_string().as_bytes())?);
        let Wanted { ask, prompts, .. } =
            of(json!({"prompt": "a", "suffix": "b", "max_tokens": -1, "stop_token_ids": [3]})).unwrap();
        assert_eq!(prompts, [Prompt::Gap(Gap { prefix: "a".into(), suffix: "b".into(), ..Gap::default() })]);
        assert_eq!((ask.max_tokens, ask.stop_ids), (None, vec![3]));
        assert_eq!(of(json!({"prompt": [1], "suffix": "b"})).unwrap_err().param.as_deref(), Some("suffix"));
        for most in ["n_predict", "max_completion_tokens", "max_new_tokens"] {
            assert_eq!(of(json!({"prompt": "a", most: -1})).unwrap().ask.max_tokens, None);
            assert_eq!(of(json!({"prompt": "a", most: 5.0})).unwrap().ask.max_tokens, Some(5));
            let mistake = of(json!({"prompt": "a", most: -7})).unwrap_err();
            assert_eq!(mistake.param.as_deref(), Some(most), "no limit that was meant");
        }
        assert_eq!(of(json!({"prompt": "a", "priority": 101})).unwrap_err().param.as_deref(), Some("priority"));
    }

    #[test]
    fn what_is_not_supported_is_named() {
        let of = |value: Value| read(Fields::parse(value.to_string().as_bytes())?);
        assert!(of(json!({"prompt": "a", "echo": false, "best_of": 1, "suffix": null})).is_ok());
        assert!(of(json!({"prompt": "a", "echo": true, "logprobs": 1})).unwrap().is_echoed);
        assert_eq!(of(json!({"prompt": "a", "echo": "yes"})).unwrap_err().param.as_deref(), Some("echo"));
        assert_eq!(
            of(json!({"prompt": "a", "n": 0})).unwrap_err().param.as_deref(),
            Some("n"),
            "none is no number of answers"
        );
        for wrong in [json!({"n": 3, "best_of": 2}), json!({"best_of": 2, "stream": true}), json!({"best_of": "2"})] {
            let mut body = json!({"prompt": "a"});
            body.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
            assert_eq!(of(body).unwrap_err().param.as_deref(), Some("best_of"));
        }
        let wanted = of(json!({"prompt": "a", "n": 2, "best_of": 5})).unwrap();
        assert_eq!((wanted.n, wanted.ask.count, wanted.ask.logprobs), (2, 5, Some(0)));
    }
}
