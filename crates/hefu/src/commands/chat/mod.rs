//! `hefu chat`: a conversation at the terminal.

mod completion;
mod conversation;
mod directive;
mod input;
mod wrap;

use crate::answer::{self, Answer, Question};
use crate::answering::AnswerSession;
use crate::failure::Failure;
use crate::flags::AnsweringArguments;
use crate::options::ModelChoice;
use crate::output::{columns, hanging, print};
use clap::Args;
use conversation::Saved;
use directive::Directive;
use hefu_answer::{Error, Message, Prompt, Role, made_up_seed};
use hefu_engine::scheduler::{Paged, Scheduler};
use input::{Entry, Input};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use wrap::{Wrap, line};

/// Hold a conversation at the terminal
///
/// Ctrl-C stops an answer, Ctrl-D at an empty line leaves, /help lists what else can be done. What the conversation
/// begins with is computed once: each answer costs only what is new.
#[derive(Debug, Args)]
#[command(after_help = "\
A line that ends with \\ goes on in the next one; text between lines of \"\"\" is sent as it stands.

Examples:
  hefu chat
  hefu chat --system \"You are a patient teacher of Rust\" --temperature 0.3
  hefu chat --model ./model.gguf --context 16384")]
pub(crate) struct Arguments {
    /// Instructions that come before the conversation
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,

    /// Say after each answer how long it took
    #[arg(long)]
    stats: bool,

    #[command(flatten)]
    answering: AnsweringArguments,
}

/// Carries the command out.
///
/// # Errors
/// A model that cannot be had, or a terminal that cannot be used. What goes wrong in one answer is only said.
pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    arguments.answering.check(None)?;
    let flags = &arguments.answering;
    let (answering, seed) = usable(AnswerSession::new(flags, None, true)?)?;
    let cancelled = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&cancelled);
    let _interrupt = crate::interrupt::instead(move || flag.store(true, Ordering::Relaxed))?;
    let mut input = Input::new()?;
    let text = &answering.loaded.text;
    input.say(&format!("{} ({} tokens of context); /help lists what can be done", text.name, text.context));
    let mut chat = Chat {
        scheduler: answering.scheduler(false)?,
        saved: Saved::new(arguments.system.clone(), seed),
        last: None,
        unanswered: None,
        cancelled: &cancelled,
        stats: arguments.stats,
        flags,
        answering,
    };
    loop {
        match input.next()? {
            Entry::Left => return Ok(()),
            Entry::Nothing => {}
            Entry::Text(text) => match Directive::parse(&text) {
                Ok(None) => chat.ask(&text)?,
                Ok(Some(Directive::Quit)) => return Ok(()),
                Ok(Some(directive)) => chat.obey(directive)?,
                Err(sentence) => line(&sentence),
            },
        }
    }
}

/// A model that can hold a conversation, and a seed for it. Whether there is a usable template is better known now than after
/// the first question.
fn usable(answering: AnswerSession<'_>) -> Result<(AnswerSession<'_>, u64), Failure> {
    let first = answering.ask(Prompt::Messages(vec![Message::new(Role::User, "?")]));
    let question = answering.question(&first).map_err(|error| answering.failed(&error))?;
    let seed = question.prepared.request.parameters.seed;
    Ok((answering, seed))
}

/// What is said of instructions that nobody has given.
const NO_INSTRUCTIONS: &str =
    "none are given; the model's template may have some of its own; /system TEXT gives others";

/// A conversation under way.
struct Chat<'a> {
    flags: &'a AnsweringArguments,
    answering: AnswerSession<'a>,
    scheduler: Scheduler<Paged>,
    saved: Saved,
    last: Option<Answer>,
    /// The question for which the context had no room left.
    unanswered: Option<String>,
    cancelled: &'a AtomicBool,
    stats: bool,
}

impl Chat<'_> {
    /// Answers. A question that could not be answered is taken back, so that the conversation stays as it was.
    fn ask(&mut self, text: &str) -> Result<(), Failure> {
        self.saved.user(text);
        self.unanswered = None;
        match self.answer() {
            Ok(answer) if answer.choices.is_empty() => {
                self.saved.take_back();
                line("(stopped before the answer; the question is taken back)");
                Ok(())
            }
            Ok(answer) => {
                self.saved.assistant(answer.text());
                if answer.finish_reason() != "stop" {
                    line(ended(answer.finish_reason()));
                }
                self.last = Some(answer);
                if self.stats { self.statistics() } else { Ok(()) }
            }
            Err(Failure::ClosedPipe) => Err(Failure::ClosedPipe),
            Err(failure) => {
                self.saved.take_back();
                let advice = advice(&failure);
                self.unanswered = Some(text.to_owned()).filter(|_| !advice.is_empty());
                line(&format!("{failure}{advice}"));
                Ok(())
            }
        }
    }

    fn answer(&mut self) -> Result<Answer, Failure> {
        self.cancelled.store(false, Ordering::Relaxed);
        let question = self.question().map_err(|error| self.answering.failed(&error))?;
        let text = &self.answering.loaded.text;
        let mut wrap = Wrap::new();
        let mut show = |text: &str| print(&wrap.push(text));
        let answer = answer::answer(text, &mut self.scheduler, question, self.cancelled, &mut show)?;
        print(&wrap.finish())?;
        print(if answer.text().ends_with('\n') { "\n" } else { "\n\n" })?;
        Ok(answer)
    }

    /// The conversation as the model is asked to go on with it.
    fn question(&self) -> Result<Question, Error> {
        let mut ask = self.answering.ask(Prompt::Messages(self.saved.messages()));
        ask.sampling.seed = Some(self.saved.seed);
        self.answering.question(&ask)
    }

    /// Drops the oldest turns until half of the context is free; then asks what had no room.
    fn compact(&mut self) -> Result<(), Failure> {
        let unanswered = self.unanswered.take();
        let before = self.saved.len();
        if let Some(text) = &unanswered {
            self.saved.user(text);
        }
        while !self.is_half_free()? && self.saved.drop_oldest() {}
        if unanswered.is_some() {
            self.saved.take_back();
        }
        let left = self.saved.len();
        if left == before {
            line("nothing is dropped: half of the context is free, or the last question alone takes it");
        } else {
            line(&format!("dropped the {} oldest messages of {before}; the model no longer sees them", before - left));
        }
        unanswered.map_or(Ok(()), |text| self.ask(&text))
    }

    fn is_half_free(&self) -> Result<bool, Failure> {
        match self.question() {
            Ok(question) => Ok(question.prepared.request.prompt.len() <= self.answering.loaded.text.context / 2),
            Err(Error::FullContext { .. } | Error::LongText { .. }) => Ok(false),
            Err(error) => Err(self.answering.failed(&error)),
        }
    }

    /// Goes on with another model; with the one that is there if the other cannot be had.
    fn take_model(&mut self, name: &str) -> Result<(), Failure> {
        let choice = ModelChoice { name: Some(name), ..self.flags.model.choice() };
        let (answering, _) = usable(AnswerSession::of(choice, self.flags, None, true)?)?;
        self.scheduler = answering.scheduler(false)?;
        self.answering = answering;
        Ok(())
    }

    fn obey(&mut self, directive: Directive<'_>) -> Result<(), Failure> {
        match directive {
            Directive::Help => return print(&help(columns())),
            Directive::Quit => {}
            Directive::System(None) => {
                line(self.saved.system.as_deref().unwrap_or(NO_INSTRUCTIONS));
            }
            Directive::System(Some(text)) => {
                self.saved.system = Some(text.to_owned()).filter(|text| text != "-");
                line("the instructions are changed");
            }
            Directive::Seed(None) => line(&format!("the seed is {}", self.saved.seed)),
            Directive::Seed(Some(seed)) => {
                self.saved.seed = seed;
                line(&format!("the seed is {seed}"));
            }
            Directive::NewSeed => {
                self.saved.seed = made_up_seed().map_err(|error| self.answering.failed(&error))?;
                line(&format!("the seed is {}", self.saved.seed));
            }
            Directive::Save(path) => self.say(self.saved.write(Path::new(path)), "saved"),
            Directive::Load(path) => {
                let read = Saved::read(Path::new(path)).map(|saved| self.saved = saved);
                self.say(read, "loaded");
            }
            Directive::Model(name) => {
                if let Some(Err(failure)) = name.map(|name| self.take_model(name)) {
                    line(&failure.to_string());
                }
                let text = &self.answering.loaded.text;
                line(&format!("the model is {} ({} tokens of context)", text.name, text.context));
            }
            Directive::Compact => match self.compact() {
                Err(Failure::ClosedPipe) => return Err(Failure::ClosedPipe),
                Err(failure) => line(&failure.to_string()),
                Ok(()) => {}
            },
            Directive::Clear => {
                self.unanswered = None;
                self.saved.clear();
                line("the conversation is empty; instructions and seed are kept");
            }
            Directive::Stats => return self.statistics(),
        }
        Ok(())
    }

    fn say(&self, done: Result<(), Failure>, word: &str) {
        match done {
            Ok(()) => line(&format!("{word} {} messages", self.saved.len())),
            Err(failure) => line(&failure.to_string()),
        }
    }

    fn statistics(&self) -> Result<(), Failure> {
        let (context, seed) = (self.answering.loaded.text.context, self.saved.seed);
        match &self.last {
            None => line(&format!("no answer yet; the context holds {context} tokens; seed {seed}")),
            Some(answer) => line(&format!(
                "prompt {} tokens ({} of them kept from before) in {:.2} s ({:.1} tokens/s); answer {} tokens in {:.2} s \
                 ({:.1} tokens/s); {} of {context} tokens of the context are used; seed {seed}{}",
                answer.prompt_tokens(),
                answer.reused_tokens,
                answer.prefill_seconds,
                answer.prefill_rate(),
                answer.choices.len(),
                answer.decode_seconds,
                answer.decode_rate(),
                answer.prompt_tokens() + answer.choices.len(),
                answer.guessed.words(),
            )),
        }
        Ok(())
    }
}

/// The list of directives, in lines of so many columns.
fn help(columns: Option<usize>) -> String {
    let list = crate::words::said_by_line(directive::HELP);
    let fitted = list.lines().map(|line| {
        let (start, words) = line.split_at(line.rfind("  ").map_or(0, |at| at + 2));
        hanging(start, words, columns)
    });
    fitted.collect()
}

/// Why an answer ended that the model did not end.
fn ended(reason: &str) -> &'static str {
    match reason {
        "cancelled" => "(stopped)",
        _ => "(ended by its length: --max-tokens, or the context is full; /compact makes room)",
    }
}

/// Advice in a conversation for a prompt that does not fit.
fn advice(failure: &Failure) -> &'static str {
    if failure.to_string().contains("--context") {
        "; /compact drops the oldest turns and asks again, /clear starts over"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_directives_keeps_to_the_width_and_says_all() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let narrow = help(Some(60));
        assert!(narrow.lines().all(|line| line.len() <= 60), "{narrow}");
        assert_eq!(words(&narrow), words(directive::HELP));
        assert_eq!(help(None), directive::HELP);
    }
}
