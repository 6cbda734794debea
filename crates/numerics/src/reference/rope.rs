//! Rotation of heads (clause P).

use super::norm::rms_norm;
use crate::ops::{RopeStyle, Rotation, Team};

/// See [`crate::ops::Ops::rope`].
pub(super) fn rope(team: &dyn Team, rotation: &Rotation<'_>, heads: &mut [f32]) {
    if let Some(norm) = rotation.norm {
        let before = heads.to_vec();
        rms_norm(team, norm, &before, heads);
    }
    let per_token = heads.len() / rotation.tokens;
    let half = rotation.cosines.len() / rotation.tokens;
    for (token, heads) in heads.chunks_exact_mut(per_token).enumerate() {
        let cosines = &rotation.cosines[token * half..][..half];
        let sines = &rotation.sines[token * half..][..half];
        for head in heads.chunks_exact_mut(rotation.head_size) {
            for (i, (&cosine, &sine)) in cosines.iter().zip(sines).enumerate() {
                let (a, b) = match rotation.pairs {
                    RopeStyle::NeoX => (i, i + half),
                    RopeStyle::Interleaved => (2 * i, 2 * i + 1),
                };
                let (x, y) = (head[a], head[b]);
                head[a] = x.mul_add(cosine, -(y * sine));
                head[b] = x.mul_add(sine, y * cosine);
            }
        }
    }
}
