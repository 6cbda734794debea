//! The executable specification: every operation as the loop that a newcomer would write.
//!
//! One operation, one file, one function over slices of rows; [`ReferenceDevice`] calls them one after the other, as a
//! program lists them. Weights stay in the file's own layout. Nothing here is fast, and nothing here may become clever:
//! what these loops compute, to the bit, is what every device must compute.

mod activate;
mod add;
mod angles;
mod attend;
mod decay;
mod device;
mod embed;
mod experts;
mod gate;
mod gated_delta;
mod gaussian_top_k;
mod head_linear;
mod join;
mod l2_norm;
mod layer_norm;
mod linear;
mod match_magnitude;
mod quantize;
mod rms_norm;
mod rotate;
mod route;
mod scale;
mod selective_scan;
mod short_conv;
mod slice;
mod soft_cap;
mod store_kv;
mod sums;
mod temperature;
mod token_shift;
mod wkv7;

pub use activate::activate;
pub use add::add;
pub use angles::angles;
pub use attend::{Shares, attend, attention_shares};
pub use decay::decay;
pub use device::{Alter, AlteredDevice, Given, ReferenceDevice};
pub use embed::embed;
pub use experts::{Experts, experts};
pub use gate::gate;
pub use gated_delta::{Delta, gated_delta};
pub use gaussian_top_k::gaussian_top_k;
pub use head_linear::head_linear;
pub use join::join;
pub use l2_norm::l2_norm;
pub use layer_norm::layer_norm;
pub use linear::linear;
pub use match_magnitude::match_magnitude;
pub use quantize::{QuantizedBlock, TINY, quantize, quantize_block};
pub use rms_norm::rms_norm;
pub use rotate::rotate;
pub use route::route;
pub use scale::scale;
pub use selective_scan::{Scan, selective_scan};
pub use short_conv::short_conv;
pub use slice::slice;
pub use soft_cap::soft_cap;
pub use store_kv::store_kv;
pub use sums::{chain, lane_sum16};
pub use temperature::temperature;
pub use token_shift::token_shift;
pub use wkv7::{WkvRows, wkv7};

use crate::matrix::Matrix;
use crate::quant::Format;

/// Bytes of a row in the file's layout.
fn row_bytes(format: &Format, columns: usize) -> usize {
    format.row_bytes(columns).expect("the caller checked that a row is a whole number of blocks")
}

/// Row `row` of a matrix in the file's layout.
fn file_row(matrix: &Matrix, row: usize) -> &[u8] {
    let bytes = row_bytes(matrix.format, matrix.columns);
    &matrix.bytes()[row * bytes..][..bytes]
}
