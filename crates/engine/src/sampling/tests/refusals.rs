//! Refused settings, word for word.

use crate::sampling::{Dry, Error, History, MAX_LISTED_TOKENS, MAX_VOCABULARY, Parameters, Scratch, Xtc, sample};

fn refusal(parameters: &Parameters) -> String {
    parameters.validate().expect_err("must be refused").to_string()
}

fn greedy(logits: &[f32], parameters: &Parameters) -> Result<u32, Error> {
    let history = History::default();
    sample(logits, &history, parameters, 0, &mut Scratch::default()).map(|choice| choice.id)
}

#[test]
fn defaults_are_allowed() {
    assert_eq!(Parameters::default().validate(), Ok(()));
    assert_eq!(Parameters::greedy().validate(), Ok(()));
}

#[test]
fn each_setting_is_named_with_its_value_and_range() {
    let check = |change: &dyn Fn(&mut Parameters), expected: &str| {
        let mut parameters = Parameters::default();
        change(&mut parameters);
        assert_eq!(refusal(&parameters), expected);
    };
    check(&|p| p.temperature = -0.1, "temperature is -0.1, but must be between 0 and 100");
    check(&|p| p.temperature = f32::NAN, "temperature is NaN, but must be between 0 and 100");
    check(&|p| p.top_p = 1.5, "top_p is 1.5, but must be between 0 and 1");
    check(&|p| p.min_p = f32::INFINITY, "min_p is inf, but must be between 0 and 1");
    check(&|p| p.typical_p = -1.0, "typical_p is -1, but must be between 0 and 1");
    check(&|p| p.repetition_penalty = 0.0, "repetition_penalty is 0, but must be above 0 and at most 10");
    check(&|p| p.repetition_penalty = f32::NAN, "repetition_penalty is NaN, but must be above 0 and at most 10");
    check(&|p| p.presence_penalty = 11.0, "presence_penalty is 11, but must be between -10 and 10");
    check(&|p| p.frequency_penalty = -11.0, "frequency_penalty is -11, but must be between -10 and 10");
    check(
        &|p| p.repeat_last_n = -2,
        "repeat_last_n is -2, but must be -1 (everything so far), 0 (off) or a number of tokens",
    );
    check(&|p| p.min_keep = 0, "min_keep is 0, but must be at least 1");
    check(&|p| p.logprobs = Some(1001), "logprobs is 1001, but must be at most 1000");
    check(&|p| p.dry.multiplier = -1.0, "dry.multiplier is -1, but must be between 0 and 100");
    check(&|p| p.dry.base = 0.5, "dry.base is 0.5, but must be between 1 and 100");
    check(&|p| p.dry.allowed_length = 0, "dry.allowed_length is 0, but must be at least 1");
    check(&|p| p.xtc.probability = 2.0, "xtc.probability is 2, but must be between 0 and 1");
    check(&|p| p.xtc.threshold = -0.5, "xtc.threshold is -0.5, but must be between 0 and 1");
    check(
        &|p| p.logit_bias = [(3, 1.0), (7, -101.0)].into(),
        "logit_bias is -101 for token 7, but must be between -100 and 100 for each token",
    );
    check(
        &|p| p.banned = (0..=MAX_LISTED_TOKENS as u32).collect(),
        "banned is 4097 tokens long, but must be at most 4096 tokens long",
    );
}

#[test]
fn every_violation_is_told_at_once() {
    let parameters = Parameters {
        top_p: 2.0,
        dry: Dry { penalty_last_n: -5, ..Dry::default() },
        xtc: Xtc { probability: f32::NAN, threshold: 0.1 },
        ..Parameters::default()
    };
    let Err(Error::Parameters(violations)) = parameters.validate() else {
        panic!("three settings are wrong");
    };
    let names: Vec<_> = violations.iter().map(|violation| violation.name).collect();
    assert_eq!(names, ["top_p", "dry.penalty_last_n", "xtc.probability"]);
    assert_eq!(greedy(&[1.0], &parameters), Err(Error::Parameters(violations)));
}

#[test]
fn a_damaged_logit_is_an_error_and_never_a_token() {
    let parameters = Parameters::greedy();
    let nan = greedy(&[1.0, f32::NEG_INFINITY, f32::NAN, f32::INFINITY], &parameters);
    assert_eq!(nan, Err(Error::NotANumber { id: 2 }));
    let infinite = greedy(&[1.0, f32::INFINITY], &parameters).unwrap_err();
    let expected = "the logit of token 1 is infinite; the model's weights or its computation are damaged";
    assert_eq!(infinite.to_string(), expected);
    // Also where the token could not have been chosen.
    let banned = Parameters { banned: [1].into(), ..Parameters::default() };
    assert_eq!(greedy(&[1.0, f32::NAN], &banned), Err(Error::NotANumber { id: 1 }));
}

#[test]
fn nothing_to_choose_is_an_error() {
    for parameters in [Parameters::greedy(), Parameters::default()] {
        let ruled_out = greedy(&[f32::NEG_INFINITY; 40], &parameters);
        assert_eq!(ruled_out, Err(Error::NoCandidates));
        let banned = Parameters { banned: [0].into(), ignore_eos: [1].into(), logprobs: Some(2), ..parameters };
        assert_eq!(greedy(&[0.0, 1.0], &banned), Err(Error::NoCandidates));
        assert_eq!(greedy(&[0.0, 1.0, -9.0], &banned), Ok(2));
    }
}

#[test]
fn sizes_and_unknown_tokens_are_refused() {
    let parameters = Parameters::greedy();
    assert_eq!(greedy(&[], &parameters), Err(Error::EmptyVocabulary));
    let found = MAX_VOCABULARY + 1;
    let limit = MAX_VOCABULARY;
    let large = greedy(&vec![0.0; found], &parameters);
    assert_eq!(large, Err(Error::VocabularyTooLarge { found, limit }));
    let unknown = Parameters { logit_bias: [(4, 1.0)].into(), ..parameters };
    let message = greedy(&[0.0; 4], &unknown).unwrap_err().to_string();
    assert_eq!(message, "logit_bias names token 4, but the vocabulary has only the tokens below 4");
}

#[test]
fn settings_are_read_by_name_and_unknown_names_are_refused() {
    let text = r#"{"temperature":0.5,"dry":{"multiplier":0.8},"logit_bias":{"7":-1.5},"banned":[3]}"#;
    let parameters: Parameters = serde_json::from_str(text).unwrap();
    assert_eq!(parameters.dry.base, 1.75);
    assert_eq!(parameters.logit_bias.get(&7), Some(&-1.5));
    let again = serde_json::to_string(&parameters).unwrap();
    assert_eq!(serde_json::from_str::<Parameters>(&again).unwrap(), parameters);
    assert!(serde_json::from_str::<Parameters>(r#"{"temprature":1}"#).is_err());
}
