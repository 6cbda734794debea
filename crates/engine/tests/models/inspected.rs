//! Inspected numbers are those that answers come from.

use crate::support::{CAPACITY, MODELS, alone, devices, load, request};
use hefu_engine::inspect::{
    Asked, Change, Edit, Findings, Inspection, Inspections, LAYER, MAX_EDITS, MAX_OF_CLIENT, Making, Ranges, Refusal,
    Ticket, Wanted, Wish, digest, inspect, inspect_all, visible,
};
use hefu_engine::sampling::{History, explain};
use hefu_numerics::device::Model;
use hefu_numerics::program::{Rows, Value};
use std::sync::Arc;
use std::time::Duration;

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

pub(crate) fn wish(name: &str) -> Wish {
    Wish { name: name.to_owned(), ..Wish::default() }
}

/// A text of a model, looked at as wished.
pub(crate) fn asked(model: &Model, values: Vec<Wish>) -> Asked {
    let request = request(5, model.program.vocabulary);
    let (ids, ..) = alone(model, CAPACITY, &request);
    let prompt = request.prompt.len();
    let tokens = [&request.prompt[..], &ids].concat();
    let wanted = Wanted { values, candidates: 3, steps: None };
    Asked {
        tokens,
        prompt,
        parameters: request.parameters,
        wanted,
        most_numbers: 1 << 24,
        edits: Vec::new(),
        making: Making::default(),
    }
}

#[test]
fn everything_that_can_be_seen_is_the_same_on_every_device_and_at_every_pace() {
    for name in MODELS {
        let mut all: Vec<Findings> = Vec::new();
        for device in devices() {
            let model = load(name, Arc::clone(&device));
            let names = visible(&model.program);
            let asked = asked(&model, names.iter().map(|visible| wish(&visible.name)).collect());
            all.push(inspect_all(&model, asked.clone()).unwrap());
            let mut slowly = Inspection::new(&model, asked).unwrap();
            while slowly.step(1 + all.len() * 6).unwrap() {}
            all.push(slowly.into_findings());
        }
        for other in &all[1..] {
            assert!(*other == all[0], "{name}: what is seen differs");
        }
        let of = |name: &str| all[0].values.iter().filter(|seen| seen.name == name).collect::<Vec<_>>();
        // The lens at the last layer is the model itself.
        assert_eq!(of("lens").last().unwrap().numbers, of("logits")[0].numbers, "{name}");
        assert!(of("lens").len() == 1 || of("lens")[0].numbers != of("logits")[0].numbers, "{name}");
        assert!(all[0].steps.iter().all(|why| all[0].tokens[why.position] == why.explanation.id));
        assert_eq!(all[0].steps.len(), all[0].tokens.len() - all[0].prompt, "{name}");
    }
}

#[test]
fn heads_layers_and_positions_are_parts_of_the_whole() {
    let model = load("tiny-qwen2", devices().into_iter().next().unwrap());
    let whole = inspect_all(&model, asked(&model, vec![wish("attention_output"), wish("logits")])).unwrap();
    let some = |numbers: &str| Some(numbers.parse::<Ranges>().unwrap());
    let part = Wish { layers: some("1"), heads: some("0,2"), positions: some("2,4-5"), ..wish("attention_output") };
    let best = Wish { positions: some("3"), best: Some(4), ..wish("logits") };
    let found = inspect_all(&model, asked(&model, vec![part, best])).unwrap();
    let (part, best) = (&found.values[0], &found.values[1]);
    assert_eq!((part.layer, &part.heads, &part.positions[..]), (Some(1), &Some(vec![0, 2]), &[2, 4, 5][..]));
    let layer: Vec<&[f32]> = whole.values[1].rows().collect();
    for (at, row) in part.positions.iter().zip(part.rows()) {
        assert_eq!(row, [&layer[*at][..16], &layer[*at][32..48]].concat());
    }
    let logits = whole.values[2].rows().nth(3).unwrap();
    let best = &best.best.as_ref().unwrap()[0];
    assert!(best.len() == 4 && best.is_sorted_by(|a, b| a.logit >= b.logit));
    assert!(best.iter().all(|one| logits[one.id as usize] == one.logit));
    assert_eq!(best[0].logit, logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
}

#[test]
fn what_cannot_be_seen_is_refused_before_anything_is_computed() {
    let model = load("tiny-qwen2", devices().into_iter().next().unwrap());
    let of = |change: &dyn Fn(&mut Asked)| {
        let mut asked = asked(&model, vec![wish("queries")]);
        change(&mut asked);
        Inspection::new(&model, asked).map(drop).unwrap_err().to_string()
    };
    let some = |numbers: &str| Some(numbers.parse::<Ranges>().unwrap());
    let with = |wish: Wish| move |asked: &mut Asked| asked.wanted.values = vec![wish.clone()];
    assert!(of(&with(wish("querys"))).contains("is called querys"));
    assert!(of(&with(Wish { layers: some("9"), ..wish("queries") })).contains("is called queries"));
    assert!(of(&with(Wish { heads: some("9"), ..wish("queries") })).contains("queries has 3 heads"));
    assert!(of(&with(Wish { heads: some("0"), ..wish("block_output") })).contains("block_output has 1 heads"));
    assert!(of(&with(Wish { best: Some(1), ..wish("queries") })).contains("no row of logits"));
    assert!(of(&|asked| asked.wanted.values.push(wish("queries"))).contains("asked for twice"));
    assert!(of(&|asked| asked.most_numbers = 99).contains("more than 99 numbers"));
    assert!(of(&|asked| asked.tokens.push(288)).contains("names token 288"));
    assert!(of(&|asked| asked.tokens.clear()).contains("has 0 tokens"));
    assert!(of(&|asked| asked.tokens = vec![0; 1025]).contains("has 1025 tokens"));
}

#[test]
fn every_client_has_its_turn() {
    let model = load("tiny-qwen2", devices().into_iter().next().unwrap());
    let mut queue = Inspections::new(&model);
    let asked = asked(&model, Vec::new());
    let submit = |queue: &mut Inspections, client, deadline| {
        queue.submit(client, asked.clone(), Duration::from_secs(deadline).into()).map_err(|refusal| refusal.to_string())
    };
    let first: Vec<Ticket> = (0..MAX_OF_CLIENT).map(|_| submit(&mut queue, 1, 9).unwrap()).collect();
    assert_eq!(submit(&mut queue, 1, 9), Err("8 traces wait already; try again in a moment".to_owned()));
    let second: Vec<Ticket> = (0..2).map(|_| submit(&mut queue, 2, 9).unwrap()).collect();
    let third = submit(&mut queue, 3, 1).unwrap();
    queue.cancel(first[1]);
    let (mut over, mut now) = (Vec::new(), Duration::ZERO);
    while !queue.is_idle() {
        over.extend(queue.step(now, over.len() % 2 == 0));
        if over.len() == 3 {
            now = Duration::from_secs(2);
        }
    }
    let order: Vec<Ticket> = over.iter().map(|(ticket, _)| *ticket).collect();
    let expected = [first[0], second[0], third, first[2], second[1], first[3]];
    assert_eq!(order[..6], expected);
    assert!(over.iter().all(|(_, outcome)| outcome.as_ref().is_ok_and(|found| *found == *over[0].1.as_ref().unwrap())));
    // A late request is not begun.
    let late = submit(&mut queue, 1, 1).unwrap();
    assert_eq!(queue.step(now, false), Some((late, Err(Refusal::Overdue))));
}

fn edit(name: &str, change: Change) -> Edit {
    Edit { name: name.to_owned(), layers: None, heads: None, positions: None, change }
}

/// A text of a model that is made under edits, looked at as wished.
fn edited(model: &Model, edits: Vec<Edit>, values: Vec<Wish>) -> Asked {
    let request = request(5, model.program.vocabulary);
    let wanted = Wanted { values, candidates: 3, steps: None };
    let making = Making { tokens: 6, ..Making::default() };
    let prompt = request.prompt.len();
    let (tokens, parameters, most_numbers) = (request.prompt, request.parameters, 1 << 24);
    Asked { tokens, prompt, parameters, wanted, most_numbers, edits, making }
}

#[test]
fn an_edited_model_computes_the_same_on_every_device_and_what_the_edit_says() {
    for name in MODELS {
        let mut all: Vec<Vec<Findings>> = Vec::new();
        for device in devices() {
            let model = load(name, Arc::clone(&device));
            // A value of every layer that is handed on, and one with heads where there is one.
            let output = model.program.value(model.program.layer_outputs()[0]).name.clone();
            let names = visible(&model.program);
            let headed = names
                .iter()
                .find(|visible| visible.heads > 1 && visible.name != "attention" && !visible.layers.is_empty());
            let width = names.iter().find(|visible| visible.name == output).unwrap().numbers.unwrap();
            let at = Ranges::of([2, 3]);
            let mut cases = vec![
                vec![Edit { positions: Some(at.clone()), ..edit(&output, Change::Off) }],
                vec![Edit { layers: Some(Ranges::of([0])), ..edit(&output, Change::Add(vec![0.5; width])) }],
                vec![Edit {
                    positions: Some(at.clone()),
                    ..edit(&output, Change::Put((0..2 * width).map(|at| at as f32 / 64.0).collect()))
                }],
                vec![Edit { layers: Some(Ranges::of([0])), ..edit(LAYER, Change::Off) }],
            ];
            cases.extend(
                headed.map(|headed| vec![Edit { heads: Some(Ranges::of([1])), ..edit(&headed.name, Change::Off) }]),
            );
            let seen: Vec<Findings> = cases
                .iter()
                .map(|edits| {
                    let wishes = std::iter::once(output.as_str()).chain(headed.map(|headed| headed.name.as_str()));
                    let mut wishes: Vec<Wish> = wishes.map(wish).collect();
                    wishes.dedup_by(|a, b| a.name == b.name);
                    let found = inspect_all(&model, edited(&model, edits.clone(), wishes));
                    found.unwrap_or_else(|refusal| panic!("{name} on {}: {edits:?}: {refusal}", device.name()))
                })
                .collect();
            let rows = |findings: &Findings, position: usize| findings.values[0].rows().nth(position).unwrap().to_vec();
            assert!(
                rows(&seen[0], 2).iter().all(|number| *number == 0.0)
                    && rows(&seen[0], 4).iter().any(|number| *number != 0.0)
            );
            assert_eq!(rows(&seen[2], 3), (width..2 * width).map(|at| at as f32 / 64.0).collect::<Vec<_>>(), "{name}");
            if let (Some(headed), Some(found)) = (headed, seen.get(4)) {
                let found = found.values.iter().find(|seen| seen.name == headed.name).unwrap();
                let size = found.width / headed.heads;
                assert!(found.rows().all(|row| row[size..2 * size].iter().all(|number| *number == 0.0)), "{name}");
                assert!(found.rows().any(|row| row[..size].iter().any(|number| *number != 0.0)), "{name}");
            }
            all.push(seen);
        }
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{name}: edits differ from device to device");
    }
}

#[test]
fn an_edit_that_changes_nothing_gives_the_answer_of_the_model_and_is_known_all_the_same() {
    for name in MODELS {
        let model = load(name, Arc::clone(&devices()[0]));
        let output = model.program.value(model.program.layer_outputs()[0]).name.clone();
        let plain = inspect_all(&model, edited(&model, Vec::new(), vec![wish("logits")])).unwrap();
        // Beyond the text, no row is meant.
        let edits = vec![Edit { positions: Some(Ranges::of([100_000])), ..edit(&output, Change::Off) }];
        assert_eq!(inspect_all(&model, edited(&model, edits.clone(), vec![wish("logits")])).unwrap(), plain, "{name}");
        assert_ne!(digest(&edits), digest(&[]));
        assert_ne!(digest(&edits), digest(&[edit(&output, Change::Off)]));
        let (ids, ..) = alone(&model, CAPACITY, &request(5, model.program.vocabulary));
        let made = &plain.tokens[plain.prompt..];
        assert_eq!(made, &ids[..made.len()], "{name}: what is made while it is looked at is the answer");
    }
}

#[test]
fn edits_that_cannot_be_are_refused() {
    let model = load(MODELS[0], Arc::clone(&devices()[0]));
    let output = model.program.value(model.program.layer_outputs()[0]).name.clone();
    let many = vec![edit(&output, Change::Off); MAX_EDITS + 1];
    for (edits, said) in [
        (vec![edit("absent", Change::Off)], "absent"),
        (vec![edit("attention", Change::Off)], "cannot be changed"),
        (vec![edit("logits", Change::Off)], "cannot be changed"),
        (vec![edit(LAYER, Change::Add(vec![1.0]))], "switched off, and nothing else"),
        (vec![edit(&output, Change::Add(vec![1.0]))], "brings 1 numbers"),
        (vec![edit(&output, Change::Add(Vec::new()))], "brings 0 numbers"),
        (vec![Edit { heads: Some(Ranges::of([9999])), ..edit(&output, Change::Off) }], "heads"),
        (many, "more than"),
    ] {
        let refusal = Inspection::new(&model, edited(&model, edits, Vec::new())).err().unwrap().to_string();
        assert!(refusal.contains(said), "{refusal}");
    }
    let more = Asked {
        making: Making { tokens: usize::MAX / 2, ..Making::default() },
        ..edited(&model, Vec::new(), Vec::new())
    };
    assert!(matches!(Inspection::new(&model, more), Err(Refusal::Length { .. })));
}
