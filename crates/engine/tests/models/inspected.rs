//! Inspected numbers are those that answers come from.

use crate::support::{CAPACITY, MODELS, alone, devices, load, request};
use hefu_engine::inspect::inspect;
use hefu_engine::sampling::{History, explain};
use hefu_numerics::program::{Rows, Value};
use std::sync::Arc;

#[test]
fn inspected_logits_are_those_of_the_answer_and_explain_its_tokens() {
    for name in MODELS {
        let mut values: Vec<Vec<u32>> = Vec::new();
        for device in devices() {
            let model = load(name, Arc::clone(&device));
            let asked =
                hefu_engine::Request { max_tokens: Some(20), all_logits: true, ..request(5, model.program.vocabulary) };
            let (ids, logits, _) = alone(&model, CAPACITY, &asked);
            let text = [&asked.prompt[..], &ids].concat();
            // A value of every kind of rows.
            let named = |rows| {
                (0..model.program.values.len() as u32).map(Value).find(|value| model.program.value(*value).rows == rows)
            };
            let probes: Vec<Value> = [Rows::All, Rows::Wanted].into_iter().filter_map(named).collect();
            let (mut found, mut numbers) = (Vec::new(), Vec::new());
            inspect(&model, &text[..text.len() - 1], &probes, &mut |pass| {
                for row in 0..pass.rows {
                    found.extend(pass.logits(row)?.iter().map(|logit| logit.to_bits()));
                }
                for probe in &probes {
                    numbers.extend(pass.read(*probe)?.iter().map(|number| number.to_bits()));
                }
                Ok(())
            })
            .unwrap();
            assert!(found == logits, "{name} on {}", device.name());
            values.push(numbers);
            let vocabulary = model.program.vocabulary;
            for (index, id) in ids.iter().enumerate() {
                let at = asked.prompt.len() + index;
                let row: Vec<f32> =
                    found[(at - 1) * vocabulary..at * vocabulary].iter().map(|bits| f32::from_bits(*bits)).collect();
                let why = explain(&row, &History::new(&text[..at]), &asked.parameters, None, at as u64, 5).unwrap();
                assert_eq!(why.id, *id, "{name} on {}, token {index}", device.name());
            }
        }
        assert!(values.windows(2).all(|pair| pair[0] == pair[1]), "{name}: values differ from device to device");
    }
}
