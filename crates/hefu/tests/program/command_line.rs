//! Help, completions, manual pages, and what is said about slips.

use crate::support::{Home, Outcome, repository};

const COMMANDS: [&str; 12] =
    ["run", "chat", "pull", "models", "show", "remove", "tokenize", "perplexity", "bench", "gap", "completions", "man"];

#[test]
fn every_command_explains_itself_with_examples() {
    let home = Home::new();
    let all = home.hefu(&["--help"]).success();
    for command in COMMANDS {
        assert!(all.contains(&format!("\n  {command}")), "{command} in\n{all}");
        let help = home.hefu(&[command, "--help"]).success();
        assert!(help.contains("Examples:") && help.contains(&format!("hefu {command}")), "{help}");
    }
}

#[test]
fn the_document_lists_every_command_that_takes_a_shared_flag_and_no_other() {
    let home = Home::new();
    let text = std::fs::read_to_string(repository("docs/users").join("commands.md")).unwrap();
    let all = home.hefu(&["--help"]).success();
    let all = all.split_once("Commands:").and_then(|(_, rest)| rest.split_once("\nOptions:")).unwrap().0;
    let is_name = |line: &&str| line.starts_with("  ") && !line.starts_with("   ");
    let all: Vec<&str> = all.lines().filter(is_name).filter_map(|line| line.split_whitespace().next()).collect();
    let helps: Vec<String> = all.iter().map(|command| home.hefu(&["help", command]).success()).collect();
    for (flag, row) in [
        ("--threads", "| `-t`, `--threads N` | "),
        ("--context", "| `-c`, `--context N` | "),
        ("--cache", "| `--cache f16\\|q8\\|i8` | "),
        ("--json", "| `--json` | "),
    ] {
        let row = text.lines().find_map(|line| line.strip_prefix(row)).unwrap();
        let listed = row.split(" | ").next().unwrap().split('`').skip(1).step_by(2);
        let mut listed: Vec<&str> = listed.filter(|command| all.contains(command)).collect();
        let takes = |help: &String| {
            let flags = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
            flags.flat_map(|line| line.split([' ', ',']).take(3)).any(|word| word == flag)
        };
        let mut taking: Vec<&str> =
            all.iter().zip(&helps).filter(|(_, help)| takes(help)).map(|(name, _)| *name).collect();
        listed.sort_unstable();
        taking.sort_unstable();
        assert_eq!(listed, taking, "{flag}");
    }
}

#[test]
fn a_slip_is_a_usage_error_and_says_what_to_do() {
    let home = Home::new();
    for (arguments, said) in [
        (&["rnu"][..], "unrecognized subcommand"),
        (&["run", "--temprature", "1", "x"], "--temperature"),
        (&["run", "--top-p", "2", "x"], "--top-p is 2, but must be between 0 and 1"),
        (&["run", "--temperature", "nan", "x"], "--temperature is NaN"),
        (&["run", "--logit-bias", "x", "x"], "11=-5"),
        (&["run", "--threads", "0", "x"], "--threads"),
        (&["run", "--isa", "mmx", "x"], "reference"),
        (&["run", "--logprobs", "2", "x"], "--json"),
        (&["run", "What", "is", "this?"], "tip: put a text of several words in quotation marks"),
        (&["verify", "--key", "nobody.pem", "x"], "--key nobody.pem: there is no such file"),
        (&["run", "--max-tokens", "0", "x"], "'--max-tokens <N>': it must be at least 1"),
        (&["run", "--max-tokens", "-1", "x"], "'--max-tokens <N>': it must be a whole number that is not negative"),
        (&["run", "--schema", "", "x"], "a value is required for '--schema <FILE|JSON>'"),
        (&["run", "--draft-model", "", "x"], "a value is required for '--draft-model <NAME|PATH>'"),
        (&["run", "--temperature", "hot", "x"], "'--temperature <X>': it is not a number"),
        (&["run", "--seed", "-1", "x"], "'-1' for '--seed <N>': it must be a whole number that is not negative"),
        (&["run", "--threads", "0", "x"], "it must be from 1 to 1024"),
        (&["serve", "--request-seconds", "0"], "'--request-seconds <N>': it must be at least 1"),
        (&["serve", "--max-body-bytes", "0"], "'--max-body-bytes <BYTES>': it must be at least 1"),
        (&["serve", "--cors-origin", "https://app.example/"], "expected a scheme and a host without a path"),
        (&["serve", "--host", "here"], "expected an IP address, such as 127.0.0.1"),
        (&["run", "--top-k", "-1", "x"], "'-1' for '--top-k <N>': it must be a whole number that is not negative"),
        (&["bench", "--prompt", "-1"], "'-1' for '--prompt <N>': it must be a whole number that is not negative"),
        (&["run"], "there is no prompt"),
        (&["tokenize", "--context", "3"], "--context"),
        (&["perplexity", "--file", "x", "--context", "3"], "--context is 3, but must be at least 4"),
        (&["bench", "--prompt", "0", "--generate", "0"], "nothing to measure"),
        (&["gap", "--prompt", "0", "--generate", "0"], "nothing to measure"),
        (&["gap", "--isa", "reference"], "--isa reference has no limits to measure"),
        (&["completions", "tcsh"], "bash"),
        (&["remove"], "NAME"),
    ] {
        let said_really = home.hefu(arguments).failure(2);
        assert!(said_really.contains(said), "{arguments:?} says {said_really}");
    }
}

#[test]
fn help_and_messages_speak_chinese_where_that_is_asked_for_and_json_does_not() {
    let home = Home::new();
    for (arguments, said) in [
        (&["--help", "--lang", "zh"][..], "\n命令:\n  run           回答一个提示词\n"),
        (&["run", "--lang", "zh", "-h"], "推测解码"),
        (&["--lang=zh", "serve", "--help"], "用法：hefu serve"),
    ] {
        let help = home.hefu(arguments).success();
        assert!(help.contains(said), "{arguments:?} says {help}");
    }
    for (arguments, status, said) in [
        (&["run", "--lang", "zh", "--model", "nonsense", "x"][..], 1, "没有名为 nonsense 的模型"),
        (&["run", "--lang", "zh", "--model", "./none.gguf", "x"], 1, "没有文件 ./none.gguf"),
        (&["run", "--lang", "zh", "--max-tokens", "0", "x"], 2, "错误：0 不能作为 --max-tokens <N> 的值：至少为 1"),
        (&["run", "--lang", "zh"], 2, "没有提示词"),
        (&["rnu", "--lang", "zh"], 2, "没有 rnu 这条命令"),
        (&["run", "--lang", "zh", "--temprature", "1", "x"], 2, "提示：有一个相近的参数：--temperature"),
        (&["run", "--lang", "zh", "What", "is", "this?"], 2, "提示：由几个词组成的文本请放在引号内"),
        (&["run", "--lang", "fr", "x"], 2, "possible values: en, zh"),
    ] {
        let outcome = home.hefu(arguments).failure(status);
        assert!(outcome.contains(said), "{arguments:?} says {outcome}");
    }
    let json = |language| home.hefu(&["identity", "--json", "--lang", language]).success();
    assert_eq!(json("zh"), json("en"));
}

#[test]
fn what_is_not_there_is_named_and_near_names_are_given() {
    let home = Home::new();
    for (arguments, said) in [
        (&["run", "--model", "qwen2.5-codr-0.5b-instruct", "x"][..], "did you mean `qwen2.5-coder-0.5b-instruct`"),
        (&["run", "--model", "no/such.gguf", "x"], "no/such.gguf"),
        (&["perplexity", "--file", "none.txt"], "none.txt"),
        (&["show", "nonsense"], "nonsense"),
        (&["remove", "nonsense"], "nonsense"),
        (&["pull", "nonsense"], "nonsense"),
    ] {
        let said_really = home.hefu(arguments).failure(1);
        assert!(said_really.starts_with("hefu: ") && said_really.contains(said), "{arguments:?} says {said_really}");
    }
}

#[test]
fn what_the_model_cannot_have_is_told_in_the_words_of_the_command() {
    let home = Home::new();
    let said = |arguments: &[&str]| home.tiny(arguments).failure(2);
    assert!(said(&["run", "--ban", "99999999", "x"]).contains("--ban names token 99999999"));
    assert!(said(&["run", "--regex", "(", "x"]).contains("the regular expression cannot be used: unclosed group"));
    for pattern in ["a^b", "a$b", "a\\bb"] {
        let anchor = said(&["run", "--regex", pattern, "x"]);
        assert!(
            anchor.contains("can stand at an expression's ends alone") && !anchor.contains("lookaround"),
            "{anchor}"
        );
    }
    let long = said(&["bench", "--prompt", "1000000"]);
    assert!(long.contains("made for") && long.contains("1000000") && !long.contains("--context"), "{long}");
    let help = home.hefu(&["help", "run"]).success();
    assert!(help.contains("hefu run"), "{help}");
}

#[cfg(unix)]
#[test]
fn a_device_and_a_pipe_are_no_models_and_are_neither_waited_for_nor_replaced() {
    let home = Home::new();
    let pipe = home.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let pipe = pipe.to_str().unwrap();
    for place in ["/dev/null", pipe] {
        let said = home.hefu(&["run", "--model", place, "x"]).failure(1);
        assert!(said.contains(&format!("{place} is a device or a pipe; copy it to a file first")), "{said}");
        let said = home.hefu(&["pull", place, "--name", "x"]).failure(1);
        assert!(said.contains("is not a file"), "{said}");
        let model = home.model();
        let said = home.hefu(&["quantize", model.to_str().unwrap(), place, "--to", "Q8_0", "--force"]).failure(2);
        assert!(said.contains(&format!("{place} is a device or a pipe; name a file")), "{said}");
    }
    let said = home.hefu(&["run", "--model", "", "x"]).failure(1);
    assert!(said.contains("no model, file or source is called ``"), "{said}");
}

#[test]
fn a_busy_port_is_told_with_a_way_on() {
    let home = Home::new();
    let busy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = busy.local_addr().unwrap().port().to_string();
    let said = home.tiny(&["serve", "--port", &port]).failure(1);
    assert!(said.contains("another program listens there") && said.contains("--port"), "{said}");
}

#[test]
fn a_missing_template_file_is_named() {
    let home = Home::new();
    let said = home.tiny(&["run", "--template", "none.jinja", "x"]).failure(1);
    assert!(said.contains("none.jinja"), "{said}");
}

#[test]
fn completions_and_pages_know_every_command() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = home.hefu(&["completions", shell]).success();
        assert!(COMMANDS.iter().all(|command| script.contains(command)), "{shell}");
        assert!(script.contains("temperature"), "{shell}");
    }
    let page = home.hefu(&["man"]).success();
    assert!(page.starts_with(".ie") || page.starts_with(".TH"), "{page}");
    let folder = home.path("man1");
    home.hefu(&["man", folder.to_str().unwrap()]).success();
    for command in COMMANDS {
        assert!(folder.join(format!("hefu-{command}.1")).is_file(), "{command}");
    }
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_hefu"))
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let outcome = Outcome {
        status: output.status.code().unwrap_or(-1),
        stdout: String::new(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    };
    assert_eq!(outcome.failure(0), "");
}
