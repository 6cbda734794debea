//! `gap` on tiny models.

use crate::support::{Home, has_opencl, repository};
use serde_json::{Value, json};

/// The gated part of a layer, which is one step.
const GATED: &str = "ffn_gate + ffn_up + gate + ffn_down";
/// Queries, keys and values, where all rows are wanted.
const PROJECTIONS: &str = "attn_q + attn_k + attn_v";

/// The keys of a report.
const KEYS: [&str; 10] =
    ["model", "isa", "devices", "threads", "parallel", "largest_gaps", "machine", "tolerance", "faults", "phases"];

/// What a device can do at most.
fn must_be_rates(limits: &Value) {
    assert_eq!(keys(limits), ["read_bytes", "fastest_read_bytes", "int8_multiply_adds", "f32_multiply_adds"]);
    assert!(limits.as_object().unwrap().values().all(|rate| rate.as_f64().unwrap() > 0.0), "{limits}");
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn operation<'v>(phase: &'v Value, name: &str) -> &'v Value {
    let operations = phase["operations"].as_array().unwrap();
    operations.iter().find(|line| line["operation"] == name).unwrap_or_else(|| panic!("{name} is not in {phase}"))
}

#[test]
fn the_report_has_its_keys_and_the_counts_of_the_tiny_model() {
    let home = Home::new();
    let report = home.tiny(&["gap", "--prompt", "8", "--generate", "2", "--threads", "2", "--json"]).json();
    assert_eq!(keys(&report), KEYS);
    assert_eq!(report["devices"], json!([{ "device": report["isa"], "crossing_bytes_per_token": 0 }]));
    assert_eq!((report["threads"].as_u64(), report["parallel"].as_u64()), (Some(2), Some(1)));
    let machine = report["machine"].as_array().unwrap();
    assert_eq!(machine.iter().map(|rates| rates["threads"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2]);
    for rates in machine.iter().flat_map(|rates| rates.as_object().unwrap().values()) {
        assert!(rates.as_f64().unwrap() > 0.0, "{rates}");
    }
    let [prefill, decode] = &report["phases"].as_array().unwrap()[..] else { panic!("two phases") };
    // 2 layers, F32, width 64, inner width 96, 4 heads of 16 elements on 2: see `tiny`.
    for (phase, tokens) in [(prefill, 8), (decode, 2)] {
        assert_eq!(phase["tokens"], tokens);
        assert_eq!(phase["limits"].as_array().unwrap().len(), 1);
        must_be_rates(&phase["limits"][0]);
        let gated = operation(phase, GATED);
        let layers = if phase["phase"] == "prefill" { 2 } else { 2 * tokens };
        assert_eq!(gated["calls"], layers);
        assert_eq!(gated["bytes"], layers * 3 * 64 * 96 * 4);
        assert!(operation(phase, "rest")["seconds"].as_f64().unwrap() >= 0.0);
        let sum: f64 =
            phase["operations"].as_array().unwrap().iter().map(|line| line["seconds"].as_f64().unwrap()).sum();
        let all = phase["all"]["seconds"].as_f64().unwrap();
        assert!((sum - all).abs() < 1e-6 * all.max(1e-3), "{sum} of {all} seconds");
    }
    // The last layer goes on with the one row whose logits are wanted, its queries too; rows are padded to groups of 16.
    assert_eq!(operation(prefill, GATED)["f32_operations"], (8 + 1) * 96 * (3 * 64 + 20));
    assert_eq!(operation(prefill, PROJECTIONS)["f32_operations"], 8 * 64 * (64 + 32 + 32));
    assert_eq!(operation(prefill, "attn_q")["f32_operations"], 64 * 64);
    assert_eq!(operation(prefill, "attn_k + attn_v")["f32_operations"], 8 * 64 * (32 + 32));
    assert_eq!(operation(decode, PROJECTIONS)["f32_operations"], 2 * 2 * 64 * (64 + 32 + 32));
    assert_eq!(operation(decode, "output")["bytes"], 2 * 272 * 64 * 4);
    // Keys and values of 8 and of 9 earlier positions, 2 heads of 16 elements each, in 16 bits, in 2 layers.
    assert_eq!(operation(decode, "attend")["bytes"], 2 * (8 + 9) * 2 * 2 * 16 * 2);
    assert_eq!(operation(prefill, "attend")["bytes"], 0);
}

#[test]
fn many_sequences_read_each_weight_once_a_step() {
    let home = Home::new();
    let arguments = ["gap", "--prompt", "8", "--generate", "2", "--parallel", "3", "--threads", "1", "--json"];
    let report = home.tiny(&arguments).json();
    let decode = &report["phases"][1];
    assert_eq!((&decode["tokens"], &decode["steps"]), (&6.into(), &2.into()));
    let output = operation(decode, "output");
    assert_eq!((&output["calls"], &output["bytes"]), (&2.into(), &(2 * 272 * 64 * 4).into()));
    assert_eq!(operation(decode, "attend")["bytes"], 3 * 2 * (8 + 9) * 2 * 2 * 16 * 2);
    let refused = home.tiny(&["gap", "--parallel", "0"]);
    assert!(refused.stderr.contains("--parallel"), "{}", refused.stderr);
}

#[test]
fn every_family_is_told_apart_and_drawn() {
    let home = Home::new();
    for (file, expected) in [
        ("tiny-gemma3.gguf", "post_attention_norm + add + ffn_norm"),
        ("tiny-gemma3.gguf", "token_embd"),
        ("tiny-gemma3.gguf", GATED),
        ("tiny-qwen3moe.gguf", "ffn_gate_inp"),
        ("tiny-qwen3moe.gguf", "ffn_gate_exps + ffn_up_exps + ffn_down_exps"),
    ] {
        let model = repository("golden/models").join(file);
        let model = model.to_str().unwrap();
        let fixed = ["gap", "--prompt", "8", "--generate", "2", "--threads", "1", "--svg", "gap.svg", "--model"];
        let text = home.hefu(&[&fixed[..], &[model]].concat()).success();
        assert!(text.contains("largest gap: "), "{text}");
        let svg = std::fs::read_to_string(home.path("gap.svg")).unwrap();
        let document = roxmltree::Document::parse(&svg).unwrap();
        let texts: Vec<&str> = document.descendants().filter_map(|node| node.text()).collect();
        for operation in [expected, "embed", "attn_output", "rest"] {
            assert!(text.contains(&format!("\n{operation} ")), "{operation} is not in {text}");
            assert!(texts.contains(&operation), "{operation} is not in the picture");
        }
    }
}

#[test]
fn a_device_is_held_against_its_own_limits() {
    if !has_opencl() {
        return;
    }
    let home = Home::new();
    let fixed = ["gap", "--prompt", "8", "--generate", "2", "--threads", "1", "--json"];
    let report = home.tiny(&[&fixed[..], &["--device", "opencl"]].concat()).json();
    assert_eq!(keys(&report), KEYS);
    // There is nothing to say of a CPU that does not compute.
    assert_eq!((&report["isa"], &report["machine"]), (&json!("opencl"), &json!([])));
    let [prefill, decode] = &report["phases"].as_array().unwrap()[..] else { panic!("two phases") };
    must_be_rates(&decode["limits"][0]);
    // Every operation is a step; their work is that of the CPU's, which does several at once.
    assert!(operation(decode, "output")["bytes"].as_u64().unwrap() >= 2 * 272 * 64 * 4);
    assert_eq!(operation(decode, "attn_q")["f32_operations"], 2 * 2 * 64 * 64);
    assert_eq!(operation(decode, "attend")["bytes"], 2 * (8 + 9) * 2 * 2 * 16 * 2);
    assert_eq!(operation(prefill, "ffn_down")["calls"], 2);
    for line in decode["operations"].as_array().unwrap().iter().filter(|line| line["part"] == 0) {
        assert!(line["seconds"].as_f64().unwrap() > 0.0, "{line}");
    }
    let split = home.tiny(&[&fixed[..], &["--split", "cpu:0,opencl:1"]].concat()).json();
    let devices = split["devices"].as_array().unwrap();
    assert_eq!((&devices[1]["device"], &devices[0]["crossing_bytes_per_token"]), (&json!("opencl 1-1"), &json!(0)));
    // The row of the hidden size and the angles of its position: `hefu run` says so, too.
    let crossing = devices[1]["crossing_bytes_per_token"].as_u64().unwrap();
    let said = home.tiny(&["run", "--max-tokens", "1", "--split", "cpu:0,opencl:1", "A question"]);
    assert!(crossing >= 64 * 4 && said.stderr.contains(&format!("; {crossing} bytes cross")), "{}", said.stderr);
    let decode = &split["phases"][1];
    decode["limits"].as_array().unwrap().iter().for_each(must_be_rates);
    assert_eq!(operation(decode, "opencl 1-1: ffn_down")["calls"], 2);
    assert!(decode["operations"].as_array().unwrap().iter().any(|line| line["part"] == 0));
    let refused = home.tiny(&[&fixed[..], &["--isa", "reference"]].concat()).failure(2);
    assert!(refused.contains("reference has no limits"), "{refused}");
}
