//! Tables of kernels by format.

/// Calls the macro `$of_type` with the GGUF type number of a quantised format, as a literal: for tables of kernels by
/// format.
macro_rules! by_format {
    ($number:expr, $of_type:ident) => {
        match $number {
            2 => $of_type!(2),
            3 => $of_type!(3),
            6 => $of_type!(6),
            7 => $of_type!(7),
            8 => $of_type!(8),
            10 => $of_type!(10),
            11 => $of_type!(11),
            12 => $of_type!(12),
            13 => $of_type!(13),
            14 => $of_type!(14),
            16 => $of_type!(16),
            17 => $of_type!(17),
            18 => $of_type!(18),
            19 => $of_type!(19),
            20 => $of_type!(20),
            21 => $of_type!(21),
            22 => $of_type!(22),
            23 => $of_type!(23),
            29 => $of_type!(29),
            34 => $of_type!(34),
            35 => $of_type!(35),
            39 => $of_type!(39),
            40 => $of_type!(40),
            41 => $of_type!(41),
            42 => $of_type!(42),
            other => unreachable!("the format with GGUF type number {other} has no kernels"),
        }
    };
}

pub(crate) use by_format;
