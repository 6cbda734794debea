//! From made-up measurements to reports.

use super::{plot, text, verdict};
use crate::failure::Failure;
use crate::gap::ceilings::{Ceilings, Rates};
use crate::gap::measure::{Round, Run};
use crate::gap::probe::Total;
use crate::gap::report::{Bound, PartOf, Report, Subject};
use hefu_numerics::device::Work;
use std::time::Duration;

/// A machine that reads 10 GB/s and computes 100 G int8 and 20 G f32 multiply-adds per second.
fn limits() -> Ceilings {
    Ceilings { read_bytes: 10e9, fastest_read_bytes: 12e9, int8_multiply_adds: 100e9, f32_multiply_adds: 20e9 }
}

fn subject() -> Subject {
    let devices = vec![part("avx512", 0)];
    let model = "a <&\"'\u{1}> model".to_owned();
    Subject { model, isa: "avx512", devices, threads: 2, prompt: 8, steps: 2, sequences: 1 }
}

fn part(device: &str, crossing_bytes_per_token: usize) -> PartOf {
    PartOf { device: device.to_owned(), crossing_bytes_per_token }
}

/// 100 ms: 40 in gate+up, of which 30 are needed to read; 20 in attention, of which 5 are needed to compute;
/// 30 in down, of which 25 are needed for products of bytes; 10 outside.
fn round() -> Round {
    let total = |name: &str, milliseconds, bytes, integer, float| Total {
        name: name.into(),
        part: 0,
        calls: 2,
        work: Work { bytes, integer, float },
        time: Duration::from_millis(milliseconds),
    };
    let totals = vec![
        total("gate+up", 40, 300_000_000, 1_000_000_000, 1_000_000),
        total("attention", 20, 1_000_000, 0, 100_000_000),
        total("down", 30, 100_000_000, 2_500_000_000, 1_000_000),
    ];
    let run = Run { time: Duration::from_millis(100), totals };
    Round { limits: vec![limits()], prefill: Some(run.clone()), decode: Some(run) }
}

/// The report of some rounds.
fn report_of(rounds: &[Round]) -> Report {
    let rates = Rates {
        threads: 2,
        read_bytes_huge_pages: 10e9,
        read_bytes_small_pages: 8e9,
        int8_multiply_adds: 100e9,
        f32_multiply_adds: 20e9,
    };
    Report::new(subject(), vec![rates], rounds)
}

/// The report of one round.
fn report(round: Round) -> Report {
    report_of(&[round])
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

#[test]
fn every_operation_is_held_against_its_own_limit() {
    let report = report(round());
    let phase = &report.phases[1];
    let lines: Vec<_> = phase.operations.iter().map(|line| (&*line.operation, line.bound)).collect();
    // Largest gap first: 15, 10, 10 and 5 ms.
    assert_eq!(lines[0], ("attention", Bound::F32));
    assert_eq!(lines[3], ("down", Bound::Int8));
    assert!(lines.contains(&("gate+up", Bound::Memory)) && lines.contains(&("rest", Bound::Nothing)));
    let gate_up = phase.operations.iter().find(|line| &*line.operation == "gate+up").unwrap();
    assert!(near(gate_up.limit_seconds, 0.03) && near(gate_up.achieved, 0.75) && near(gate_up.gap_seconds, 0.01));
    assert!(near(gate_up.worth, 100.0 / 90.0));
    let rest = phase.operations.iter().find(|line| &*line.operation == "rest").unwrap();
    assert!(near(rest.seconds, 0.01) && near(rest.gap_seconds, 0.01) && rest.achieved == 0.0);
    assert!(near(phase.all.limit_seconds, 0.06) && near(phase.all.achieved, 0.6) && phase.all.bound == Bound::Memory);
    assert_eq!((phase.all.bytes, phase.all.calls), (401_000_000, 6));
    assert!(near(phase.bytes_per_token, 200_500_000.0) && near(phase.tokens_per_second, 20.0));
    assert!(near(phase.share_of_read_limit, 0.401) && near(phase.share_of_int8_limit, 0.35));
}

#[test]
fn the_largest_gap_is_named_with_its_worth() {
    let report = report(round());
    assert_eq!((&*report.largest_gaps[0].operation, report.largest_gaps.len()), ("attention", 2));
    assert!(near(report.largest_gaps[0].worth, 100.0 / 85.0));
    let text = text::text(&report);
    let first = text.lines().nth(2).unwrap();
    assert!(
        first.starts_with("largest gap: ") && first.contains("attention") && first.ends_with("1.18 x faster"),
        "{text}"
    );
    for line in ["rest", "all", "gate+up"] {
        assert_eq!(text.lines().filter(|row| row.starts_with(&format!("{line} "))).count(), 2, "{text}");
    }
}

#[test]
fn each_round_is_held_against_its_own_limits_and_the_middle_one_counts() {
    let slower = |times: f64| {
        let mut round = round();
        for run in [&mut round.prefill, &mut round.decode].into_iter().flatten() {
            run.time = run.time.mul_f64(times);
            run.totals.iter_mut().for_each(|total| total.time = total.time.mul_f64(times));
        }
        round.limits[0].read_bytes /= times;
        round.limits[0].int8_multiply_adds /= times;
        round.limits[0].f32_multiply_adds /= times;
        round
    };
    // Whatever the machine does, the share is the same.
    let even = report_of(&[slower(3.0), slower(1.0), slower(2.0)]);
    assert!(near(even.phases[1].all.achieved, 0.6) && near(even.phases[1].share_of_read_limit, 0.401));
    // A round whose limit was half as high did twice as well as it seems.
    let mut fast = round();
    fast.limits[0].read_bytes = 5e9 * 1.6;
    let rounds = [fast, slower(3.0), Round { limits: vec![Ceilings { read_bytes: 20e9, ..limits() }], ..round() }];
    let report = report_of(&rounds);
    assert!(near(report.phases[1].limits[0].read_bytes, 10e9 / 3.0) && near(report.phases[1].all.achieved, 0.6));
    assert!(text::text(&report).contains("meanwhile: 3.3 GB/s read (fastest pass 12.0), 33.3 G int8 and 6.7 G f32"));
}

#[test]
fn each_device_is_held_against_its_own_limits() {
    let mut round = round();
    for run in [&mut round.prefill, &mut round.decode].into_iter().flatten() {
        // Attention and the products of bytes are on the second device, which reads and computes half as much.
        run.totals.iter_mut().skip(1).for_each(|total| total.part = 1);
    }
    let half = |limits: Ceilings| Ceilings {
        read_bytes: limits.read_bytes / 2.0,
        fastest_read_bytes: limits.fastest_read_bytes / 2.0,
        int8_multiply_adds: limits.int8_multiply_adds / 2.0,
        f32_multiply_adds: limits.f32_multiply_adds / 2.0,
    };
    round.limits.push(half(limits()));
    let devices = vec![part("avx512 0-0", 0), part("opencl 1-1", 320)];
    let report = Report::new(Subject { devices, ..subject() }, Vec::new(), &[round]);
    let phase = &report.phases[1];
    let attention = phase.operations.iter().find(|line| &*line.operation == "opencl 1-1: attention").unwrap();
    assert!(near(attention.limit_seconds, 0.01) && attention.part == Some(1));
    assert!(near(phase.all.limit_seconds, 0.03 + 0.01 + 0.05) && near(phase.share_of_int8_limit, 0.01 / 0.1 + 0.5));
    let text = text::text(&report);
    assert!(text.contains("320 bytes cross to opencl 1-1 for each token"), "{text}");
    assert!(text.contains("avx512 0-0: 10.0 GB/s read") && text.contains("; opencl 1-1: 5.0 GB/s read"), "{text}");
}

#[test]
fn more_than_the_limit_is_a_failure() {
    let with_read_rate = |read_bytes| report(Round { limits: vec![Ceilings { read_bytes, ..limits() }], ..round() });
    let fair = report(round());
    assert!(verdict(&fair).is_ok());
    // A machine that is said to read but 5 GB/s: gate+up would have needed 60 ms instead of 40, but may have been read
    // in the time of others.
    assert!(verdict(&with_read_rate(5e9)).is_ok());
    // 3.7 GB/s: 81 for gate+up, 27 for down and 5 for attention are more than the 100 of all.
    let slow = with_read_rate(3.7e9);
    let failure = verdict(&slow).unwrap_err();
    assert!(matches!(failure, Failure::Other(_)));
    let said = failure.to_string();
    assert!(said.contains("all of decode reaches 113.1 % of its limit (memory)"), "{said}");
    assert_eq!(slow.faults.len(), 2, "one for each phase: {said}");
    // Within the tolerance: 103.6 ms.
    assert!(verdict(&with_read_rate(4.1e9)).is_ok());
    // Computing cannot be done before: 31.3 ms for down's products of bytes, in 30, are within the tolerance; 33.3
    // are not.
    let with_int8_rate =
        |int8_multiply_adds| report(Round { limits: vec![Ceilings { int8_multiply_adds, ..limits() }], ..round() });
    assert!(verdict(&with_int8_rate(80e9)).is_ok());
    let said = verdict(&with_int8_rate(75e9)).unwrap_err().to_string();
    assert!(said.contains("down of prefill reaches 111.1 % of its limit (int8)"), "{said}");
}

#[test]
fn the_picture_is_xml_and_names_every_operation() {
    for report in [report(round()), report(Round { prefill: None, decode: None, ..round() })] {
        let svg = plot::svg(&report);
        let document = roxmltree::Document::parse(&svg).unwrap();
        assert_eq!(document.root_element().tag_name().name(), "svg");
        let texts: Vec<&str> = document.descendants().filter_map(|node| node.text()).collect();
        assert!(texts.iter().any(|text| text.starts_with("a <&\"'> model on avx512")), "{texts:?}");
        for line in report.phases.iter().flat_map(|phase| &phase.operations) {
            assert!(texts.contains(&&*line.operation), "{}", line.operation);
        }
        let numbers = document
            .descendants()
            .flat_map(|node| node.attributes().map(|attribute| attribute.value()).collect::<Vec<_>>());
        assert!(numbers.into_iter().all(|value| !value.contains("NaN") && !value.contains("inf")));
    }
}
