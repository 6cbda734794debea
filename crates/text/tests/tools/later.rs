//! The formats of 2025 and later.
use crate::support::{NOW, PARIS, Parts, calls, is_text, parser, parts, read_as};
use hefu_text::tokenizer::{Kind, Vocabulary};
use hefu_text::tools::{Piece, Reasoning, Style, ToolFormat, ToolParser};

/// A parser that knows that the city and the note are texts.
fn typed(format: ToolFormat, answer: &str) -> Parts {
    let schema = serde_json::json!({"properties": {
        "city": {"type": "string"}, "note": {"type": "string"}, "days": {"type": "array"}, "at": {"type": "string"},
    }});
    let of = |cuts: &[&str]| {
        let mut parser = parser(format, Reasoning::None).parameters("weather", &schema).parameters("time", &schema);
        let mut pieces: Vec<Piece> = cuts.iter().flat_map(|cut| parser.push(cut)).collect();
        pieces.extend(parser.finish());
        parts(pieces)
    };
    let whole = of(&[answer]);
    for cut in (1..answer.len()).filter(|cut| answer.is_char_boundary(*cut)) {
        assert_eq!(of(&[&answer[..cut], &answer[cut..]]), whole, "cut before {:?}", &answer[cut..]);
    }
    whole
}

fn typed_calls(format: ToolFormat, answer: &str, text: &str, expected: &[(&str, serde_json::Value)]) {
    let read = typed(format, answer);
    let calls: Vec<(&str, serde_json::Value)> =
        read.calls.iter().map(|(name, arguments)| (name.as_str(), serde_json::from_str(arguments).unwrap())).collect();
    assert_eq!((read.text.as_str(), calls.as_slice()), (text, expected), "{answer}");
}

#[test]
fn function_tags() {
    let one = "<tool_call>\n<function=weather>\n<parameter=city>\n12\n</parameter>\n<parameter=days>\n[1, 2]\n</parameter>\n\
               <parameter=note>\nline one\n\nline \"two\"\n</parameter>\n</function>\n</tool_call>";
    let expected = serde_json::json!({"city": "12", "days": [1, 2], "note": "line one\n\nline \"two\""});
    typed_calls(ToolFormat::FunctionTags, one, "", &[("weather", expected.clone())]);
    let now = "<tool_call>\n<function=time>\n</function>\n</tool_call>";
    let two = format!("I will look.\n\n{one}\n{now}");
    let both = [("weather", expected), ("time", serde_json::json!({}))];
    typed_calls(ToolFormat::FunctionTags, &two, "I will look.", &both);
    typed_calls(ToolFormat::FunctionTags, "<function=time>\n</function>", "", &both[1..]);
    typed_calls(ToolFormat::FunctionTags, now.trim_end_matches("\n</tool_call>"), "", &both[1..]);
    // Output of a grammar that forces a call, and of other models of the marks.
    typed_calls(
        ToolFormat::FunctionTags,
        "<tool_call>\n{\"name\": \"time\", \"arguments\": {}}\n</tool_call>",
        "",
        &both[1..],
    );
    for broken in [
        "<tool_call>\n<function=time>\n",
        "<tool_call>\n<function=weather>\n<parameter=city>\nParis",
        "A <function= is a mark.",
        "<tool_call> time </tool_call>",
    ] {
        is_text(ToolFormat::FunctionTags, broken);
    }
}

#[test]
fn argument_tags() {
    let one = "<tool_call>weather<arg_key>city</arg_key><arg_value>12</arg_value>\
               <arg_key>days</arg_key><arg_value>[1, 2]</arg_value></tool_call>";
    let expected = serde_json::json!({"city": "12", "days": [1, 2]});
    typed_calls(ToolFormat::ArgumentTags, one, "", &[("weather", expected.clone())]);
    let spaced = "Wait.\n<tool_call>weather\n<arg_key>city</arg_key>\n<arg_value>12</arg_value>\n\
                  <arg_key>days</arg_key>\n<arg_value>[1, 2]</arg_value>\n</tool_call>\n<tool_call>time\n</tool_call>";
    let both = [("weather", expected), ("time", serde_json::json!({}))];
    typed_calls(ToolFormat::ArgumentTags, spaced, "Wait.", &both);
    for broken in ["<tool_call>weather<arg_key>city</arg_key>", "<tool_call>two words\n</tool_call>", "<tool_call>"] {
        is_text(ToolFormat::ArgumentTags, broken);
    }
}

#[test]
fn deep_seek_tags() {
    let one = "Let me see.\n\n<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"weather\">\n\
               <｜DSML｜parameter name=\"city\" string=\"true\">12</｜DSML｜parameter>\n\
               <｜DSML｜parameter name=\"days\" string=\"false\">[1, 2]</｜DSML｜parameter>\n</｜DSML｜invoke>\n\
               <｜DSML｜invoke name=\"time\">\n</｜DSML｜invoke>\n</｜DSML｜function_calls>";
    let expected = [("weather", serde_json::json!({"city": "12", "days": [1, 2]})), ("time", serde_json::json!({}))];
    typed_calls(ToolFormat::DeepSeekTags, one, "Let me see.", &expected);
    let json = "<｜DSML｜invoke name=\"time\">\n{}\n</｜DSML｜invoke>";
    typed_calls(ToolFormat::DeepSeekTags, json, "", &expected[1..]);
    for broken in ["<｜DSML｜invoke name=\"time\">", "<｜DSML｜other>", "<｜DSML｜"] {
        is_text(ToolFormat::DeepSeekTags, broken);
    }
}

#[test]
fn gemma_4() {
    let one = "<|tool_call>call:weather{city:<|\"|>Köln {\"}<|\"|>,days:[1,2],deep:{a:true,b:null,c:<|\"|><|\"|>}}<tool_call|>";
    let deep = serde_json::json!({"city": "Köln {\"}", "days": [1, 2], "deep": {"a": true, "b": null, "c": ""}});
    typed_calls(ToolFormat::Gemma4, one, "", &[("weather", deep.clone())]);
    let two = format!("Sure.{one}<|tool_call>call:time{{}}<tool_call|>");
    typed_calls(ToolFormat::Gemma4, &two, "Sure.", &[("weather", deep), ("time", serde_json::json!({}))]);
    calls(
        ToolFormat::Gemma4,
        "<|tool_call>call:weather{\"city\": \"Paris\"}<tool_call|>",
        "",
        &[("weather", r#"{"city":"Paris"}"#)],
    );
    for broken in [
        "<|tool_call>call:weather{city:<|\"|>Paris",
        "<|tool_call>call:weather{city}<tool_call|>",
        "<|tool_call>weather{}<tool_call|>",
        &format!("<|tool_call>call:weather{{a:{}", "[".repeat(200)),
    ] {
        is_text(ToolFormat::Gemma4, broken);
    }
    let thinking = "<|channel>thought\nhm\n<channel|><|tool_call>call:time{}<tool_call|>";
    let found = read_as(ToolFormat::Gemma4, Reasoning::Possible(Style::Thought), thinking);
    assert_eq!((found.reasoning.as_str(), found.calls.len(), found.text.as_str()), ("hm", 1, ""));
}

#[test]
fn harmony() {
    let whole = "<|channel|>analysis<|message|>The user wants <|weird|> things.<|end|><|start|>assistant<|channel|>commentary\
                 <|message|>I will look.<|end|><|start|>assistant<|channel|>commentary to=functions.weather \
                 <|constrain|>json<|message|>{\"city\": \"Paris\", \"days\": [1, 2]}<|call|>";
    let found = read_as(ToolFormat::Harmony, Reasoning::Channels, whole);
    assert_eq!(found.reasoning, "The user wants <|weird|> things.");
    assert_eq!(found.text, "I will look.");
    assert_eq!(found.calls, [(PARIS.0.to_owned(), PARIS.1.to_owned())]);
    // The engine leaves the token out that ends an answer.
    let ended = read_as(ToolFormat::Harmony, Reasoning::Channels, whole.trim_end_matches("<|call|>"));
    assert_eq!(ended, found);
    let first = " to=functions.time<|channel|>commentary json<|message|>{}";
    assert_eq!(read_as(ToolFormat::Harmony, Reasoning::Channels, first).calls, [("time".to_owned(), "{}".to_owned())]);
    let answer = "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Hello.\n\nBye.";
    let mut without_tools = ToolParser::new(None).reasoning(Reasoning::Channels);
    let mut pieces: Vec<Piece> = answer.chars().flat_map(|one| without_tools.push(&one.to_string())).collect();
    pieces.extend(without_tools.finish());
    let found = parts(pieces);
    assert_eq!((found.reasoning.as_str(), found.text.as_str()), ("hm", "Hello.\n\nBye."));
    let broken =
        read_as(ToolFormat::Harmony, Reasoning::Channels, "<|channel|>commentary to=functions.time<|message|>{");
    assert_eq!((broken.text.as_str(), broken.calls.len()), ("{", 0));
}

#[test]
fn lists_of_calls() {
    let python = "<|tool_call_start|>[weather(city=\"Paris\", days=[1, 2]), time()]<|tool_call_end|>";
    let both = [("weather", r#"{"city":"Paris","days":[1,2]}"#), NOW];
    calls(ToolFormat::Lfm2, &format!("{python}Checking."), "Checking.", &both);
    let json =
        r#"[{"name": "weather", "arguments": {"city": "Paris", "days": [1, 2]}}, {"name": "time", "arguments": {}}]"#;
    calls(ToolFormat::Lfm2, &format!("<|tool_call_start|>{json}<|tool_call_end|>"), "", &[PARIS, NOW]);
    calls(ToolFormat::Nemotron, &format!("<TOOLCALL>{json}</TOOLCALL>"), "", &[PARIS, NOW]);
    calls(ToolFormat::Granite, &format!("<|tool_call|>{json}"), "", &[PARIS, NOW]);
    for (format, broken) in [
        (ToolFormat::Lfm2, "<|tool_call_start|>[weather(]<|tool_call_end|>"),
        (ToolFormat::Lfm2, "<|tool_call_start|>nothing"),
        (ToolFormat::Nemotron, "<TOOLCALL>[1]</TOOLCALL>"),
        (ToolFormat::Granite, "<|tool_call|>[{\"name\": \"time\""),
    ] {
        is_text(format, broken);
    }
}

#[test]
fn kimi() {
    let two = "Wait.<|tool_calls_section_begin|><|tool_call_begin|>functions.weather:0<|tool_call_argument_begin|>\
               {\"city\": \"Paris\", \"days\": [1, 2]}<|tool_call_end|><|tool_call_begin|>functions.time:1\
               <|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>";
    calls(ToolFormat::Kimi, two, "Wait.", &[PARIS, NOW]);
    for broken in ["<|tool_call_begin|>functions.time:0", "<|tool_call_begin|>functions.time:0<|tool_call_end|>"] {
        is_text(ToolFormat::Kimi, broken);
    }
}

#[test]
fn templates_tell_the_format() {
    let vocabulary = Vocabulary::empty(Kind::ByteLevel);
    for (written, format) in [
        ("<tool_call>\n<function=example_function_name>", ToolFormat::FunctionTags),
        ("<tool_call>{function-name}<arg_key>{arg-key-1}</arg_key>", ToolFormat::ArgumentTags),
        ("{{- '<|tool_call>call:' + function['name'] + '{' -}}", ToolFormat::Gemma4),
        ("<|channel|>analysis<|message|>", ToolFormat::Harmony),
        ("<|tool_calls_section_begin|>", ToolFormat::Kimi),
        ("{%- set dsml_token = '｜DSML｜' -%}", ToolFormat::DeepSeekTags),
        ("<TOOLCALL>[", ToolFormat::Nemotron),
        ("List of tools: <|tool_list_start|>[", ToolFormat::Lfm2),
        ("respond only with <|tool_call|> followed by a JSON list", ToolFormat::Granite),
        ("<tool_call>\\n{\"name\": <function-name>", ToolFormat::Hermes),
        ("{{- '[TOOL_CALLS]' }}{{- name + '[ARGS]' + arguments }}", ToolFormat::MistralArguments),
    ] {
        assert_eq!(ToolFormat::detect(written, &vocabulary), format, "{written}");
    }
}
