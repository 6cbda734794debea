#![allow(dead_code)]
mod words;
use words::*;

fn main() {
    answer(|words| {
        let (mut before, count) = (of_hex(&words.text()), words.whole());
        let mut hashes = Vec::new();
        for number in 1..=count {
            let (time, clock) = (words.whole(), words.whole());
            let (kind, id, content) = (words.text(), words.text(), of_hex(&words.text()));
            let digest = sha256(&[b"hefu audit content 1\n", &content[..]].concat());
            let mut record = [b"hefu audit record 1\n", &before[..]].concat();
            for number in [number, time, clock] {
                record.extend(number.to_le_bytes());
            }
            for text in [&kind, &id] {
                record.extend((text.len() as u64).to_le_bytes());
                record.extend(text.as_bytes());
            }
            record.extend(digest);
            before = sha256(&record).to_vec();
            hashes.push(hex(&before));
        }
        hashes
    });
}
