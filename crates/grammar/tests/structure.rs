//! Answers that schemas and grammars admit, byte by byte, and reasons for refusing them.

use hefu_grammar::{Error, Grammars, Spec, Tool, ToolCalls};
use hefu_text::tokenizer::{Kind, TokenType, Tokenizer, Vocabulary};
use hefu_text::tools::ToolFormat;
use serde_json::{Value, json};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

/// The token of byte 0: after the end and the unknown one.
const FIRST: u32 = 2;

/// Grammars over the 256 bytes.
fn grammars() -> &'static Grammars {
    static MADE: OnceLock<Grammars> = OnceLock::new();
    MADE.get_or_init(|| {
        let names = ["<unk>".to_owned(), "</s>".to_owned()];
        let bytes = (0..256).map(|byte| format!("<0x{byte:02X}>"));
        let types = [TokenType::Unknown, TokenType::Control];
        let vocabulary = Vocabulary {
            tokens: names.into_iter().chain(bytes).collect(),
            types: types.into_iter().chain([TokenType::Byte; 256]).collect(),
            scores: vec![0.0; 258],
            eos: Some(1),
            unknown: Some(0),
            ends: vec![1],
            ..Vocabulary::empty(Kind::SentencePiece)
        };
        Grammars::new(Arc::new(Tokenizer::new(vocabulary).unwrap())).unwrap()
    })
}

fn allows(spec: &Spec, text: &str) -> bool {
    let mut constraint = grammars().constraint(spec).unwrap_or_else(|error| panic!("{spec:?}: {error}"));
    text.bytes().all(|byte| constraint.accept(FIRST + u32::from(byte)).is_ok()) && constraint.may_end()
}

#[track_caller]
fn schema(schema: Value, allowed: &[&str], forbidden: &[&str]) {
    let spec = Spec::JsonSchema(schema);
    for text in allowed {
        assert!(allows(&spec, text), "{text} is valid by {spec:?}");
    }
    for text in forbidden {
        assert!(!allows(&spec, text), "{text} is not valid by {spec:?}");
    }
}

fn refused(spec: &Spec) -> String {
    match grammars().constraint(spec) {
        Ok(_) => panic!("{spec:?} is taken"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn excluded_bounds_are_never_written() {
    schema(
        json!({"type": "number", "exclusiveMinimum": 0, "maximum": 0.5}),
        &["0.5", "0.1", "0.000001", "0.25"],
        &["0", "0.0", "-0", "-0.0", "-0.1", "0.51", "0.500000001", "1"],
    );
    schema(
        json!({"type": "number", "exclusiveMinimum": -0.1, "exclusiveMaximum": 0}),
        &["-0.05", "-0.01", "-0.025"],
        &["0", "-0", "-0.0", "0.0", "-0.1", "-0.10", "-0.2"],
    );
    schema(
        json!({"type": "number", "exclusiveMinimum": 0.5, "maximum": 0.75}),
        &["0.51", "0.75", "0.6"],
        &["0.5", "0.50", "0.50000000000000001", "0.751"],
    );
    schema(json!({"type": "number", "exclusiveMinimum": 0}), &["1", "12.5", "0.1"], &["0", "0.0", "-1"]);
    schema(json!({"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 3}), &["1", "2"], &["0", "3", "-0"]);
}

#[test]
fn large_integers_stay_within_their_bounds() {
    let beyond = 9_007_199_254_740_993_i64;
    schema(
        json!({"type": "integer", "minimum": beyond}),
        &["9007199254740994", "9007199254750000"],
        &["9007199254740992", "9007199254740991"],
    );
    schema(json!({"type": "integer", "format": "int64"}), &["0", "-9000000000000000000"], &["9223372036854775808"]);
    schema(json!({"type": "integer", "format": "uint8"}), &["0", "255"], &["256", "-1"]);
    schema(json!({"type": ["integer", "null"], "format": "int32"}), &["null", "2147483647"], &["2147483648"]);
    schema(json!({"enum": [9_007_199_254_740_994_i64]}), &["9007199254740994"], &["9007199254740992"]);
    let message = refused(&Spec::JsonSchema(json!({"items": {"enum": [1, {"a": beyond}]}})));
    assert!(message.contains("#/items/enum") && message.contains("exactly"), "{message}");
    schema(json!({"type": "number", "minimum": -1e300, "maximum": 1e300}), &["0", "-17.5"], &[]);
}

#[test]
fn blanks_between_parts_are_bounded() {
    let open = json!({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]});
    let spaced = |blank: &str| format!("{{{blank}\"a\":{blank}1}}");
    let blanks = ["", " ", "\n  ", "\n\n    ", "                    "];
    let endless = [" ".repeat(40), "\n".repeat(3), "\n \n \n".to_owned(), format!("\n{}", " ".repeat(60))];
    for spec in [Spec::JsonSchema(open), Spec::JsonObject] {
        for blank in blanks {
            assert!(allows(&spec, &spaced(blank)), "{blank:?}");
        }
        for blank in &endless {
            assert!(!allows(&spec, &spaced(blank)), "{blank:?}");
        }
    }
    let lark = Spec::Lark("start: j\nj: %json {\"type\": \"array\"}\n".into());
    assert!(allows(&lark, "[ 1,\n 2]") && !allows(&lark, &format!("[{}1]", " ".repeat(40))));
}

#[test]
fn names_of_properties_are_held() {
    let values =
        |names: Value| json!({"type": "object", "propertyNames": names, "additionalProperties": {"type": "integer"}});
    schema(values(json!({"type": "string"})), &[r#"{"x":1}"#], &[r#"{"x":"1"}"#]);
    schema(
        values(json!({"enum": ["a", "b"]})),
        &["{}", r#"{"a":1}"#, r#"{"a":1,"b":2}"#],
        &[r#"{"c":1}"#, r#"{"a":"1"}"#],
    );
    schema(values(json!({"pattern": "^[a-z]{2}$"})), &["{}", r#"{"ab":1}"#], &[r#"{"abc":1}"#, r#"{"ab":null}"#]);
    schema(values(json!({"minLength": 2, "maxLength": 3})), &[r#"{"ab":1}"#], &[r#"{"a":1}"#, r#"{"abcd":1}"#]);
    schema(
        json!({"type": "object", "propertyNames": {"enum": ["a"]}, "properties": {"a": {"const": 1}, "b": {"const": 2}}}),
        &["{}", r#"{"a":1}"#],
        &[r#"{"b":2}"#, r#"{"a":2}"#],
    );
    assert!(refused(&Spec::JsonSchema(values(json!({"format": "uuid"})))).contains("#/propertyNames"));
}

#[test]
fn exactly_one_branch_holds_or_the_place_is_named() {
    let one = |name: &str| json!({"type": "object", "properties": {name: {"const": 1}}, "required": [name]});
    schema(
        json!({"oneOf": [one("a"), one("b")]}),
        &[r#"{"a":1}"#, r#"{"b":1}"#, r#"{"a":1,"c":2}"#],
        &[r#"{"a":1,"b":1}"#, r#"{"b":1,"a":1}"#, "{}"],
    );
    schema(
        json!({"oneOf": [{"type": "string", "format": "ipv4"}, {"type": "string", "format": "ipv6"}]}),
        &[r#""1.2.3.4""#, r#""::1""#],
        &[r#""x""#],
    );
    let kind = |name: &str| json!({"type": "object", "properties": {"kind": {"const": name}}, "required": ["kind"]});
    schema(
        json!({"$defs": {"cat": kind("cat"), "dog": kind("dog")}, "oneOf": [{"$ref": "#/$defs/cat"}, {"$ref": "#/$defs/dog"}]}),
        &[r#"{"kind":"cat"}"#, r#"{"kind":"dog"}"#],
        &[r#"{"kind":"cow"}"#],
    );
    schema(
        json!({"anyOf": [{"type": "integer"}, {"type": "null"}], "oneOf": [{"const": 1}, {"const": 2}]}),
        &["1", "2"],
        &["3", "null"],
    );
    let both = json!({"properties": {"where": {"oneOf": [{"type": "integer"}, {"type": "number"}]}}});
    let message = refused(&Spec::JsonSchema(both));
    assert!(message.contains("#/properties/where/oneOf") && message.contains("may both hold"), "{message}");
}

#[test]
fn what_cannot_be_honoured_is_refused_at_its_place() {
    let mail = json!({"properties": {"mail": {"type": "string", "pattern": "^(?!-)[a-z-]+@[a-z]+$"}}});
    let message = refused(&Spec::JsonSchema(mail));
    assert!(message.contains("#/properties/mail/pattern") && message.contains("look-ahead"), "{message}");
    let properties: serde_json::Map<_, _> =
        (0..5000).map(|at| (format!("k{at}"), json!({"type": "integer"}))).collect();
    let patterns: serde_json::Map<_, _> = (0..300).map(|at| (format!("^a{at}_"), json!(true))).collect();
    let substrings: Vec<Value> = (0..20).map(|at| json!({"type": "string", "pattern": format!("a{at}")})).collect();
    let cases = [
        (json!({"type": "integer", "multipleOf": 999_983}), "#/multipleOf"),
        (json!({"items": {"type": "number", "multipleOf": 1e-30}}), "#/items/multipleOf"),
        (
            json!({"allOf": [{"type": "integer", "multipleOf": 997}, {"type": "integer", "multipleOf": 991}]}),
            "least common",
        ),
        (json!({"properties": properties}), "#/properties"),
        (json!({"patternProperties": patterns}), "#/patternProperties"),
        (json!({"allOf": substrings}), "allOf"),
        (json!({"type": "string", "pattern": "a{99999999}"}), "#/pattern"),
        (json!({"type": "integer", "minimum": u64::MAX}), "#/minimum"),
    ];
    for (schema, part) in cases {
        let message = refused(&Spec::JsonSchema(schema));
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn grammars_beyond_their_limits_are_refused_before_they_are_begun() {
    let intersection = vec!["/(?s:.)*a(?s:.)*/"; 40].join(" & ");
    let specs = [
        Spec::Regex("a{99999999}".into()),
        Spec::Regex("(a?){2000}a{2000}".into()),
        Spec::Regex("(?=a)b".into()),
        Spec::Lark(format!("start: A\nA: {intersection}\n")),
        Spec::Lark("start: %json {\"type\": \"integer\", \"multipleOf\": 999983}\n".into()),
    ];
    for spec in specs {
        let message = refused(&spec);
        assert!(!message.contains('\n') && !message.contains("limits."), "{message}");
    }
}

#[test]
fn an_ambiguous_grammar_ends_before_it_costs_too_much() {
    let spec = Spec::Lark("start: a\na: a a | a a a | \"x\" | \"\"\n".into());
    let mut constraint = grammars().constraint(&spec).unwrap();
    let ended = (0..2000).find_map(|_| constraint.accept(FIRST + u32::from(b'x')).err());
    assert!(ended.is_some_and(|error| error.0.contains("too complex")));
}

#[test]
fn a_spec_is_compiled_once_for_many_answers_that_share_nothing() {
    let spec = Spec::JsonSchema(json!({"type": "array", "items": {"type": "integer"}}));
    let begun = grammars().constraint(&spec).unwrap();
    let (mut first, mut second) = (begun.fork().unwrap(), begun.fork().unwrap());
    for byte in b"[1,2]" {
        first.accept(FIRST + u32::from(*byte)).unwrap();
    }
    assert!(first.may_end() && !second.may_end());
    assert!(second.accept(FIRST + u32::from(b'x')).is_err());
    assert!(begun.fork().unwrap().mask().unwrap().unwrap().allows(FIRST + u32::from(b'[')));
}

#[test]
fn calls_and_a_form_of_the_answer_stand_beside_each_other() {
    let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let tools = vec![Tool { name: "weather".into(), parameters }];
    let calls = ToolCalls { format: ToolFormat::Hermes, tools, parallel: false };
    let answer = Box::new(Spec::JsonSchema(json!({"type": "object", "properties": {"celsius": {"type": "number"}}})));
    let either = Spec::CallsOr { calls, answer };
    let after = Spec::AfterReasoning { end: "</think>".into(), then: Box::new(either.clone()) };
    let call = "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\"}}\n</tool_call>";
    for text in [call, "{\"celsius\": 3.5}"] {
        assert!(allows(&either, text), "{text}");
        assert!(allows(&after, &format!("So cold.</think>{text}")), "{text}");
    }
    for text in ["{\"celsius\": true}", "Cold.", "<tool_call>\n{\"name\": \"wind\", \"arguments\": {}}\n</tool_call>"] {
        assert!(!allows(&either, text), "{text}");
    }
}

#[test]
fn work_that_nobody_wants_is_not_done() {
    let spec = Spec::JsonObject;
    assert_eq!(grammars().cancellable(&spec, &AtomicBool::new(true)).unwrap_err(), Error::Cancelled);
}
