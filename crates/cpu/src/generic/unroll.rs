//! Loops that must be unrolled, because what they index lives in registers.

/// `unroll!(t < N => { ... })` writes the body out for `t` = 0, 1, ... below the constant `N`, at most 16.
macro_rules! unroll {
    ($t:ident < $n:expr => $body:block) => {
        $crate::generic::unroll::unroll!(@ $t, $n, $body, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
    };
    (@ $t:ident, $n:expr, $body:block, $($i:literal)*) => {
        const { assert!($n <= 16) };
        $(if $i < $n {
            #[allow(non_upper_case_globals)]
            const $t: usize = $i;
            // Bodies that `$i < $n` leaves out are checked all the same.
            #[allow(clippy::out_of_bounds_indexing, unconditional_panic)]
            $body
        })*
    };
}

pub(crate) use unroll;
