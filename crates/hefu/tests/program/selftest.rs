//! `hefu selftest` from outside.

use crate::support::{Home, has_opencl};
use serde_json::json;

#[test]
fn a_machine_that_keeps_the_contract_says_so() {
    let home = Home::new();
    let report = home.hefu(&["selftest", "--json", "--isa", "reference"]).json();
    assert_eq!((&report["ok"], &report["conformance"]["deviations"]), (&json!(true), &json!([])));
    assert_eq!(report["conformance"]["devices"], json!(["reference"]));
    let matrix = &report["matrix"];
    assert_eq!((&matrix["differing_bits"], &matrix["differing_combinations"]), (&json!(0), &json!(0)));
    assert!(matrix["combinations"].as_u64() > Some(20) && matrix["logits"].as_u64() > Some(1_000_000), "{matrix}");
    assert_eq!(matrix["dimensions"]["restart"], json!(["same process", "new process"]));
}

#[test]
fn a_real_model_is_tried_by_its_name_and_what_cannot_be_is_refused() {
    let home = Home::new();
    let printed = home.tiny(&["selftest", "--isa", "portable"]).success();
    assert!(printed.contains("differing: 0 bits, in 0 combinations"), "{printed}");
    // Processes that it starts find the model, too, where it is not in the working directory.
    let elsewhere = crate::support::repository("golden/models/tiny-qwen2.gguf");
    let printed = home.hefu(&["selftest", "--isa", "portable", "--model", elsewhere.to_str().unwrap()]).success();
    assert!(printed.contains("differing: 0 bits, in 0 combinations"), "{printed}");
    assert!(home.tiny(&["selftest", "--isa", "reference"]).failure(2).contains("hours"));
    assert!(home.hefu(&["selftest", "--model", "none.gguf"]).failure(1).contains("none.gguf"));
    assert!(home.hefu(&["selftest", "--child", "x"]).failure(2).contains("names no combination"));
}

#[test]
fn a_device_has_the_same_bits_in_every_way() {
    let home = Home::new();
    assert!(home.hefu(&["selftest", "--device", "opencl", "--isa", "portable"]).failure(2).contains("--isa"));
    assert!(home.hefu(&["selftest", "--device", "gpu"]).failure(2).contains("a device is cpu, opencl"));
    assert!(home.hefu(&["selftest", "--device", "opencl:99"]).failure(1).contains("OpenCL"));
    if !has_opencl() {
        return;
    }
    let report = home.tiny(&["selftest", "--device", "opencl", "--json"]).json();
    assert_eq!((&report["ok"], &report["conformance"]["devices"]), (&json!(true), &json!(["opencl:0"])));
    let matrix = &report["matrix"];
    assert_eq!((&matrix["differing_bits"], &matrix["dimensions"]["device"]), (&json!(0), &json!(["opencl:0"])));
    assert!(matrix["combinations"].as_u64() > Some(20) && matrix["logits"].as_u64() > Some(50_000), "{matrix}");
}

#[test]
fn the_doctor_says_what_was_chosen_and_that_it_conforms() {
    let home = Home::new();
    let said = home.hefu(&["doctor", "--threads", "1", "--json"]).json();
    assert_eq!((&said["threads"], said["hardware_threads"].as_u64().unwrap() > 0), (&1.into(), true));
    let isas = said["isas"].as_array().unwrap();
    let chosen = isas.iter().find(|isa| isa["name"] == said["isa"]).unwrap();
    assert_eq!((&chosen["available"], chosen["deviations"].as_array().map(Vec::len)), (&true.into(), Some(0)));
    assert!(chosen["entries"].as_u64().unwrap() > 100);
    let words = home.hefu(&["doctor", "--threads", "1", "--isa", "portable"]).success();
    assert!(words.contains("portable: as --isa asks") && words.contains("0 differing bits"), "{words}");
}
