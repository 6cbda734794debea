//! `hefu top`: a running server, live in the terminal.
//!
//! * `client` asks `/metrics` and `/slots`; `exposition`, `histogram` and `snapshot` read the answers;
//! * `figures` sets two moments beside each other; `view` writes them as text.

mod client;
mod exposition;
mod figures;
mod histogram;
mod snapshot;
mod view;

use crate::failure::Failure;
use crate::output;
use clap::Args;
use client::Client;
use figures::{Figures, figures};
use snapshot::Snapshot;
use std::collections::VecDeque;
use std::io::IsTerminal;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};
use view::Curve;

/// The time over which percentiles are taken.
const WINDOW: Duration = Duration::from_secs(60);
/// Another screen, without a cursor; and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
/// To the first place of the screen; clear the rest of a line; clear what is below.
const HOME: &str = "\x1b[H";
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";

/// Watch a running server: requests, tokens per second, latencies, memory, cache
#[derive(Debug, Args)]
#[command(after_help = "\
Ctrl-C leaves. Latencies are those of the last minute, or all since the server's start where there was no request in that time.

Examples:
  hefu top
  hefu top --url https://models.example:8080 --interval 5
  hefu top --once --json")]
pub(crate) struct Arguments {
    /// The server's address
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    url: String,

    /// API key, if the server asks for one
    #[arg(long, value_name = "KEY", env = "HEFU_API_KEY", hide_env_values = true)]
    api_key: Option<String>,

    /// Seconds between two looks; rates are taken over this time
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,

    /// Look twice, print the figures and end
    #[arg(long)]
    once: bool,

    /// Print JSON, one line for each look
    #[arg(long)]
    json: bool,
}

/// Carries the command out.
///
/// # Errors
/// A server that cannot be reached at the start, or refuses.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let client = Client::new(&arguments.url, arguments.api_key.clone())?;
    let mut watch = Watch::new(client, Duration::from_secs(arguments.interval))?;
    let (sender, interrupted) = channel();
    let _interrupt = crate::interrupt::instead(move || {
        let _ = sender.send(());
    })?;
    if arguments.once || arguments.json || !std::io::stdout().is_terminal() {
        return watch.print(&interrupted, arguments);
    }
    output::print(ENTER)?;
    let result = watch.draw(&interrupted);
    output::print(LEAVE)?;
    result
}

/// A server that is looked at again and again.
struct Watch {
    client: Client,
    interval: Duration,
    /// Snapshots within the window, the oldest first; never empty.
    seen: VecDeque<(Instant, Snapshot)>,
    curve: Curve,
}

impl Watch {
    fn new(client: Client, interval: Duration) -> Result<Self, Failure> {
        let first = client.ask()?;
        Ok(Self { client, interval, seen: VecDeque::from([(Instant::now(), first)]), curve: Curve::default() })
    }

    /// Looks again.
    fn look(&mut self) -> Result<Figures, Failure> {
        let now = self.client.ask()?;
        let at = Instant::now();
        let (before_at, before) = self.seen.back().cloned().unwrap_or_else(|| (at, Snapshot::default()));
        let window = self.seen.front().map(|(_, snapshot)| snapshot.clone()).unwrap_or_default();
        let seconds = at.duration_since(before_at).as_secs_f64();
        let shown = figures(self.client.url(), &now, &before, &window, seconds);
        self.curve.push(shown.models.iter().map(|model| model.tokens_per_second.answers).sum());
        self.seen.push_back((at, now));
        while self.seen.len() > 1 && self.seen.front().is_some_and(|(then, _)| at.duration_since(*then) > WINDOW) {
            self.seen.pop_front();
        }
        Ok(shown)
    }

    /// Prints one look after the other.
    fn print(&mut self, interrupted: &Receiver<()>, arguments: &Arguments) -> Result<(), Failure> {
        while !self.waited(interrupted) {
            let shown = self.look()?;
            if arguments.json {
                let line = serde_json::to_string(&shown).map_err(|error| Failure::Other(error.to_string()))?;
                output::print(&(line + "\n"))?;
            } else {
                output::print(&(view::text(&shown, &self.curve) + "\n"))?;
            }
            if arguments.once {
                break;
            }
        }
        Ok(())
    }

    /// Draws one look over the other. A server that is gone for a while is waited for.
    fn draw(&mut self, interrupted: &Receiver<()>) -> Result<(), Failure> {
        let mut text = format!("{}\n", self.client.url());
        loop {
            let lines: String = text.lines().map(|line| format!("{line}{CLEAR_LINE}\r\n")).collect();
            output::print(&format!("{HOME}{lines}{CLEAR_BELOW}"))?;
            if self.waited(interrupted) {
                return Ok(());
            }
            text = match self.look() {
                Ok(shown) => view::text(&shown, &self.curve),
                Err(failure) => format!("{}\n\n{failure}\n", self.client.url()),
            };
        }
    }

    /// Waits until the next look; `true` if the person wants to leave.
    fn waited(&self, interrupted: &Receiver<()>) -> bool {
        !matches!(interrupted.recv_timeout(self.interval), Err(RecvTimeoutError::Timeout))
    }
}
