//! Lines of a conversation that are meant for the program.

/// Text of `/help`.
pub(super) const HELP: &str = "\
/help            this list
/system [TEXT]   show the instructions before the conversation, or change them (- removes them)
/seed [N|new]    show the seed, or change it
/save FILE       write the conversation to a file
/load FILE       go on with the conversation in a file
/model [NAME]    show the model, or go on with another one
/compact         drop the oldest turns, so that half of the context is free
/clear           start over
/stats           how long the last answer took, and how much of the context is used
/quit            leave, as Ctrl-D or /exit does
A line that ends with \\ goes on in the next one; text between lines of \"\"\" is sent as it stands.
Ctrl-C stops an answer. A message that begins with / can be sent with a space before it.
";

/// Every directive, in the order of the list.
pub(super) const NAMES: &[&str] =
    &["help", "system", "seed", "save", "load", "model", "compact", "clear", "stats", "quit"];

/// A directive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Directive<'t> {
    /// List the directives.
    Help,
    /// Show or change the instructions.
    System(Option<&'t str>),
    /// Show or change the seed.
    Seed(Option<u64>),
    /// Choose another seed.
    NewSeed,
    /// Write the conversation.
    Save(&'t str),
    /// Read a conversation.
    Load(&'t str),
    /// Say which model answers, or take another one.
    Model(Option<&'t str>),
    /// Drop the oldest turns.
    Compact,
    /// Forget the conversation.
    Clear,
    /// Say how the last answer went.
    Stats,
    /// Leave.
    Quit,
}

impl<'t> Directive<'t> {
    /// The directive in a line, `None` if it is a message for the model.
    ///
    /// # Errors
    /// A sentence about a directive that is not known or lacks something.
    pub(super) fn parse(text: &'t str) -> Result<Option<Self>, String> {
        let Some(rest) = text.strip_prefix('/') else {
            return Ok(None);
        };
        let (name, argument) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let argument = Some(argument.trim()).filter(|argument| !argument.is_empty());
        let file = |example| argument.ok_or_else(|| format!("/{name} needs a file, such as /{name} {example}"));
        Ok(Some(match name {
            "help" | "?" => Self::Help,
            "system" => Self::System(argument),
            "seed" => match argument {
                None => Self::Seed(None),
                Some("new") => Self::NewSeed,
                Some(number) => Self::Seed(Some(
                    number.parse().map_err(|_| format!("`{number}` is not a seed; give a whole number or `new`"))?,
                )),
            },
            "save" => Self::Save(file("talk.json")?),
            "load" => Self::Load(file("talk.json")?),
            "model" => Self::Model(argument),
            "compact" => Self::Compact,
            "clear" => Self::Clear,
            "stats" => Self::Stats,
            "quit" | "exit" | "bye" => Self::Quit,
            _ => return Err(format!("/{name} is not known; /help lists what can be done")),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_told_from_messages() {
        assert_eq!(Directive::parse("hello /help"), Ok(None));
        assert_eq!(Directive::parse(" /help"), Ok(None));
        assert_eq!(Directive::parse("/help"), Ok(Some(Directive::Help)));
        assert_eq!(Directive::parse("/system  Be brief. "), Ok(Some(Directive::System(Some("Be brief.")))));
        assert_eq!(Directive::parse("/system\ntwo\nlines"), Ok(Some(Directive::System(Some("two\nlines")))));
        assert_eq!(Directive::parse("/seed"), Ok(Some(Directive::Seed(None))));
        assert_eq!(Directive::parse("/seed 7"), Ok(Some(Directive::Seed(Some(7)))));
        assert_eq!(Directive::parse("/save a b.json"), Ok(Some(Directive::Save("a b.json"))));
        for bad in ["/", "/nonsense", "/seed x", "/save", "/load "] {
            assert!(Directive::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn help_names_every_directive() {
        for name in NAMES {
            assert!(HELP.lines().any(|line| line.starts_with(&format!("/{name}"))), "{name}");
            let line = format!("/{name} x");
            assert!(Directive::parse(&line).is_ok_and(|found| found.is_some()) || *name == "seed", "{name}");
        }
    }
}
