//! A conversation at a terminal: the program has one end of a pseudo-terminal, and the test types at the other.

use crate::support::Home;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// After so long without an end, a program is taken to wait for what it has lost.
const PATIENCE: Duration = Duration::from_secs(120);

/// The test's end of a terminal, and the program at the other.
struct Terminal {
    keys: File,
    program: Child,
    screen: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Terminal {
    fn new(home: &Home, more: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        tcsetwinsize(&master, Winsize { ws_row: 24, ws_col: 60, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let name = std::ffi::OsStr::from_bytes(name.as_bytes());
        let end = || OpenOptions::new().read(true).write(true).open(name).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_hefu"));
        command.args(["chat", "--model", "tiny.gguf", "--seed", "5", "--max-tokens", "6"]).args(more);
        command.env("HEFU_HOME", home.path("home")).env("LC_ALL", "C").env("TERM", "xterm").env_remove("HEFU_MODEL");
        command.current_dir(home.path("")).stdin(end()).stdout(end()).stderr(end());
        let program = command.spawn().unwrap();
        let (keys, mut buffer) = (File::from(master), vec![0; 4096]);
        let screen = Arc::new(Mutex::new(Vec::new()));
        let (shown, mut source) = (Arc::clone(&screen), keys.try_clone().unwrap());
        let reader = std::thread::spawn(move || {
            // A terminal whose program has gone reads as an error.
            while let Ok(count @ 1..) = source.read(&mut buffer) {
                shown.lock().unwrap().extend(&buffer[..count]);
            }
        });
        Self { keys, program, screen, reader }
    }

    fn screen(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().unwrap()).into_owned()
    }

    fn type_in(&mut self, text: &str) {
        self.keys.write_all(text.as_bytes()).unwrap();
    }

    /// Waits until the screen has shown a text.
    fn wait_for(&mut self, text: &str) {
        let started = Instant::now();
        while !self.screen().contains(text) {
            assert!(started.elapsed() < PATIENCE, "{text:?} never came:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for the program's end.
    fn end(mut self) -> String {
        let started = Instant::now();
        while self.program.try_wait().unwrap().is_none() {
            if started.elapsed() > PATIENCE {
                self.program.kill().unwrap();
                self.program.wait().unwrap();
                panic!("it waits for more:\n{}", self.screen());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.reader.join().unwrap();
        String::from_utf8_lossy(&self.screen.lock().unwrap()).into_owned()
    }
}

/// The messages of the conversation that was saved.
fn saved(home: &Home) -> Vec<String> {
    let text = std::fs::read_to_string(home.path("talk.json")).unwrap();
    let talk: serde_json::Value = serde_json::from_str(&text).unwrap();
    let turns = talk["turns"].as_array().unwrap().iter();
    let said = turns.filter(|turn| turn["role"] == "user").map(|turn| turn["content"].as_str().unwrap().to_owned());
    said.collect()
}

#[test]
fn lines_that_come_at_once_are_all_read() {
    let home = Home::new();
    let mut terminal = Terminal::new(&home, &[]);
    terminal.wait_for("> ");
    // As a terminal sends what was pasted if nobody asked it to mark that.
    terminal.type_in("one\rtwo\r\"\"\"\rthree\r\rfour\r\"\"\"\rfive\\\rsix\r/save talk.json\r/quit\r");
    let screen = terminal.end();
    assert!(screen.contains("saved 8 messages"), "{screen}");
    assert_eq!(saved(&home), ["one", "two", "three\n\nfour", "five\nsix"]);
}

#[test]
fn what_is_pasted_is_one_message_and_fences_count_in_it() {
    let home = Home::new();
    let mut terminal = Terminal::new(&home, &[]);
    terminal.wait_for("> ");
    let pasted = |text: &str| format!("\x1b[200~{text}\x1b[201~\r");
    terminal.type_in(&pasted("one\rtwo\r\rthree"));
    terminal.type_in(&pasted("\"\"\"\rfour\rfive\r\"\"\"\rsix"));
    terminal.type_in("/save talk.json\r/quit\r");
    terminal.end();
    assert_eq!(saved(&home), ["one\ntwo\n\nthree", "four\nfive", "six"]);
}

#[test]
fn the_tab_key_completes() {
    let home = Home::new();
    let mut terminal = Terminal::new(&home, &[]);
    terminal.wait_for("> ");
    terminal.type_in("/se\t 7\r/seed\r/q\t\r");
    let screen = terminal.end();
    assert!(screen.contains("the seed is 7"), "{screen}");
}
