//! Fills the panel of products whose input is made elsewhere, tile by tile, as soon as each is there.

use std::ops::Range;

use crate::activations::ActivationBuffer;
use crate::ops::Team;
use hefu_numerics::matrix::Matrix;

use super::{Kind, Plan};
use crate::generic::kernels::Kernels;
use crate::generic::panel::Source;
use crate::generic::parallel::{Shared, parallel_ranges};

/// Tiles for each thread that there should be at least: few tiles are filled sooner by all threads together, block by block.
const TILES_PER_THREAD: usize = 4;

/// Calls `make(tokens, rows)` for each tile of the panel that products with `readers` read, to make the `[tokens][columns]`
/// that the tile is filled from. Returns `false`, and does nothing, if they read rows as they are, or would not be sooner
/// ready.
pub fn prepare(
    kernels: &Kernels,
    team: &dyn Team,
    readers: &[&Matrix],
    tokens: usize,
    output: &mut ActivationBuffer,
    make: &(dyn Fn(Range<usize>, &mut [f32]) + Sync),
) -> bool {
    let least = TILES_PER_THREAD * team.threads();
    if tokens < least {
        // As in single steps, where a plan would take longer than the work.
        return false;
    }
    let Some(plan) = Plan::new(kernels, readers, tokens) else { return false };
    let (shape, tiles) = (&plan.shape, plan.shape.tiles());
    let are_quantised = plan.products.iter().all(|product| matches!(product.kind, Kind::Quantised { .. }));
    if !are_quantised || tiles.len() < least {
        return false;
    }
    let columns = readers[0].columns;
    let most = tiles.iter().map(|tile| tile.tokens).max().unwrap_or(0);
    let own = most * columns;
    let panel = Shared(output.as_packed(plan.panel_bytes, own * 4 * team.threads()));
    parallel_ranges(team, tiles.len(), &|range, thread| {
        for tile in &tiles[range] {
            // SAFETY: each thread has a piece of its own behind the panel, whose numbers have any value; the panel has this
            // shape, and each tile is filled by one job; the kernels' instructions are there.
            unsafe {
                let rows = panel.at(plan.panel_bytes).cast::<f32>().add(thread * own);
                let rows = std::slice::from_raw_parts_mut(rows, tile.tokens * columns);
                make(tile.token..tile.token + tile.tokens, rows);
                let source = Source { rows, stride: columns, first_token: tile.token, first_block: 0 };
                (kernels.fill_tile)(shape, tile, 0..shape.blocks, &source, panel.at(0));
            }
        }
    });
    true
}
