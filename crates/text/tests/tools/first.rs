//! The formats of Hermes, Llama 3, Mistral, Gemma 3 and DeepSeek.
use crate::support::{NOW, PARIS, calls, is_text, parts, read_as};
use hefu_text::tools::{Piece, Reasoning, Style, ToolFormat, ToolParser};

#[test]
fn hermes_without_its_marks() {
    let bare = r#"{"name": "weather", "arguments": {"city": "Paris", "days": [1, 2]}}"#;
    calls(ToolFormat::Hermes, bare, "", &[PARIS]);
    calls(ToolFormat::Hermes, &format!("```json\n{bare}\n```"), "", &[PARIS]);
    calls(ToolFormat::Hermes, &format!("```\n{bare}\n```\n"), "", &[PARIS]);
    calls(ToolFormat::Hermes, &format!("\n{bare}\n"), "", &[PARIS]);
    calls(ToolFormat::Hermes, &format!("[{bare}, {{\"name\": \"time\", \"arguments\": {{}}}}]"), "", &[PARIS, NOW]);
    for text in [
        r#"{"name": "unknown", "arguments": {}}"#,
        r#"{"name": "weather", "city": "Paris"}"#,
        r#"{"name": "weather", "arguments": {"city": "#,
        "```python\nprint(1)\n```",
        "```json\n{\"name\": \"Ada\"}\n```\nThat is all.",
    ] {
        is_text(ToolFormat::Hermes, text);
    }
    let said = format!("It looks like this: {bare}");
    is_text(ToolFormat::Hermes, &said);
    let mut nameless = ToolParser::new(Some(ToolFormat::Hermes));
    let pieces: Vec<Piece> = nameless.push(bare).into_iter().chain(nameless.finish()).collect();
    assert_eq!(parts(pieces).text, bare);
}

#[test]
fn hermes() {
    let one =
        "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Paris\", \"days\": [1, 2]}}\n</tool_call>";
    calls(ToolFormat::Hermes, one, "", &[PARIS]);
    calls(ToolFormat::Hermes, &format!("I will look.\n\n{one}\n"), "I will look.", &[PARIS]);
    let two = format!("{one}\n<tool_call>{{\"name\": \"time\", \"arguments\": {{}}}}</tool_call>");
    calls(ToolFormat::Hermes, &two, "", &[PARIS, NOW]);
    // Arguments that are a text that holds JSON, and an answer that ends before the closing mark.
    let as_text =
        r#"<tool_call>{"name": "weather", "arguments": "{\"city\": \"Paris\", \"days\": [1, 2]}"}</tool_call>"#;
    calls(ToolFormat::Hermes, as_text, "", &[PARIS]);
    calls(ToolFormat::Hermes, one.trim_end_matches("\n</tool_call>"), "", &[PARIS]);
    // Letters of every script, marks inside of texts, escaped quotes.
    let mark = r#"{"city": "北京 </tool_call> <tool_call> \"é\" \\"}"#;
    calls(
        ToolFormat::Hermes,
        &format!("<tool_call>{{\"name\": \"weather\", \"arguments\": {mark}}}</tool_call>"),
        "",
        &[("weather", mark)],
    );
    // A function that is not among the tools is a call all the same.
    let unknown = r#"<tool_call>{"name": "unknown", "arguments": {}}</tool_call>"#;
    calls(ToolFormat::Hermes, unknown, "", &[("unknown", "{}")]);
    for broken in [
        "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Par",
        "<tool_call>weather(city='Paris')</tool_call>",
        "<tool_call>{\"name\": \"weather\"}</tool_call>",
        "<tool_call>{\"name\": \"weather\", \"arguments\": [1]}</tool_call> and more",
        "A <tool_call> is a mark, </tool_call> ends it.",
        "<tool_call></tool_call>",
        "<tool_call",
    ] {
        is_text(ToolFormat::Hermes, broken);
    }
}

#[test]
fn llama() {
    let one = r#"{"name": "weather", "parameters": {"city": "Paris", "days": [1, 2]}}"#;
    calls(ToolFormat::Llama, one, "", &[PARIS]);
    calls(ToolFormat::Llama, &format!("<|python_tag|>{one}"), "", &[PARIS]);
    calls(ToolFormat::Llama, &format!("{one}; {{\"name\": \"time\", \"parameters\": {{}}}}"), "", &[PARIS, NOW]);
    let typed = r#"{"type": "function", "name": "time", "parameters": {}}"#;
    calls(ToolFormat::Llama, typed, "", &[NOW]);
    // JSON that is asked for is no call of a function.
    for answer in [
        r#"{"name": "Ada", "parameters": {"age": 36}}"#,
        r#"{"city": "Paris"}"#,
        r#"{"name": "weather", "parameters": {"city": "#,
        "<|python_tag|>print(1)",
        "Paris {\"name\": \"weather\", \"parameters\": {}}",
    ] {
        is_text(ToolFormat::Llama, answer);
    }
}

#[test]
fn mistral() {
    let two = r#"[TOOL_CALLS][{"name": "weather", "arguments": {"city": "Paris", "days": [1, 2]}}, {"name": "time", "arguments": {}}]"#;
    calls(ToolFormat::Mistral, two, "", &[PARIS, NOW]);
    calls(ToolFormat::Mistral, &format!("Wait. {two}"), "Wait.", &[PARIS, NOW]);
    let with_ids = r#"[TOOL_CALLS] [{"name": "time", "arguments": {}, "id": "abcdefghi"}]"#;
    calls(ToolFormat::Mistral, with_ids, "", &[NOW]);
    let later = r#"[TOOL_CALLS]weather[ARGS]{"city": "Paris", "days": [1, 2]}"#;
    calls(ToolFormat::MistralArguments, later, "", &[PARIS]);
    calls(ToolFormat::MistralArguments, &format!("{later}[TOOL_CALLS]time[ARGS]{{}}"), "", &[PARIS, NOW]);
    let with_id = "[TOOL_CALLS]time[CALL_ID]abcdefghi[ARGS]{}";
    calls(ToolFormat::MistralArguments, with_id, "", &[NOW]);
    for broken in
        ["[TOOL_CALLS]", "[TOOL_CALLS][{\"name\": \"time\"}]", "[TOOL_CALLS]time[ARGS]{\"a\": ", "[TOOL_CALLS][1]"]
    {
        is_text(ToolFormat::Mistral, broken);
        is_text(ToolFormat::MistralArguments, broken);
    }
}

#[test]
fn gemma() {
    let json = "```tool_code\n{\"name\": \"weather\", \"parameters\": {\"city\": \"Paris\", \"days\": [1, 2]}}\n```";
    calls(ToolFormat::Gemma, json, "", &[PARIS]);
    calls(ToolFormat::Gemma, &format!("Sure:\n{json}\n"), "Sure:", &[PARIS]);
    let python = "```tool_code\nweather(city=\"Paris\", days=[1, 2])\nprint(get.time-zone_2(at='noon'))\n```";
    calls(
        ToolFormat::Gemma,
        python,
        "",
        &[("weather", r#"{"city":"Paris","days":[1,2]}"#), ("get.time-zone_2", r#"{"at":"noon"}"#)],
    );
    calls(ToolFormat::Gemma, r#"{"name": "time", "parameters": {}}"#, "", &[NOW]);
    for answer in [
        "```python\nweather(city='Paris')\n```",
        "```tool_code\nimport os\n```",
        "```tool_code",
        "```json\n{\"a\": 1}\n```",
    ] {
        is_text(ToolFormat::Gemma, answer);
    }
}

#[test]
fn deep_seek() {
    let plain = "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>weather<｜tool▁sep｜>{\"city\": \"Paris\", \"days\": [1, 2]}<｜tool▁call▁end｜>\
                 <｜tool▁call▁begin｜>time<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>";
    calls(ToolFormat::DeepSeek, plain, "", &[PARIS, NOW]);
    let fenced = "Let me see.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>time\n```json\n{}\n```\
                  <｜tool▁call▁end｜><｜tool▁calls▁end｜>";
    calls(ToolFormat::DeepSeekFenced, fenced, "Let me see.", &[NOW]);
    for broken in ["<｜tool▁call▁begin｜>time<｜tool▁sep｜>{", "<｜tool▁call▁begin｜>time{}<｜tool▁call▁end｜>"]
    {
        is_text(ToolFormat::DeepSeek, broken);
        is_text(ToolFormat::DeepSeekFenced, broken);
    }
}

#[test]
fn plain_json() {
    let one = r#"{"name": "weather", "arguments": {"city": "Paris", "days": [1, 2]}}"#;
    calls(ToolFormat::Json, one, "", &[PARIS]);
    calls(ToolFormat::Json, &format!("```json\n{one}\n```"), "", &[PARIS]);
    calls(ToolFormat::Json, &format!("[{one}, {{\"name\": \"time\", \"arguments\": {{}}}}]"), "", &[PARIS, NOW]);
    let openai = r#"{"type": "function", "function": {"name": "time", "arguments": {}}}"#;
    calls(ToolFormat::Json, openai, "", &[NOW]);
    for answer in [r#"{"name": "Ada", "arguments": {}}"#, "[1, 2]", "{", "[", "Paris", "", " \n "] {
        is_text(ToolFormat::Json, answer);
    }
}

#[test]
fn reasoning_comes_before_and_calls_in_it_do_not_count() {
    let answer = "<think>\nI could write <tool_call>{\"name\": \"time\", \"arguments\": {}}</tool_call>.\n</think>\n\n\
                  <tool_call>{\"name\": \"weather\", \"arguments\": {\"city\": \"Paris\", \"days\": [1, 2]}}</tool_call>";
    let found = read_as(ToolFormat::Hermes, Reasoning::Possible(Style::Think), answer);
    assert_eq!(found.reasoning, "I could write <tool_call>{\"name\": \"time\", \"arguments\": {}}</tool_call>.");
    assert_eq!((found.text.as_str(), found.calls), ("", vec![(PARIS.0.to_owned(), PARIS.1.to_owned())]));
    let open = read_as(ToolFormat::Hermes, Reasoning::Open(Style::Think), "hm\n</think>\nHello");
    assert_eq!((open.reasoning.as_str(), open.text.as_str()), ("hm", "Hello"));
    let cut = read_as(ToolFormat::Hermes, Reasoning::Open(Style::Think), "and so on");
    assert_eq!((cut.reasoning.as_str(), cut.text.as_str()), ("and so on", ""));
}

#[test]
fn no_format_ever_loses_or_makes_up_a_character() {
    let formats = [
        ToolFormat::Hermes,
        ToolFormat::Llama,
        ToolFormat::Mistral,
        ToolFormat::MistralArguments,
        ToolFormat::Gemma,
        ToolFormat::DeepSeek,
        ToolFormat::DeepSeekFenced,
        ToolFormat::DeepSeekTags,
        ToolFormat::FunctionTags,
        ToolFormat::ArgumentTags,
        ToolFormat::Gemma4,
        ToolFormat::Harmony,
        ToolFormat::Lfm2,
        ToolFormat::Granite,
        ToolFormat::Nemotron,
        ToolFormat::Kimi,
        ToolFormat::Json,
    ];
    let nested = format!("<tool_call>{}", "[".repeat(1000));
    let marks = "<tool_call>".repeat(200);
    for format in formats {
        for answer in
            ["", "Hello.\n\nSo { what", "<tool", "```", "[TOOL", "\u{FFFD}<｜tool", "} ] \" ' \\", &nested, &marks]
        {
            is_text(format, answer);
        }
    }
}
