//! Labels, producers and documents.

use super::document::{check, write};
use super::*;
use proptest::prelude::*;

/// A code with a valid check digit, made up: all zeros but for the last.
fn code() -> String {
    format!("0011{}{}", "91350100M000100Y43", "10001")
}

#[test]
fn labels_are_written_as_the_annex_says() {
    let label = Aigc::generated("example-hospital", "chatcmpl-7").unwrap();
    let text = serde_json::to_string(&label).unwrap();
    assert_eq!(
        text,
        r#"{"Label":"1","ContentProducer":"example-hospital","ProduceID":"chatcmpl-7","ReservedCode1":"","ContentPropagator":"example-hospital","PropagateID":"chatcmpl-7","ReservedCode2":""}"#
    );
    assert_eq!(serde_json::from_str::<Aigc>(&text).unwrap(), label);
}

#[test]
fn producers_are_checked() {
    check_producer("hospital").unwrap();
    check_producer(&code()).unwrap();
    assert_eq!(check_producer(""), Err(Error::Empty("ContentProducer")));
    for (producer, character) in [("a b", ' '), ("医院", '医'), ("a\"", '"'), ("a\\", '\\')] {
        assert_eq!(check_producer(producer), Err(Error::Character { name: "ContentProducer", character }));
    }
    let wrong = code().replace("Y43", "Y44");
    assert!(matches!(check_producer(&wrong), Err(Error::Code { .. })), "{wrong}");
    let letter = code().replace('Y', "I");
    assert!(matches!(check_producer(&letter), Err(Error::Code { .. })));
    let long = "x".repeat(MAX_FIELD_BYTES + 1);
    assert!(matches!(check_producer(&long), Err(Error::TooLong { .. })));
}

proptest! {
    #[test]
    fn any_wrong_digit_of_a_code_is_noticed(at in 4_usize..22, digit in 0_usize..31) {
        let mut bytes = code().into_bytes();
        let digit = b"0123456789ABCDEFGHJKLMNPQRTUWXY"[digit];
        prop_assume!(bytes[at] != digit);
        bytes[at] = digit;
        prop_assert!(check_producer(&String::from_utf8(bytes).unwrap()).is_err());
    }

    #[test]
    fn what_is_written_is_found(text in "\\PC{0,200}", id in "[!#-\\[\\]-~]{1,40}") {
        let label = Aigc::generated("someone", &id).unwrap();
        let found = check(&write(&text, &label)).unwrap();
        prop_assert_eq!(found.implicit, label);
        prop_assert_eq!(found.explicit, document::NOTICE);
    }

    #[test]
    fn no_document_makes_it_panic(text in "(---\n)?(AIGC:\n)?( ?Label: \"1\"\n)?\\PC{0,80}(\n---\n)?\\PC{0,20}") {
        let _ = check(&text);
    }
}

#[test]
fn what_a_document_lacks_is_named() {
    let label = Aigc::generated("someone", "1").unwrap();
    let good = write("Hello", &label);
    let says = |document: &str| check(document).unwrap_err().to_string();
    assert!(says("Hello").contains("metadata block"));
    assert!(says(&good.replace(document::NOTICE, "")).contains("visible notice"));
    assert!(says(&good.replace("AIGC:", "Other:")).contains("AIGC:"));
    assert!(says(&good.replace("  ProduceID", "  Else")).contains("Else"));
    assert!(says(&good.replace("  ProduceID", "  Label: \"1\"\n  ProduceID")).contains("twice"));
    assert!(says(&good.replace("Label: \"1\"", "Label: \"4\"")).contains("not whole"));
    check(&good.replace(document::NOTICE, "由人工智能合成")).unwrap();
}
