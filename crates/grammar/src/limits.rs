//! Limits on grammars from strangers. All of it counts work or size, never time, so that the same request is
//! taken or refused on every machine.

use llguidance::api::ParserLimits;

/// Most bytes of a regular expression, a grammar, all choices together, or a schema written without spaces.
pub const MAX_SOURCE_BYTES: usize = 1 << 20;
/// Most nesting of a schema or of brackets in a grammar.
pub const MAX_DEPTH: usize = 64;
/// Most schemas in a schema (it and everything below it).
pub const MAX_SCHEMAS: usize = 20_000;
/// Most different places that `$ref` may point to, and the longest chain of them.
pub const MAX_REFERENCES: usize = 1_000;
/// Most bytes of a GBNF grammar.
pub const MAX_GBNF_BYTES: usize = 1 << 18;
/// Most rules of a grammar.
pub const MAX_RULES: usize = 2_000;
/// Most choices of [`crate::Spec::Choice`].
pub const MAX_CHOICES: usize = 10_000;
/// Most tools of [`crate::ToolCalls`].
pub const MAX_TOOLS: usize = 512;
/// Most calls in one answer of [`crate::ToolCalls`]. A model that must call does not know when it has called enough.
pub const MAX_CALLS: usize = 8;
/// Most repetitions that a counted repetition may ask for (`{n}`, `minItems`, `maxLength` …).
pub const MAX_REPETITIONS: u64 = 100_000;
/// Most pairs of properties or branches that stand beside each other in a schema: 2,000 properties of one object.
pub const MAX_PAIRS: usize = 4_000_000;
/// Most pattern properties in a schema; all pairs and triples of them are looked at.
pub const MAX_PATTERN_PROPERTIES: usize = 100;
/// Greatest sum of all divisors (`multipleOf`) in a schema, written as integers; each remainder is a state.
pub const MAX_MULTIPLE: u64 = 20_000;
/// Most expressions that one text must match at once (`allOf`, `&`, `~`); their states multiply.
pub const MAX_CONJUNCTIONS: usize = 8;
/// Steps that are tried of every grammar before it is taken.
pub const PROBED_STEPS: usize = 4;
/// Most items of the parser that one answer may keep, of some 16 bytes each.
pub const MAX_ANSWER_ITEMS: usize = 8_000_000;
/// Most bytes of a regular expression; what each may become in the lexer is far larger.
pub const MAX_REGEX_BYTES: usize = 1 << 16;
/// Most bytes of a Lark grammar.
pub const MAX_LARK_BYTES: usize = 1 << 18;
/// Longest token that can be chosen under a grammar, in bytes; longer ones are left out of every mask.
pub const MAX_TOKEN_BYTES: usize = 1_000;
/// Most bytes of all tokens together, a bound of the tree that they are held in.
pub const MAX_VOCABULARY_BYTES: usize = (1 << 22) - 1;
/// Stack of the thread that compiles; grammars nest, and so do the functions that read them.
pub(crate) const COMPILE_STACK_BYTES: usize = 256 << 20;

/// Author of a grammar, by which its limits are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Made here from a schema, choices or tools: wide, but never ambiguous at length.
    Made,
    /// Written by hand: it may be ambiguous, and then the items of a row meet those of every row before.
    Written,
}

/// The work that `llguidance` may do, in its own units (its documentation gives their speeds, which are those of larger
/// machines): a mask takes some tens of milliseconds at most.
pub(crate) fn parser(shape: Shape) -> ParserLimits {
    let (max_items_in_row, step_max_items) = match shape {
        Shape::Made => (10_000, 200_000),
        Shape::Written => (400, 8_000),
    };
    ParserLimits {
        max_items_in_row,
        initial_lexer_fuel: 1_000_000,
        step_lexer_fuel: 200_000,
        step_max_items,
        max_lexer_states: 50_000,
        max_grammar_size: 500_000,
        precompute_large_lexemes: true,
        verbose_errors: false,
    }
}
