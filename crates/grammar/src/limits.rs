//! What a grammar from a stranger may cost. All of it counts work or size, never time, so that the same request is
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
/// Longest token that can be chosen under a grammar, in bytes; longer ones are left out of every mask.
pub const MAX_TOKEN_BYTES: usize = 1_000;
/// Most bytes of all tokens together, a bound of the tree that they are held in.
pub const MAX_VOCABULARY_BYTES: usize = (1 << 22) - 1;
/// Stack of the thread that compiles; grammars nest, and so do the functions that read them.
pub(crate) const COMPILE_STACK_BYTES: usize = 256 << 20;

/// The work that `llguidance` may do, in its own units (its documentation gives their speeds).
pub(crate) fn parser() -> ParserLimits {
    ParserLimits {
        max_items_in_row: 2_000,
        initial_lexer_fuel: 1_000_000,
        step_lexer_fuel: 200_000,
        step_max_items: 50_000,
        max_lexer_states: 50_000,
        max_grammar_size: 500_000,
        precompute_large_lexemes: true,
        verbose_errors: false,
    }
}
