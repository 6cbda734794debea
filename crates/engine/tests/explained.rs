//! The explained choices that the page's sampler is compared with are those of the engine.

#[path = "../examples/make_explained.rs"]
#[expect(dead_code, reason = "an example has a beginning of its own")]
mod make_explained;

#[test]
fn the_golden_choices_are_the_engines() {
    let golden = include_str!("../../../golden/sampling/explained.json");
    assert!(
        make_explained::cases() == golden,
        "make golden/sampling/explained.json again; crates/engine/examples says how"
    );
}
