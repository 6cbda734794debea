//! Guesses of every kind against none.

use crate::support::{CAPACITY, MODELS, alone, devices, load, load_with_cache, request, settings};
use hefu_engine::Runner;
use hefu_engine::generation::Request;
use hefu_engine::speculation::{DraftModel, Gauge, Lookup};
use hefu_numerics::kv::Profile;
use hefu_numerics::ops::Alone;
use std::collections::BTreeSet;

#[test]
fn guesses_change_neither_tokens_nor_logits() {
    let (mut drafted, mut accepted) = (0, 0);
    for name in MODELS {
        for ops in devices() {
            // Every kind of settings with two prompts, on each profile of the cache.
            let models = Profile::ALL.map(|cache| load_with_cache(name, ops, cache));
            let vocabulary = models[0].config().vocabulary;
            for (number, model) in (0..8).flat_map(|number| models.iter().map(move |model| (number, model))) {
                // The longer prompt goes into the end of the context.
                let asked = |end_tokens: BTreeSet<u32>| Request {
                    parameters: settings(number / 2, number as u64),
                    max_tokens: (number % 2 == 0).then_some(15),
                    end_tokens,
                    all_logits: true,
                    ..request(number % 2 * 2 + 1, vocabulary)
                };
                let capacity = CAPACITY.min(asked(BTreeSet::new()).prompt.len() + 20);
                let plain = alone(model, capacity, asked(BTreeSet::new()), None);
                // An end token in the middle may fall into a run of guesses.
                let ends = BTreeSet::from([plain.0[plain.0.len() / 2]]);
                for ends in [BTreeSet::new(), ends] {
                    let expected = alone(model, capacity, asked(ends.clone()), None);
                    let mut draft = DraftModel::new(Runner::new(model, &Alone, capacity).unwrap());
                    let mut gauge = Gauge::always(5);
                    let found = alone(model, capacity, asked(ends.clone()), Some((&mut draft, &mut gauge)));
                    assert!(
                        found == expected,
                        "{name}, {}, {}, request {number}: draft model",
                        ops.name,
                        model.config().cache.name()
                    );
                    // A model that guesses at itself is always right.
                    let missed = gauge.drafted() - gauge.accepted();
                    assert!(missed == 0 || (missed < 5 && !ends.is_empty()), "{missed} of {}", gauge.drafted());
                    for mut gauge in [Gauge::always(7), Gauge::measuring(4)] {
                        let found = alone(model, capacity, asked(ends.clone()), Some((&mut Lookup::new(), &mut gauge)));
                        assert!(
                            found == expected,
                            "{name}, {}, {}, request {number}: look-up",
                            ops.name,
                            model.config().cache.name()
                        );
                        drafted += gauge.drafted();
                        accepted += gauge.accepted();
                    }
                }
            }
        }
    }
    assert!(accepted > 0 && accepted < drafted, "{accepted} of {drafted} guesses prove little");
}

#[test]
fn another_models_guesses_change_nothing() {
    let ops = hefu_cpu::select::best();
    let (model, other) = (load("tiny-gemma3", ops), load("tiny-qwen2", ops));
    for number in 0..6 {
        let asked = || Request { max_tokens: Some(20), ..request(number, model.config().vocabulary) };
        let expected = alone(&model, CAPACITY, asked(), None);
        // Its context ends before the answer does.
        let mut draft = DraftModel::new(Runner::new(&other, &Alone, asked().prompt.len() + 6).unwrap());
        let mut gauge = Gauge::always(3);
        assert!(alone(&model, CAPACITY, asked(), Some((&mut draft, &mut gauge))) == expected);
        assert!(gauge.drafted() > 0);
    }
}
