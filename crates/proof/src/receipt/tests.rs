//! Receipts as they are made, as they are read, and as they are not.

use super::*;
use crate::TraceRoot;
use crate::signed::MAX_RECEIPT_BYTES;
use hefu_engine::FinishReason;
use hefu_engine::sampling::{Dry, Parameters};
use proptest::prelude::*;

/// An answer with something in every field.
pub(crate) fn answer(id: &str) -> Answer {
    let parameters = Parameters {
        logit_bias: [(7, -1.5), (300, 0.1)].into(),
        banned: [9].into(),
        dry: Dry { multiplier: 0.8, ..Dry::default() },
        seed: u64::MAX,
        ..Parameters::default()
    };
    Answer {
        id: id.to_owned(),
        time: 1_790_000_000_123,
        model: "tiny \"合符\"".to_owned(),
        fingerprint: "hefu1-0123456789abcdef".to_owned(),
        software: Software { name: "hefu 0.1.0".to_owned(), digest: Digest::of(&[b"program"]) },
        prompt: Prompt::Tokens(vec![1, 2, 3]),
        parameters,
        end_tokens: [0, 2].into(),
        max_tokens: Some(64),
        context: 4096,
        grammar: Some(Grammar::new("{\"type\": \"object\"}".to_owned())),
        output: vec![5, 6, 2],
        finish: FinishReason::EndToken,
        started: Some(1_790_000_000_001),
        text_digest: Some(Digest::of(&[b"text"])),
        template_digest: Some(Digest::of(&[b"template"])),
        stop_digest: Some(Digest::of(&[b"[]"])),
        trace: Some(TraceRoot { layers: 2, positions: 5, root: Digest::of(&[b"root"]) }),
    }
}

fn identity() -> Identity {
    Identity::from_seed(&[3; 32])
}

#[test]
fn every_reason_to_end_has_its_name_and_one_that_is_none_is_refused() {
    let of = |finish| Receipt::sign(Answer { finish, ..answer("a") }, &identity()).unwrap().to_text();
    for (finish, name) in [
        (FinishReason::EndToken, "end_token"),
        (FinishReason::MaxTokens, "max_tokens"),
        (FinishReason::Context, "context"),
        (FinishReason::Complete, "complete"),
        (FinishReason::StopString, "stop_string"),
        (FinishReason::Cancelled, "cancelled"),
    ] {
        let text = of(finish);
        assert!(text.contains(&format!("\"finish\":\"{name}\"")), "{text}");
        assert_eq!(Receipt::parse(&text).unwrap().answer().finish, finish);
    }
    // An answer that ran out of time was given up.
    assert_eq!(of(FinishReason::Deadline), of(FinishReason::Cancelled));
    let other = of(FinishReason::Cancelled).replace("\"cancelled\"", "\"deadline\"");
    assert!(Receipt::parse(&other).unwrap_err().to_string().contains("deadline"));
}

#[test]
fn what_is_signed_reads_back_and_keeps_its_form() {
    let receipt = Receipt::sign(answer("a"), &identity()).unwrap();
    let text = receipt.to_text();
    assert_eq!(Receipt::parse(&text).unwrap(), receipt);
    // The form is part of what others rely on.
    assert!(
        text.starts_with(
            "{\"answer\":{\"context\":4096,\"end_tokens\":[0,2],\"fingerprint\":\"hefu1-0123456789abcdef\","
        ),
        "{text}"
    );
    assert!(
        text.contains(&format!("\"trace\":{{\"layers\":2,\"positions\":5,\"root\":\"{}\"}}", Digest::of(&[b"root"])))
    );
    let untraced = Receipt::sign(Answer { trace: None, ..answer("a") }, &identity()).unwrap();
    assert_eq!(untraced.digest().to_string(), "89827d73da73474858b183db612c1d9d1e8c2e9d6b5160d467e9d1fd7cf8bd62");
    // Optional fields leave no trace where they are left out.
    let less = Answer {
        started: None,
        text_digest: None,
        template_digest: None,
        stop_digest: None,
        trace: None,
        ..receipt.answer().clone()
    };
    let less = Receipt::sign(less, &identity()).unwrap();
    assert_eq!(less.digest().to_string(), "0cf9dd540f1a5ced54dc59fbd1779b2587f87f150e6edd6d5432455b4ab2201f");
    assert_eq!(Receipt::parse(&less.to_text()).unwrap(), less);
    // Laid out for reading, it is still the same document.
    let pretty = text.replace(",\"", ",\n  \"").replace("{\"", "{ \"");
    assert_eq!(Receipt::parse(&pretty).unwrap(), receipt);
}

#[test]
fn what_is_not_a_receipt_is_refused_with_its_reason() {
    let receipt = Receipt::sign(answer("a"), &identity()).unwrap();
    let text = receipt.to_text();
    let refused = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        Receipt::parse(&text.replacen(from, to, 1)).unwrap_err()
    };
    assert_eq!(refused("\"seed\":18446744073709551615", "\"seed\":1"), ReceiptError::Digest);
    assert_eq!(refused("[5,6,2]", "[5,6,3]"), ReceiptError::Digest);
    assert_eq!(refused("\"version\":1", "\"version\":2"), ReceiptError::Version { found: 2 });
    assert!(matches!(refused("\"version\":1}", "\"version\":1.0}"), ReceiptError::Malformed(_)));
    assert_eq!(refused("[5,6,2]", "[5,6,2 ,2]"), ReceiptError::Digest);
    // Another way to write the same number, a field twice, an unknown one, one that has a default left out.
    assert_eq!(refused("\"top_p\":0.95", "\"top_p\":0.950"), ReceiptError::NotCanonical);
    assert_eq!(refused("\"top_p\":0.95,", ""), ReceiptError::NotCanonical);
    assert!(matches!(refused("\"version\"", "\"version\":1,\"version\""), ReceiptError::Malformed(_)));
    assert!(matches!(refused("\"version\"", "\"more\":1,\"version\""), ReceiptError::Malformed(_)));
    assert!(matches!(refused("\"end_tokens\"", "\"more\":1,\"end_tokens\""), ReceiptError::Malformed(_)));
    let signature = text.split("\"signature\":\"").nth(1).unwrap().get(..128).unwrap();
    let other: String = identity().sign(b"something else").into();
    assert_eq!(refused(signature, &other), ReceiptError::Signature);
    let key = Identity::from_seed(&[4; 32]).public().to_string();
    assert_eq!(refused(&receipt.key().to_string(), &key), ReceiptError::Digest);
    assert!(matches!(Receipt::parse(&" ".repeat(MAX_RECEIPT_BYTES + 1)), Err(ReceiptError::TooLong { .. })));
    for junk in ["", "{}", "[1]", "null", "{\"version\":1}", &text[..text.len() / 2], &"[".repeat(100_000)] {
        assert!(Receipt::parse(junk).is_err());
    }
}

#[test]
fn an_answer_that_no_receipt_may_hold_is_not_signed() {
    let refused = |change: &dyn Fn(&mut Answer)| {
        let mut changed = answer("a");
        change(&mut changed);
        Receipt::sign(changed, &identity()).unwrap_err().to_string()
    };
    assert!(refused(&|answer| answer.id.clear()).contains("id has 0 bytes"));
    assert!(refused(&|answer| answer.model = "x".repeat(1025)).contains("model"));
    assert!(refused(&|answer| answer.context = MAX_TOKENS + 1).contains("context"));
    assert!(refused(&|answer| answer.output = vec![0; MAX_TOKENS + 1]).contains("output"));
    assert!(refused(&|answer| answer.parameters.top_p = f32::NAN).contains("top_p"));
    assert!(
        refused(&|answer| answer.grammar = Some(Grammar { digest: Digest::of(&[]), text: Some("x".into()) }))
            .contains("grammar")
    );
}

#[test]
fn a_hidden_prompt_can_be_shown_and_not_guessed() {
    let tokens = [1, 2, 3];
    let (first, second) = (Prompt::hidden(&tokens).unwrap(), Prompt::hidden(&tokens).unwrap());
    assert_ne!(first, second);
    for prompt in [first, second] {
        assert!(prompt.is(&tokens) && !prompt.is(&[1, 2]) && !prompt.is(&[1, 2, 4]));
        let receipt = Receipt::sign(Answer { prompt, ..answer("a") }, &identity()).unwrap();
        assert_eq!(Receipt::parse(&receipt.to_text()).unwrap(), receipt);
    }
    assert!(Prompt::Tokens(vec![1, 2]).is(&[1, 2]) && !Prompt::Tokens(vec![1]).is(&[1, 2]));
}

proptest! {
    #[test]
    fn any_answer_reads_back(
        prompt in prop::collection::vec(any::<u32>(), 0..50),
        output in prop::collection::vec(any::<u32>(), 0..50),
        model in "\\PC{1,20}",
        temperature in 0.0_f32..100.0,
        top_p in 0.0_f32..=1.0,
        seed in any::<u64>(),
    ) {
        let parameters = Parameters { temperature, top_p, seed, ..Parameters::default() };
        // A trace counts the tokens of its own answer.
        let answer = Answer { prompt: Prompt::Tokens(prompt), output, model, parameters, trace: None, ..answer("x") };
        let receipt = Receipt::sign(answer, &identity()).unwrap();
        prop_assert_eq!(Receipt::parse(&receipt.to_text()).unwrap(), receipt);
    }
}
