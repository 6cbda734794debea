//! Receipts and logs to try things on.

use hefu_engine::sampling::Parameters;
use hefu_proof::audit::{AuditLog, Found, Options, Reader, Record};
use hefu_proof::{Answer, Digest, Finish, Identity, Prompt, Receipt, Software};
use std::path::Path;

pub(crate) fn identity() -> Identity {
    Identity::from_seed(&[3; 32])
}

/// The receipt of answer number `number`.
pub(crate) fn receipt(number: u64) -> Receipt {
    let tokens = |count: u64| (0..count).map(|at| ((number * 31 + at * 7) % 1000) as u32).collect();
    let answer = Answer {
        id: format!("answer-{number:06}"),
        time: 1_790_000_000_000 + number,
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
        finish: Finish::MaxTokens,
    };
    Receipt::sign(answer, &identity()).unwrap()
}

pub(crate) fn record(number: u64) -> Record {
    Record {
        receipt: receipt(number),
        text: format!("The text of answer {number}."),
        client: format!("client-{}", number % 3),
        request: format!("request-{number}"),
    }
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
    Reader::open(path).unwrap().examine(&mut |_| {}).unwrap()
}
