//! The numeric contract: weight formats, the table of operations, and the naive reference that defines them.
