//! The commands about the store, with a model that is pulled from a path.

use crate::support::{Home, repository};
use crate::tiny;

#[test]
fn a_model_is_pulled_listed_shown_used_and_removed() {
    let home = Home::new();
    let pull = || home.hefu(&["pull", "./tiny.gguf", "--name", "mine"]);
    assert_eq!(pull().success(), "mine\n");
    assert_eq!(pull().success(), "mine is there already\n");

    let list = home.hefu(&["models", "--json"]).json();
    let models = list["models"].as_array().unwrap();
    let mine = models.iter().find(|model| model["name"] == "mine").unwrap();
    assert_eq!((&mine["pulled"], &mine["default"]), (&true.into(), &false.into()));
    assert!(models.iter().any(|model| model["default"] == true && model["pulled"] == false));
    assert!(home.hefu(&["models"]).success().contains("mine "));

    let shown = home.hefu(&["show", "mine", "--json", "--context", "100"]).json();
    assert_eq!(shown["memory"]["context"], 100);
    // Two pages of 64 positions, two layers, keys and values of 32 numbers of 2 bytes.
    assert_eq!(shown["memory"]["cache_bytes"], 128 * 2 * 2 * 32 * 2);
    let q8 = home.hefu(&["show", "mine", "--json", "--context", "100", "--cache", "q8"]).json();
    // The 16 numbers of each of 2 heads are filled up to 32, with 2 bytes of scale.
    assert_eq!(
        (&q8["memory"]["cache_type"], &q8["memory"]["cache_bytes"]),
        (&"q8".into(), &(128 * 2 * 2 * 2 * 34).into())
    );
    assert_eq!(shown["licence"], "CC0-1.0");
    assert_eq!(shown["formats"][0]["format"], "F32");
    assert_eq!(shown["metadata"]["llama.block_count"], 2);
    assert_eq!(shown["context_length"], tiny::CONTEXT);
    assert_eq!(shown["files"][0]["sha256"].as_str().map(str::len), Some(64));

    let ask =
        |model: &str| home.hefu(&["run", "--json", "--raw", "-n", "3", "--seed", "1", "--model", model, "hi"]).json();
    let (by_name, by_path) = (ask("mine"), ask("tiny.gguf"));
    assert_eq!(by_name["fingerprint"], by_path["fingerprint"]);
    assert_eq!(by_name["token_ids"], by_path["token_ids"]);

    assert!(home.hefu(&["remove", "mine"]).success().starts_with("removed mine"));
    home.hefu(&["remove", "mine"]).failure(1);
}

#[test]
fn a_stored_model_whose_bytes_changed_does_not_answer_under_its_fingerprint() {
    let home = Home::new();
    home.hefu(&["pull", "./tiny.gguf", "--name", "mine"]).success();
    let shown = home.hefu(&["show", "mine", "--json"]).json();
    let path = std::path::PathBuf::from(shown["files"][0]["path"].as_str().unwrap());
    let time = std::fs::metadata(&path).unwrap().modified().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 3;
    bytes[last] ^= 0x40;
    std::fs::write(&path, &bytes).unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();

    let ask = |more: &[&str]| {
        home.hefu(&[&["run", "--json", "--raw", "-n", "3", "--seed", "1", "--model", "mine"], more, &["hi"]].concat())
    };
    for more in [&[][..], &["--check", "always"]] {
        let said = ask(more).failure(1);
        assert!(said.contains("is damaged") && said.contains("hefu pull mine"), "{said}");
    }
    assert!(home.hefu(&["fingerprint", "mine"]).failure(1).contains("is damaged"));
    // Who asks for it is not checked at all.
    ask(&["--check", "never"]).success();
    assert!(ask(&["--check", "often"]).failure(2).contains("changed, always, never"));
    // Another pull puts it right.
    assert_eq!(home.hefu(&["pull", "./tiny.gguf", "--name", "mine"]).success(), "mine\n");
    let again = ask(&[]).json();
    assert_eq!(again["fingerprint"], ask(&["--model", "tiny.gguf"]).json()["fingerprint"]);
}

/// Runs the program with a standard error that takes nothing: a full disk, and a pipe that nobody reads.
#[cfg(target_os = "linux")]
#[test]
fn a_log_that_cannot_be_written_changes_nothing() {
    use std::process::{Command, Stdio};
    let home = Home::new();
    let program = env!("CARGO_BIN_EXE_hefu");
    let with = |error: Stdio, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).env("HEFU_HOME", home.path("home")).current_dir(home.path("")).stderr(error);
        let output = command.env_remove("HEFU_MODEL").stdin(Stdio::null()).output().unwrap();
        (output.status.code(), output.stdout)
    };
    let full = || Stdio::from(std::fs::File::options().write(true).open("/dev/full").unwrap());
    let unread = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        Stdio::from(writer)
    };
    for arguments in [
        &["run", "--stats", "--raw", "-n", "3", "--seed", "1", "--model", "tiny.gguf", "hi"][..],
        &["run", "--model", "./missing.gguf", "hi"],
        &["key", "list"],
        // The speeds of `models` are measured each time.
        &["tokenize", "--model", "tiny.gguf", "hi"],
        &["pull", "./tiny.gguf", "--name", "mine"],
        &["show", "--nonsense"],
        &["verify", "nothing.json"],
    ] {
        let said = [Stdio::null(), full(), unread()].map(|error| {
            home.hefu(&["remove", "mine"]);
            with(error, arguments)
        });
        assert!(said.iter().all(|other| *other == said[0]), "{arguments:?}: {said:?}");
    }
}

#[test]
fn a_page_about_a_model_names_what_matters() {
    let home = Home::new();
    let page = home.hefu(&["show", "tiny.gguf", "--tensors"]).success();
    for part in ["licence", "CC0-1.0", "architecture", "llama", "cache", "F32", "blk.1.ffn_down.weight", "template"] {
        assert!(page.contains(part), "{part} in\n{page}");
    }
    let template = home.hefu(&["show", "tiny.gguf", "--print-template"]).success();
    assert!(template.starts_with("{% for m in messages %}"), "{template}");
    let said = home.hefu(&["show", "tiny.gguf", "--context", "257"]).failure(2);
    assert!(said.contains("257") && said.contains("256"), "{said}");
}

#[test]
fn malformed_files_end_in_one_sentence() {
    let home = Home::new();
    let files = std::fs::read_dir(repository("golden/hostile")).unwrap();
    let files = files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "gguf"));
    let mut tried = 0;
    for path in files {
        let said = home.hefu(&["run", "--model", path.to_str().unwrap(), "x"]).failure(1);
        assert!(said.starts_with("hefu: ") && said.trim_end().lines().count() == 1, "{}: {said}", path.display());
        tried += 1;
    }
    assert!(tried >= 10, "{tried} files");
}

/// A hub on this machine that has one model.
fn hub(model: Vec<u8>) -> String {
    use std::io::{BufRead, BufReader, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        // The list of files and the file itself; whoever asks for more gets nothing.
        for stream in listener.incoming().take(2) {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let first = lines.next().unwrap().unwrap();
            lines.map_while(Result::ok).take_while(|line| !line.is_empty()).for_each(drop);
            let body = match first.split(' ').nth(1).unwrap() {
                "/api/models/o/r?blobs=true" => br#"{"siblings": [{"rfilename": "mini-Q8_0.gguf"}]}"#.to_vec(),
                "/o/r/resolve/main/mini-Q8_0.gguf" => model.clone(),
                other => panic!("{other}"),
            };
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all(&[head.into_bytes(), body].concat()).unwrap();
        }
    });
    url
}

#[test]
fn a_model_is_fetched_and_run_in_one_command_and_never_only_looked_at() {
    let home = Home::new();
    let url = hub(std::fs::read(home.model()).unwrap());
    let run = || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hefu"));
        command.args(["run", "-m", "hf:o/r:Q8_0", "--raw", "-n", "3", "--seed", "1", "--json", "hi"]);
        command.env("HEFU_HOME", home.path("home")).env("HF_ENDPOINT", &url).env_remove("HEFU_MODEL");
        let output = command.stdin(std::process::Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let first = run();
    assert_eq!(first["model"], "mini-q8_0");
    // The hub is not asked again.
    assert_eq!(run()["token_ids"], first["token_ids"]);
    assert!(home.hefu(&["show", "hf:o/r"]).failure(2).contains("hefu pull hf:o/r"));
    for command in ["show", "bom", "fingerprint"] {
        let said = home.hefu(&[command, "gemma-3-270m"]).failure(1);
        assert!(said.contains("not in the store") && said.contains("hefu pull gemma-3-270m"), "{command}: {said}");
    }
    assert!(home.hefu(&["run", "-m", "hf:o/other", "hi"]).failure(1).contains("hf:o/other"));
}

#[test]
fn a_packed_copy_gives_the_same_answers_and_is_not_used_once_it_is_damaged() {
    let home = Home::new();
    home.hefu(&["pull", "./tiny.gguf", "--name", "mine"]).success();
    let ask = || home.hefu(&["run", "--json", "--raw", "-n", "5", "--seed", "1", "--model", "mine", "hi"]);
    let before = ask().json();
    assert!(home.hefu(&["pack", "mine"]).success().starts_with("packed mine"));
    let copies = || {
        let shown = home.hefu(&["show", "mine", "--json"]).json();
        let blob = std::path::PathBuf::from(shown["files"][0]["path"].as_str().unwrap());
        let folder = blob.parent().unwrap().with_file_name("packed");
        let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        paths.filter(|path| path.extension().is_some_and(|end| end == "weights")).collect::<Vec<_>>()
    };
    let [copy] = &copies()[..] else { panic!("one copy was made") };
    let same = |answer: serde_json::Value| {
        assert_eq!((&answer["token_ids"], &answer["fingerprint"]), (&before["token_ids"], &before["fingerprint"]));
    };
    same(ask().json());

    // The copy is read, or nothing would be said of its damage.
    let mut bytes = std::fs::read(copy).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(copy, &bytes).unwrap();
    let answered = ask();
    assert!(answered.stderr.contains("is not what was written"), "{}", answered.stderr);
    same(answered.json());

    assert!(home.hefu(&["pack", "mine", "--remove"]).success().starts_with("removed the packed copy"));
    assert!(copies().is_empty());
    assert!(home.hefu(&["pack", "mine", "--remove"]).success().contains("has no packed copy"));
    home.hefu(&["pack", "mine"]).success();
    home.hefu(&["remove", "mine"]).success();
    assert!(home.hefu(&["pack", "mine"]).failure(1).contains("mine"));
    // Of a file that is gone, its name tells which copy is meant.
    let path = home.model();
    home.hefu(&["pack", "./tiny.gguf"]).success();
    std::fs::remove_file(&path).unwrap();
    assert!(
        home.hefu(&["pack", "./tiny.gguf", "--remove"]).success().starts_with("removed the packed copy of tiny.gguf")
    );
    assert!(home.hefu(&["pack", "./tiny.gguf", "--remove"]).failure(1).contains("there is no file"));
}

/// A container may run the program as a user whom the system does not know, without a home. Only who may change users can try it.
#[cfg(unix)]
#[test]
fn a_user_without_a_home_uses_models_where_they_lie() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    const UNKNOWN: u32 = 54_321;
    let home = Home::new();
    let readable = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    readable(home.model().parent().unwrap(), 0o755);
    readable(&home.model(), 0o644);
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hefu"));
        command.env_clear().args(arguments).uid(UNKNOWN).gid(UNKNOWN).stdin(std::process::Stdio::null());
        match command.current_dir(home.model().parent().unwrap()).output() {
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => None,
            output => Some(output.unwrap()),
        }
    };
    let Some(answered) = run(&["run", "--model", "./tiny.gguf", "--raw", "-n", "2", "hi"]) else { return };
    assert!(answered.status.success(), "{}", String::from_utf8_lossy(&answered.stderr));
    for arguments in [&["pull", "gemma-3-270m"][..], &["pack", "./tiny.gguf"]] {
        let failed = run(arguments).unwrap();
        let said = String::from_utf8_lossy(&failed.stderr).into_owned();
        assert!(!failed.status.success() && said.contains("set HEFU_HOME"), "{arguments:?} says {said}");
    }
    // A server that asks for no key needs no place for one either: it goes on to what is wrong with its port.
    let busy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = busy.local_addr().unwrap().port().to_string();
    let failed = run(&["serve", "--model", "./tiny.gguf", "--port", &port]).unwrap();
    let said = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert!(said.contains("another program listens there"), "{said}");
}
