//! The kernels of one instruction set, as a table of function pointers, and the macro that makes them.

use std::ops::Range;

use crate::ops::{Activation, Norm, Rotation};

use super::attention::{QueryTile, TileMemory};
use super::elementwise::{GateRows, Rowwise, Weighed};
use super::job::TileJob;
use super::panel::{PanelShape, Source, Tile};
use super::recurrent::{ConvJob, DeltaJob};
use super::scans::{ScanJob, WkvJob};
use super::store::Place;
use super::wide::Wide;

/// Everything that dealing work to threads needs to know of an instruction set.
///
/// Every function may be called only on a machine that has the instructions, under the duties of the generic function
/// of the same name.
pub struct Kernels {
    /// Token counts for which there are product kernels, ascending.
    pub tiles: &'static [usize],
    /// Offset of codes from weights, see [`super::format_consts::code_offset`].
    pub code_offset: fn(&hefu_numerics::quant::Quantised) -> u8,
    /// [`super::rows::DotIsa::fill_tile`].
    pub fill_tile: unsafe fn(&PanelShape, &Tile, Range<usize>, &Source<'_>, *mut u8),
    /// The kernels for a quantised format, by its GGUF type number.
    pub products: fn(u32) -> &'static Products,
    /// Products of large batches, where there are instructions for whole tiles.
    pub wide: Option<&'static Wide>,
    /// [`super::float_product::tile`] for 1 to [`super::float_product::FLOAT_TILE`] tokens.
    pub float_tile: unsafe fn(kind: hefu_numerics::quant::Float, *const u8, usize, *const f32, usize, *mut f32),
    /// [`super::elementwise::rms_norm`].
    pub rms_norm: unsafe fn(&Norm<'_>, &[f32], &mut [f32]),
    /// [`super::elementwise::gate`].
    pub gate: unsafe fn(Activation, &mut [f32], &[f32]),
    /// [`super::elementwise::gate_rows`].
    pub gate_rows: unsafe fn(&GateRows),
    /// [`super::elementwise::add`].
    pub add: unsafe fn(&mut [f32], &[f32], Option<Norm<'_>>),
    /// [`super::elementwise::rope`].
    pub rope: unsafe fn(&Rotation<'_>, usize, usize, &mut [f32]),
    /// [`super::elementwise::rowwise`].
    pub rowwise: unsafe fn(&Rowwise<'_>, usize, &[f32], &mut [f32]),
    /// [`super::elementwise::weighed_sum`].
    pub weighed_sum: unsafe fn(&[Weighed<'_>], &mut [f32]),
    /// [`super::recurrent::short_conv`].
    pub short_conv: unsafe fn(&ConvJob<'_>),
    /// [`super::recurrent::gated_delta`].
    pub gated_delta: unsafe fn(&DeltaJob<'_>),
    /// [`super::scans::selective_scan`].
    pub selective_scan: unsafe fn(&ScanJob<'_>),
    /// [`super::scans::wkv7`].
    pub wkv7: unsafe fn(&WkvJob<'_>),
    /// Prefetches so many bytes into L2; any address will do.
    pub fetch: unsafe fn(*const u8, usize),
    /// [`super::store::store`].
    pub store: unsafe fn(&Place, &[f32], &[f32]),
    /// Numbers of queries for which there are attention kernels, ascending.
    pub queries: &'static [usize],
    /// [`super::attention::finish`].
    pub finish: unsafe fn(&QueryTile<'_>, &TileMemory),
    /// Attention kernels, by place in `queries`.
    pub attend: &'static [Attend],
}

/// Attention of one number of queries.
pub struct Attend {
    /// [`super::attention::begin`].
    pub begin: unsafe fn(&QueryTile<'_>, &TileMemory),
    /// [`super::attention::score`].
    pub score: unsafe fn(&QueryTile<'_>, &TileMemory, std::ops::Range<usize>),
    /// [`super::attention::add`].
    pub add: unsafe fn(&QueryTile<'_>, &TileMemory, usize, std::ops::Range<usize>),
}

/// The product kernels of one format; the slices go by tile size.
pub struct Products {
    /// Straight from the packed planes.
    pub packed: &'static [unsafe fn(&TileJob)],
    /// From a group unpacked before.
    pub unpacked: &'static [unsafe fn(&TileJob)],
    /// Takes a group apart.
    pub unpack: unsafe fn(&TileJob, *mut u8, *mut u8, *mut u8),
}

/// Defines `OPS` for an instruction set: `isa!(name, [target features], F32x16 type, DotIsa type,
/// [tile sizes of products], products of large batches, [queries x sets of lanes of attention])`.
macro_rules! isa {
    ($name:literal, [$($feature:literal)?], $lanes:ty, $rows:ty, [$($tile:literal)*], $wide:expr, [$($queries:literal x $sets:literal)*]) => {
        use hefu_numerics::attention::{Attention, Span};
        use hefu_numerics::kv::LayerCache;
        use hefu_numerics::matrix::Matrix;
        use $crate::ops::{Activation, AddNorms, GatedProduct, Norm, Ops, Projection, Rotation, Team};
use $crate::scratch::Scratch;
        use $crate::activations::{ActivationBuffer, Activations};
        use hefu_numerics::quant::Float;

        use $crate::generic::attention::{self, QueryTile, TileMemory};
        use $crate::generic::format_consts::{FormatConsts, code_offset};
        use $crate::generic::elementwise::{self, GateRows, Rowwise};
        use $crate::generic::kernels::{Attend, Kernels, Products};
        use $crate::generic::panel::{PanelShape, Source, Tile};
        use $crate::generic::job::TileJob;
        use $crate::generic::product::{self, Packed};
        use $crate::generic::recurrent::{self, ConvJob, DeltaJob};
        use $crate::generic::rows::DotIsa;
        use $crate::generic::scans::{self, ScanJob, WkvJob};
        use $crate::generic::store::Place;
        use $crate::generic::unpacked::{self, Unpacked};
        use $crate::generic::{parallel, float_product, store as position};
        use $crate::limits::peaks;

        /// The operations with this instruction set. Only [`crate::select`] hands them out, after looking whether the
        /// machine has the instructions.
        pub(crate) const OPS: Ops = Ops {
            name: $name,
            packed_bytes: $crate::layout::packed_bytes,
            row_group: $crate::layout::GROUP,
            prefetch: $crate::generic::parallel::linear::prefetch,
            pack: $crate::pack::pack,
            rows: |team: &dyn Team, matrix: &Matrix, rows: &[u32], factor: f32, output: &mut [f32]| {
                parallel::rows::rows(&KERNELS, team, matrix, rows, factor, output)
            },
            linear: |team: &dyn Team,
                     scratch: &mut Scratch,
                     input: Activations<'_>,
                     tokens: usize,
                     outputs: &mut [Projection<'_>]| {
                parallel::linear::linear(&KERNELS, team, scratch, input, tokens, outputs)
            },
            gated: |team: &dyn Team,
                    scratch: &mut Scratch,
                    input: Activations<'_>,
                    tokens: usize,
                    gated: &GatedProduct<'_>,
                    ffn_hidden: &mut ActivationBuffer| {
                parallel::linear::gated(&KERNELS, team, scratch, input, tokens, gated, ffn_hidden)
            },
            rms_norm: |team: &dyn Team, norm: Norm<'_>, input: &[f32], output: &mut [f32]| {
                parallel::elementwise::rms_norm(&KERNELS, team, norm, input, output)
            },
            rope: |team: &dyn Team, rotation: &Rotation<'_>, heads: &mut [f32]| {
                parallel::elementwise::rope(&KERNELS, team, rotation, heads)
            },
            store: |team: &dyn Team, cache: &mut LayerCache, spans: &[Span<'_>], keys: &[f32], values: &[f32]| {
                parallel::store::store(&KERNELS, team, cache, spans, keys, values)
            },
            attention: |team: &dyn Team, scratch: &mut Scratch, attention: &Attention<'_>, output: &mut [f32]| {
                parallel::attention::attention(&KERNELS, team, scratch, attention, output)
            },
            gate: |team: &dyn Team, activation: Activation, gate: &mut [f32], up: &[f32]| {
                parallel::elementwise::gate(&KERNELS, team, activation, gate, up)
            },
            add: |team: &dyn Team, sum: &mut [f32], addend: &[f32], around: AddNorms<'_>| {
                parallel::elementwise::add(&KERNELS, team, sum, addend, around)
            },
        };

        /// The kernels behind [`OPS`].
        pub(crate) const KERNELS: Kernels = Kernels {
            tiles: &[$($tile),*],
            code_offset: code_offset::<$rows>,
            fill_tile,
            products,
            wide: $wide,
            float_tile,
            rms_norm,
            gate,
            gate_rows,
            add,
            rope,
            rowwise,
            weighed_sum,
            short_conv,
            gated_delta,
            selective_scan,
            wkv7,
            fetch,
            store,
            queries: &[$($queries),*],
            finish,
            attend: &[$(Attend {
                begin: attend_begin::<$queries>,
                score: attend_score::<$queries, $sets>,
                add: attend_add::<$queries, $sets>,
            }),*],
        };

        $crate::generic::kernels::wrap! { [$($feature)?]
            fn fill_tile(shape: &PanelShape, tile: &Tile, blocks: std::ops::Range<usize>, source: &Source<'_>, panel: *mut u8) {
                <$rows as DotIsa>::fill_tile(shape, tile, blocks, source, panel)
            }
            fn rms_norm(norm: &Norm<'_>, input: &[f32], output: &mut [f32]) {
                elementwise::rms_norm::<$lanes>(norm, input, output)
            }
            fn gate(activation: Activation, gate: &mut [f32], up: &[f32]) {
                elementwise::gate::<$lanes>(activation, gate, up)
            }
            fn gate_rows(job: &GateRows) {
                elementwise::gate_rows::<$lanes>(job)
            }
            fn add(sum: &mut [f32], addend: &[f32], norm: Option<Norm<'_>>) {
                elementwise::add::<$lanes>(sum, addend, norm)
            }
            fn rope(rotation: &Rotation<'_>, first: usize, per_token: usize, heads: &mut [f32]) {
                elementwise::rope::<$lanes>(rotation, first, per_token, heads)
            }
            fn rowwise(job: &Rowwise<'_>, first: usize, x: &[f32], out: &mut [f32]) {
                elementwise::rowwise::<$lanes>(job, first, x, out)
            }
            fn weighed_sum(parts: &[elementwise::Weighed<'_>], out: &mut [f32]) {
                elementwise::weighed_sum::<$lanes>(parts, out)
            }
            fn short_conv(job: &ConvJob<'_>) {
                recurrent::short_conv::<$lanes>(job)
            }
            fn gated_delta(job: &DeltaJob<'_>) {
                recurrent::gated_delta::<$lanes>(job)
            }
            fn selective_scan(job: &ScanJob<'_>) {
                scans::selective_scan::<$lanes>(job)
            }
            fn wkv7(job: &WkvJob<'_>) {
                scans::wkv7::<$lanes>(job)
            }
            fn fetch(from: *const u8, bytes: usize) {
                $crate::generic::rows::fetch::<$rows>(from, bytes)
            }
            fn finish(tile: &QueryTile<'_>, memory: &TileMemory) {
                attention::finish::<$lanes>(tile, memory)
            }
            fn store(place: &Place, key: &[f32], value: &[f32]) {
                position::store::<$lanes, $rows>(place, key, value)
            }
            fn float_tile(kind: Float, weights: *const u8, columns: usize, input: *const f32, tokens: usize, output: *mut f32) {
                match (kind, tokens) {
                    (Float::F32, 1) => float_product::tile::<$lanes, { float_product::F32 }, 1>(weights, columns, input, output),
                    (Float::F32, 8) => float_product::tile::<$lanes, { float_product::F32 }, 8>(weights, columns, input, output),
                    (Float::F16, 1) => float_product::tile::<$lanes, { float_product::F16 }, 1>(weights, columns, input, output),
                    (Float::F16, 8) => float_product::tile::<$lanes, { float_product::F16 }, 8>(weights, columns, input, output),
                    (Float::BF16, 1) => float_product::tile::<$lanes, { float_product::BF16 }, 1>(weights, columns, input, output),
                    (Float::BF16, 8) => float_product::tile::<$lanes, { float_product::BF16 }, 8>(weights, columns, input, output),
                    (_, tokens) => {
                        for token in 0..tokens {
                            let from = input.add(token * columns);
                            let to = output.add(token * $crate::layout::GROUP);
                            float_tile(kind, weights, columns, from, 1, to);
                        }
                    }
                }
            }
        }

        $(#[target_feature(enable = $feature)])?
        unsafe fn attend_begin<const Q: usize>(tile: &QueryTile<'_>, memory: &TileMemory) {
            // SAFETY: the caller's duties are those of the generic function.
            unsafe { attention::begin::<$lanes, $rows, Q>(tile, memory) }
        }

        $(#[target_feature(enable = $feature)])?
        unsafe fn attend_score<const Q: usize, const W: usize>(
            tile: &QueryTile<'_>,
            memory: &TileMemory,
            blocks: std::ops::Range<usize>,
        ) {
            // SAFETY: the caller's duties are those of the generic function.
            unsafe { attention::score::<$lanes, $rows, Q, W>(tile, memory, blocks) }
        }

        $(#[target_feature(enable = $feature)])?
        unsafe fn attend_add<const Q: usize, const W: usize>(
            tile: &QueryTile<'_>,
            memory: &TileMemory,
            segment: usize,
            elements: std::ops::Range<usize>,
        ) {
            // SAFETY: the caller's duties are those of the generic function.
            unsafe { attention::add::<$lanes, $rows, Q, W>(tile, memory, segment, elements) }
        }

        /// Peak kernels of this instruction set, for [`crate::limits`].
        pub(crate) const PEAKS: $crate::limits::Peaks = $crate::limits::Peaks {
            integer: &[$(peaks::Peak { multiply_adds: peaks::integer_work::<$rows>($tile), columns: peaks::BLOCKS * 32, run: integer_peak::<$tile> }),*],
            float: &[
                peaks::Peak { multiply_adds: peaks::float_work(4), columns: 0, run: float_peak::<4> },
                peaks::Peak { multiply_adds: peaks::float_work(6), columns: 0, run: float_peak::<6> },
                peaks::Peak { multiply_adds: peaks::float_work(12), columns: 0, run: float_peak::<12> },
            ],
            read: &[read_peak::<1>, read_peak::<2>, read_peak::<4>],
        };

        $(#[target_feature(enable = $feature)])?
        unsafe fn integer_peak<const T: usize>(panel: *mut u8) {
            // SAFETY: the caller's duties are those of the generic function.
            unsafe { peaks::integer::<$rows, T>(panel) }
        }

        $(#[target_feature(enable = $feature)])?
        unsafe fn float_peak<const N: usize>(panel: *mut u8) {
            // SAFETY: the caller's duties are those of the generic function.
            unsafe { peaks::float::<$lanes, N>(panel) }
        }

        $(#[target_feature(enable = $feature)])?
        unsafe fn read_peak<const S: usize>(from: *const u8, bytes: usize, result: *mut u8) {
            // SAFETY: the caller's duties are those of the generic function.
            unsafe { peaks::read::<$rows, S>(from, bytes, result) }
        }

        $(#[target_feature(enable = $feature)])?
        unsafe fn packed<const TYPE: u32, const T: usize>(job: &TileJob) {
            // SAFETY: the caller's duties are those of the generic function.
            unsafe {
                if job.moves_on {
                    product::tile::<$rows, Packed<TYPE, true>, T>(job);
                } else {
                    product::tile::<$rows, Packed<TYPE, false>, T>(job);
                }
            }
        }

        $(#[target_feature(enable = $feature)])?
        unsafe fn unpacked<const BITS: u32, const HALVES: bool, const MINIMUM: bool, const T: usize>(job: &TileJob) {
            // SAFETY: the caller's duties are those of the generic function.
            unsafe { product::tile::<$rows, Unpacked<BITS, HALVES, MINIMUM>, T>(job) }
        }

        $(#[target_feature(enable = $feature)])?
        unsafe fn unpack<const TYPE: u32>(from: &TileJob, codes: *mut u8, scales: *mut u8, minimums: *mut u8) {
            // SAFETY: the caller's duties are those of the generic function.
            unsafe { unpacked::unpack::<$rows, TYPE, true>(from, codes, scales, minimums) }
        }

        fn products(number: u32) -> &'static Products {
            macro_rules! of_type {
                ($t:literal, $bits:literal, $halves:literal, $minimum:literal) => {{
                    const { assert!(matches!(
                        (FormatConsts::<$t>::BITS, FormatConsts::<$t>::HALVES, FormatConsts::<$t>::MINIMUM), (b, $halves, $minimum) if b <= $bits
                    )) };
                    const { &Products {
                        packed: &[$(packed::<$t, $tile>),*],
                        unpacked: &[$(unpacked::<$bits, $halves, $minimum, $tile>),*],
                        unpack: unpack::<$t>,
                    } }
                }};
            }
            match number {
                2 => of_type!(2, 4, false, false),
                3 => of_type!(3, 4, false, true),
                6 => of_type!(6, 5, false, false),
                7 => of_type!(7, 5, false, true),
                8 => of_type!(8, 8, false, false),
                10 => of_type!(10, 4, true, true),
                11 => of_type!(11, 4, true, false),
                12 => of_type!(12, 4, false, true),
                13 => of_type!(13, 5, false, true),
                14 => of_type!(14, 6, true, false),
                16 => of_type!(16, 8, false, false),
                17 => of_type!(17, 8, true, false),
                18 => of_type!(18, 8, false, false),
                19 => of_type!(19, 8, false, false),
                20 => of_type!(20, 8, false, false),
                21 => of_type!(21, 8, false, false),
                22 => of_type!(22, 8, true, false),
                23 => of_type!(23, 8, false, false),
                29 => of_type!(29, 8, true, false),
                34 => of_type!(34, 4, false, false),
                35 => of_type!(35, 4, false, false),
                39 => of_type!(39, 8, false, false),
                40 => of_type!(40, 8, true, false),
                41 => of_type!(41, 8, false, false),
                42 => of_type!(42, 4, false, false),
                other => unreachable!("the format with GGUF type number {other} has no kernels"),
            }
        }
    };
}

/// Writes functions that are compiled for a target feature.
macro_rules! wrap {
    ([] $(fn $name:ident($($argument:ident: $type:ty),*) $body:block)*) => {
        $(unsafe fn $name($($argument: $type),*) {
            // SAFETY: the caller's duties are those of the generic function.
            unsafe { $body }
        })*
    };
    ([$feature:literal] $(fn $name:ident($($argument:ident: $type:ty),*) $body:block)*) => {
        $(#[target_feature(enable = $feature)]
        unsafe fn $name($($argument: $type),*) {
            // SAFETY: the caller's duties are those of the generic function.
            unsafe { $body }
        })*
    };
}

pub(crate) use {isa, wrap};
