//! Receipts and logs to try things on.

use hefu_engine::FinishReason;
use hefu_engine::sampling::Parameters;
use hefu_proof::audit::{Annotated, Annotation, AuditLog, Found, Options, Reader, Record, Verdict};
use hefu_proof::{Answer, Digest, Identity, Prompt, PublicKey, Receipt, Software};
use std::path::Path;

pub(crate) fn identity() -> Identity {
    Identity::from_seed(&[3; 32])
}

/// The receipt of answer number `number`.
pub(crate) fn receipt(number: u64) -> Receipt {
    receipt_at(number, 1_790_000_000_000 + number)
}

/// The same at another time.
pub(crate) fn receipt_at(number: u64, time: u64) -> Receipt {
    let tokens = |count: u64| (0..count).map(|at| ((number * 31 + at * 7) % 1000) as u32).collect();
    let answer = Answer {
        id: format!("answer-{number:06}"),
        time,
        model: "tiny".to_owned(),
        fingerprint: "hefu1-0123456789abcdef".to_owned(),
        software: Software { name: "hefu 0.1.0".to_owned(), digest: Digest::of(&[b"program"]) },
        prompt: Prompt::Tokens(tokens(3 + number % 20)),
        parameters: Parameters { seed: number, ..Parameters::default() },
        end_tokens: [0, 2].into(),
        max_tokens: Some(64),
        context: 4096,
        grammar: None,
        output: tokens(5 + number % 30),
        finish: FinishReason::MaxTokens,
        started: Some(1_790_000_000_000),
        text_digest: None,
        template_digest: None,
        stop_digest: None,
        trace: None,
    };
    Receipt::sign(answer, &identity()).unwrap()
}

pub(crate) fn record(number: u64) -> Record {
    Record {
        receipt: receipt(number),
        text: format!("The text of answer {number}."),
        client: format!("client-{}", number % 3),
        user: number.is_multiple_of(2).then(|| identity().pseudonym(&format!("user-{}", number % 4))),
        request: format!("request-{number}"),
    }
}

/// Somebody's verdict on an answer.
pub(crate) fn annotated(number: u64) -> Annotated {
    let annotation = Annotation {
        of: format!("answer-{number:06}"),
        receipt_digest: *receipt(number).digest(),
        verdict: Verdict::Corrected,
        by: "a reviewer".to_owned(),
        note: "the year was wrong".to_owned(),
        time: 1_790_000_100_000,
    };
    Annotated::sign(annotation, &Identity::from_seed(&[5; 32])).unwrap()
}

/// A time stamp of a digest, whose signature is left out (RFC 3161, DER).
pub(crate) fn stamp(imprint: &Digest) -> Vec<u8> {
    let value = |tag: u8, body: &[u8]| {
        let length = match body.len() {
            short @ 0..=127 => vec![short as u8],
            long => vec![0x81, long as u8],
        };
        [&[tag], &length[..], body].concat()
    };
    let sha_256 = [0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
    let signed_data = [0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
    let tst_info = [0x06, 11, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 0x10, 1, 4];
    let message = value(0x30, &[value(0x30, &sha_256), value(0x04, &imprint.0)].concat());
    let time = value(0x18, b"20261124123456Z");
    let info = value(0x30, &[vec![2, 1, 1], sha_256.to_vec(), message, vec![2, 1, 5], time].concat());
    let inner = value(0x30, &[tst_info.to_vec(), value(0xa0, &value(0x04, &info))].concat());
    let signed = value(0x30, &[vec![2, 1, 3], value(0x31, &[]), inner].concat());
    let token = value(0x30, &[signed_data.to_vec(), value(0xa0, &signed)].concat());
    value(0x30, &[value(0x30, &[2, 1, 0]), token].concat())
}

pub(crate) fn open(path: &Path, options: Options) -> AuditLog {
    AuditLog::open(path, identity(), options).unwrap()
}

/// A closed log of so many records.
pub(crate) fn log(path: &Path, count: u64, options: Options) {
    let log = open(path, options);
    (1..=count).for_each(|number| assert_eq!(log.append(record(number)).unwrap().seq, number));
    log.close().unwrap();
}

pub(crate) fn examine(path: &Path) -> Found {
    Reader::open(path).unwrap().examine(None, &mut |_| {}).unwrap()
}

/// True if nothing is wrong and every signature is of this key.
pub(crate) fn is_good_for(found: &Found, key: &PublicKey) -> bool {
    found.problems.is_empty() && found.keys.keys().all(|found| *found == key.to_string())
}
