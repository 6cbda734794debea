//! Families, seen from outside.

use hefu_model::LoadOptions;
use hefu_model::gguf::Value;

use crate::devices::{load, logits};
use crate::tiny::{
    EXPERTS, FAMILIES, HEAD_SIZE, HEADS, KEY_VALUE_HEADS, Tiny, VOCABULARY, WIDTH, WINDOW, bits, distance, tokens,
};

fn run(tiny: &Tiny, tokens: &[u32]) -> Vec<f32> {
    logits(&tiny.load().expect("a good model"), tokens, [tokens.len()])
}

fn last(logits: &[f32]) -> Vec<u32> {
    bits(&logits[logits.len() - VOCABULARY..])
}

#[test]
fn every_earlier_token_counts() {
    for family in FAMILIES {
        let tiny = Tiny::new(family, 2, 21);
        let tokens = tokens(12, 4);
        let before = run(&tiny, &tokens);
        for changed in 0..12 {
            let mut other = tokens.clone();
            other[changed] = (other[changed] + 1) % VOCABULARY as u32;
            let after = run(&tiny, &other);
            let first = changed * VOCABULARY;
            assert_eq!(bits(&before[..first]), bits(&after[..first]), "{family}: earlier rows see token {changed}");
            assert_ne!(last(&before), last(&after), "{family}: the last row does not see token {changed}");
        }
    }
}

#[test]
fn a_window_hides_what_is_older() {
    for (family, key) in [("gemma3", "attention.sliding_window"), ("phi3", "attention.sliding_window")] {
        let mut tiny = Tiny::new(family, 1, 22);
        tiny.set(key, Value::U32(WINDOW as u32));
        let a = tokens(WINDOW + 1, 5);
        let mut b = a.clone();
        b[0] = (b[0] + 1) % VOCABULARY as u32;
        let (a, b) = (run(&tiny, &a), run(&tiny, &b));
        let edge = (WINDOW - 1) * VOCABULARY..WINDOW * VOCABULARY;
        assert_ne!(bits(&a[edge.clone()]), bits(&b[edge]), "{family}: position {} sees 0", WINDOW - 1);
        assert_eq!(last(&a), last(&b), "{family}: position {WINDOW} does not");
    }
}

#[test]
fn the_last_of_every_six_layers_sees_all() {
    let a = tokens(WINDOW * 7, 5);
    let mut b = a.clone();
    b[0] = (b[0] + 1) % VOCABULARY as u32;
    // Five local layers reach at most 5 * (WINDOW - 1) positions back.
    let is_seen = |layers| {
        let model = Tiny::new("gemma3", layers, 23);
        last(&run(&model, &a)) != last(&run(&model, &b))
    };
    assert!(!is_seen(5));
    assert!(is_seen(6));
}

#[test]
fn local_layers_have_their_own_rotation() {
    let tokens = tokens(10, 6);
    let with = |key: &str, value, layers| {
        let mut tiny = Tiny::new("gemma3", layers, 24);
        tiny.set(key, Value::F32(value));
        bits(&run(&tiny, &tokens))
    };
    // Five layers are all local: the global base and its scaling are without effect, the local base is not.
    assert_eq!(with("rope.freq_base", 1e6, 5), with("rope.freq_base", 1e4, 5));
    assert_eq!(with("rope.scaling.factor", 8.0, 5), with("rope.scaling.factor", 1.0, 5));
    assert_eq!(with("rope.freq_base_swa", 1e4, 5), with("rope.freq_base", 1e6, 5));
    assert_ne!(with("rope.freq_base_swa", 1e4, 5), with("rope.freq_base_swa", 1e5, 5));
    assert_ne!(with("rope.freq_base", 1e6, 6), with("rope.freq_base", 1e4, 6));
    assert_ne!(with("rope.scaling.factor", 8.0, 6), with("rope.scaling.factor", 1.0, 6));
}

#[test]
fn identical_experts_make_a_dense_model() {
    let mut sparse = Tiny::new("llama-experts", 1, 25);
    let mut dense = sparse.clone();
    dense.keys.retain(|(key, _)| !key.contains("expert"));
    dense.tensors.retain(|tensor| !tensor.name.contains("ffn_gate_inp"));
    for tensor in &mut dense.tensors {
        if let Some(name) = tensor.name.strip_suffix("_exps.weight").map(str::to_owned) {
            tensor.name = format!("{name}.weight");
            tensor.shape.pop();
            tensor.values.truncate(tensor.values.len() / EXPERTS);
            let repeated = tensor.values.repeat(EXPERTS);
            sparse.tensor(&format!("{name}_exps.weight")).values = repeated;
        }
    }
    let tokens = tokens(9, 7);
    let distance = distance(&run(&sparse, &tokens), &run(&dense, &tokens));
    assert!(distance < 1e-4, "weights of the chosen experts add up to 1: {distance}");
    let routed = Tiny::new("llama-experts", 1, 25);
    assert!(self::distance(&run(&routed, &tokens), &run(&dense, &tokens)) > 1e-2, "experts differ otherwise");
}

#[test]
fn fused_tensors_are_their_parts() {
    let fused = Tiny::new("phi3", 2, 26);
    let tokens = tokens(11, 8);
    let mut parts = fused.clone();
    parts.keys[0].1 = Value::String(b"qwen2");
    for (key, _) in &mut parts.keys {
        *key = key.replace("phi3.", "qwen2.");
    }
    // Without LongRoPE's factors on both sides, and with biases that add nothing.
    parts.tensors.retain(|tensor| !tensor.name.starts_with("rope_factors"));
    for layer in 0..2 {
        let name = |tensor: &str| format!("blk.{layer}.{tensor}");
        let (queries, keys) = (HEADS * HEAD_SIZE, KEY_VALUE_HEADS * HEAD_SIZE);
        split(&mut parts, &name("attn_qkv.weight"), &[("attn_q", queries), ("attn_k", keys), ("attn_v", keys)]);
        split(&mut parts, &name("ffn_up.weight"), &[("ffn_gate", 96), ("ffn_up", 96)]);
        for (bias, rows) in [("attn_q.bias", queries), ("attn_k.bias", keys), ("attn_v.bias", keys)] {
            let values = vec![0.0; rows];
            let shape = vec![rows as u64];
            parts.tensors.push(crate::tiny::Tensor { name: name(bias), shape, format: "F32", values });
        }
    }
    let mut plain = fused.clone();
    plain.tensors.retain(|tensor| !tensor.name.starts_with("rope_factors"));
    assert_eq!(bits(&run(&plain, &tokens)), bits(&run(&parts, &tokens)));
}

/// Replaces a tensor by consecutive rows of it.
fn split(tiny: &mut Tiny, name: &str, parts: &[(&str, usize)]) {
    let index = tiny.tensors.iter().position(|tensor| tensor.name == name).expect("the fused tensor");
    let whole = tiny.tensors.remove(index);
    let block = name.rsplit_once('.').and_then(|(rest, _)| rest.rsplit_once('.')).expect("blk.N.tensor.weight").0;
    let mut start = 0;
    for (part, rows) in parts {
        let values = whole.values[start * WIDTH..(start + rows) * WIDTH].to_vec();
        start += rows;
        let (name, shape) = (format!("{block}.{part}.weight"), vec![WIDTH as u64, *rows as u64]);
        tiny.tensors.push(crate::tiny::Tensor { name, shape, format: whole.format, values });
    }
}

#[test]
fn neighbours_are_halves_with_their_rows_interleaved() {
    let mut halves = Tiny::new("qwen3", 1, 27);
    halves.tensors.retain(|tensor| !tensor.name.contains("_norm.weight") || !tensor.name.contains("attn_q_norm"));
    halves.tensors.retain(|tensor| !tensor.name.contains("attn_k_norm"));
    let rename = |tiny: &mut Tiny, to: &'static str| {
        tiny.keys[0].1 = Value::String(to.as_bytes());
        tiny.keys.iter_mut().for_each(|(key, _)| *key = key.replace("qwen3.", &format!("{to}.")));
    };
    let mut neighbours = halves.clone();
    rename(&mut neighbours, "llama");
    rename(&mut halves, "phi3");
    for name in ["blk.0.attn_q.weight", "blk.0.attn_k.weight"] {
        let tensor = neighbours.tensor(name);
        let rows: Vec<&[f32]> = tensor.values.chunks_exact(WIDTH).collect();
        let half = HEAD_SIZE / 2;
        // Row 2 i of a head was row i, row 2 i + 1 was row i + half.
        let from = |row: usize| row / HEAD_SIZE * HEAD_SIZE + row % HEAD_SIZE / 2 + row % 2 * half;
        tensor.values = (0..rows.len()).flat_map(|row| rows[from(row)].to_vec()).collect();
    }
    let fuse = |tiny: &mut Tiny, into: &str, parts: [&str; 2], more: Option<&str>| {
        let mut values = vec![];
        for part in parts.into_iter().chain(more) {
            values.extend(tiny.tensor(part).values.clone());
            tiny.tensors.retain(|tensor| tensor.name != part);
        }
        let shape = vec![WIDTH as u64, (values.len() / WIDTH) as u64];
        tiny.tensors.push(crate::tiny::Tensor { name: into.into(), shape, format: "F32", values });
    };
    for tiny in [&mut neighbours, &mut halves] {
        tiny.tensors.iter_mut().for_each(|tensor| tensor.format = "F32");
    }
    fuse(
        &mut halves,
        "blk.0.attn_qkv.weight",
        ["blk.0.attn_q.weight", "blk.0.attn_k.weight"],
        Some("blk.0.attn_v.weight"),
    );
    fuse(&mut halves, "blk.0.ffn_up.weight", ["blk.0.ffn_gate.weight", "blk.0.ffn_up.weight"], None);
    let tokens = tokens(14, 9);
    let distance = distance(&run(&halves, &tokens), &run(&neighbours, &tokens));
    assert!(distance < 1e-4, "only the order of elements differs: {distance}");
}

#[test]
fn a_long_context_rotates_by_the_long_factors() {
    let tiny = Tiny::new("phi3", 1, 28);
    let tokens = tokens(10, 10);
    let at = |context| {
        let options = LoadOptions { context: Some(context), ..LoadOptions::default() };
        bits(&logits(&load(&tiny.bytes(), &options).expect("a good model"), &tokens, [10]))
    };
    assert_eq!(at(100), at(128));
    assert_ne!(at(128), at(129));
    let mut swapped = tiny.clone();
    let long = swapped.tensor("rope_factors_long.weight").values.clone();
    swapped.tensor("rope_factors_short.weight").values = long;
    let model =
        load(&swapped.bytes(), &LoadOptions { context: Some(128), ..LoadOptions::default() }).expect("a good model");
    assert_eq!(at(129), bits(&logits(&model, &tokens, [10])));
}

#[test]
fn scalings_change_results_and_are_read() {
    let tokens = tokens(10, 11);
    let with = |keys: &[(&str, Value<'static>)]| {
        let mut tiny = Tiny::new("qwen2", 1, 29);
        keys.iter().for_each(|(key, value)| tiny.set(key, *value));
        bits(&run(&tiny, &tokens))
    };
    let plain = with(&[]);
    let kind = |kind: &'static str| ("rope.scaling.type", Value::String(kind.as_bytes()));
    let factor = ("rope.scaling.factor", Value::F32(4.0));
    assert_eq!(plain, with(&[kind("none"), factor]));
    assert_eq!(with(&[kind("linear"), factor]), with(&[("rope.scale_linear", Value::F32(4.0))]));
    let yarn = with(&[kind("yarn"), factor]);
    let original = ("rope.scaling.original_context_length", Value::U32(64));
    let results = [plain, with(&[factor]), yarn, with(&[kind("yarn"), factor, original])];
    for (i, a) in results.iter().enumerate() {
        assert!(results[..i].iter().all(|b| a != b), "scaling {i} has no effect of its own");
    }
}

#[test]
fn capped_logits_stay_below_the_cap() {
    let tokens = tokens(10, 12);
    let mut tiny = Tiny::new("gemma3", 1, 30);
    let open = run(&tiny, &tokens);
    tiny.set("final_logit_softcapping", Value::F32(0.5));
    let capped = run(&tiny, &tokens);
    assert!(open.iter().any(|x| x.abs() > 0.5) && capped.iter().all(|x| x.abs() <= 0.5));
    let expected: Vec<f32> = open.iter().map(|x| 0.5 * (x / 0.5).tanh()).collect();
    assert!(distance(&expected, &capped) < 1e-5);
}

#[test]
fn a_file_may_list_its_recurrent_layers() {
    let tokens = tokens(10, 13);
    let by_interval = Tiny::new("qwen35", 3, 31);
    let mut listed = by_interval.clone();
    listed.keys.retain(|(key, _)| !key.ends_with("full_attention_interval"));
    // The last is that of the layer that only guesses.
    listed.lists.push(("qwen35.attention.recurrent_layers".into(), vec![true, false, true, false]));
    assert_eq!(bits(&run(&by_interval, &tokens)), bits(&run(&listed, &tokens)));
    listed.lists[0].1.pop();
    let error = listed.spec().expect_err("a layer is missing").to_string();
    assert!(error.contains("recurrent_layers` is an array of 3 Bool, but 4 Bool are needed"), "{error}");
}

#[test]
fn the_rotation_of_text_has_no_sections() {
    let tokens = tokens(10, 14);
    let plain = Tiny::new("qwen35", 2, 32);
    let mut sections = plain.clone();
    sections.set("rope.dimension_sections", Value::U32(3));
    assert_eq!(bits(&run(&plain, &tokens)), bits(&run(&sections, &tokens)));
}

#[test]
fn routing_is_as_the_file_says() {
    let tokens = tokens(10, 15);
    let with = |change: &dyn Fn(&mut Tiny)| {
        let mut tiny = Tiny::new("deepseek2", 2, 33);
        change(&mut tiny);
        bits(&run(&tiny, &tokens))
    };
    let base = with(&|_| {});
    // A sigmoid is what files with a bias have that do not say it.
    assert_eq!(base, with(&|tiny| tiny.keys.retain(|(key, _)| !key.ends_with("gating_func"))));
    let differ: [&dyn Fn(&mut Tiny); 6] = [
        &|tiny| tiny.set("expert_gating_func", Value::U32(1)),
        &|tiny| tiny.set("expert_weights_norm", Value::Bool(false)),
        &|tiny| tiny.set("expert_weights_scale", Value::F32(1.0)),
        &|tiny| tiny.tensors.retain(|tensor| !tensor.name.contains("exp_probs_b")),
        &|tiny| {
            tiny.set("expert_shared_count", Value::U32(0));
            tiny.tensors.retain(|tensor| !tensor.name.contains("shexp"));
        },
        &|tiny| tiny.set("rope.scaling.yarn_log_multiplier", Value::F32(0.1)),
    ];
    for (number, change) in differ.into_iter().enumerate() {
        assert_ne!(base, with(change), "change {number} has no effect");
    }
    // Where all groups are used, or there is one, all experts are open.
    let all = with(&|tiny| tiny.set("expert_group_used_count", Value::U32(3)));
    assert_eq!(all, with(&|tiny| tiny.set("expert_group_count", Value::U32(1))));
}

#[test]
fn shapes_of_latent_attention_and_of_groups_are_checked() {
    let check = |key: &str, value: u32, expected: &str| {
        let mut tiny = Tiny::new("deepseek2", 2, 34);
        tiny.set(key, Value::U32(value));
        let error = tiny.spec().expect_err(expected).to_string();
        assert!(error.contains(expected), "`{error}` should say `{expected}`");
    };
    check("attention.head_count_kv", 4, "is 4, but only 1 to 1 is supported");
    check("attention.key_length", 24, "is 24, but only 40 to 40 is supported");
    check("expert_group_count", 4, "is 4, which does not divide the 6 experts");
    check("expert_group_used_count", 0, "is 0, but only 1 to 3 is supported");
    check("expert_gating_func", 3, "is 3, but only 1 to 2 is supported");
    check("nextn_predict_layers", 2, "is 2, but only 0 to 1 is supported");
}
