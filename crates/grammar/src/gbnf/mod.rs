//! GBNF, llama.cpp's notation for grammars (`grammars/README.md` of that project), translated to Lark.
//!
//! GBNF describes text character by character; Lark's parser works on words that a lexer cuts. So everything that is
//! regular becomes a word as long as it can be: whole rules that do not refer to themselves, rules that only repeat
//! themselves at their end (`ws ::= ([ \t\n] ws)?`), and in the other rules each run of regular parts. Between words the
//! lexer takes the longest match. The masks therefore allow nothing that the grammar does not derive; they may miss a
//! derivation in which a word ends early although it could go on.

mod parse;
mod translate;

use crate::Error;
use crate::limits::{MAX_GBNF_BYTES, MAX_RULES};
use std::collections::BTreeSet;

/// Name of a GBNF grammar in sentences.
const KIND: &str = "GBNF grammar";

/// One rule.
#[derive(Clone, Debug, PartialEq)]
struct Rule {
    name: String,
    body: Expression,
}

/// Expression of a rule.
#[derive(Clone, Debug, PartialEq)]
enum Expression {
    /// This text.
    Literal(String),
    /// One character, by a regular expression's class.
    Class(String),
    /// The rule with this index.
    Rule(usize),
    /// One after the other; nothing if empty.
    Sequence(Vec<Expression>),
    /// One of these.
    Choice(Vec<Expression>),
    /// Several in a row.
    Repeat { what: Box<Expression>, least: u64, most: Option<u64> },
}

impl Expression {
    fn nothing() -> Self {
        Self::Sequence(Vec::new())
    }

    /// Calls `each` with every rule that is referred to.
    fn rules(&self, each: &mut impl FnMut(usize)) {
        match self {
            Self::Literal(_) | Self::Class(_) => {}
            Self::Rule(index) => each(*index),
            Self::Sequence(parts) | Self::Choice(parts) => parts.iter().for_each(|part| part.rules(each)),
            Self::Repeat { what, .. } => what.rules(each),
        }
    }

    fn refers_to(&self, rules: &BTreeSet<usize>) -> bool {
        let mut found = false;
        self.rules(&mut |index| found |= rules.contains(&index));
        found
    }
}

/// The Lark grammar for a GBNF grammar, whose start is its rule `root`.
///
/// # Errors
/// [`Error::Grammar`] with the line of what cannot be read, for a rule that is missing or given twice, and for one that
/// never comes to an end; [`Error::Limit`] for more than [`MAX_RULES`] rules.
pub fn to_lark(source: &str) -> Result<String, Error> {
    Error::check(KIND, "bytes", source.len(), MAX_GBNF_BYTES)?;
    let rules = parse::rules(source)?;
    Error::check(KIND, "rules", rules.len(), MAX_RULES)?;
    translate::lark(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(source: &str) -> String {
        to_lark(source).unwrap_err().to_string()
    }

    #[test]
    fn a_regular_grammar_is_one_word() {
        let lark = to_lark(
            "# a comment\nroot ::= \"a\\\"\" ws [^b-d\\]] digit{2,3} # another\nws ::= ([ \\t] ws)?\ndigit ::= [0-9]\n",
        )
        .unwrap();
        assert_eq!(
            lark,
            "start: W0\nW0: (\"a\\\"\" W1 /[^\\x{62}-\\x{64}\\x{5D}]/ (W2){2,3})\nW1: (/[\\x{20}\\x{9}]/)*\n\
             W2: /[\\x{30}-\\x{39}]/\n"
        );
    }

    #[test]
    fn recursion_stays_a_rule_and_what_is_regular_around_it_a_word() {
        let lark = to_lark("root ::= \"(\" root \")\" ws | [a-z]+\nws ::= \" \"*").unwrap();
        assert!(lark.starts_with("start: r0\n"), "{lark}");
        assert!(lark.contains("r0: ((S0 r0 S1) | S2)"), "{lark}");
        assert!(lark.contains("S1: \")\" W1\n"), "{lark}");
    }

    #[test]
    fn faults_are_named() {
        assert!(error("").contains("no rule named root"));
        assert!(error("root ::= thing").contains("\"thing\""));
        assert!(error("root ::= \"a\"\nroot ::= \"b\"").contains("line 2"));
        assert!(error("root ::= \"a").contains("line 1"));
        assert!(error("root ::= [a").contains("line 1"));
        assert!(error("root ::= (\"a\"").contains("line 1"));
        assert!(error("root ::= \"a\"{3,2}").contains("line 1"));
        assert!(error("root ::= * \"a\"").contains("line 1"));
        assert!(error("root = \"a\"").contains("line 1"));
        assert!(error("root ::= \"\\q\"").contains("line 1"));
        assert!(error("root ::= <[5]>").contains("tokens"));
        assert!(error("root ::= \"a\" root").contains("never"));
        assert!(error("a ::= \"x\"\n").contains("root"));
    }
}
