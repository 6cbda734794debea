//! Activations between operations: as rows, or packed as the next product's kernels read them.

use hefu_numerics::buffer::Buffer;

use crate::scratch::Scratch;

/// `[tokens][columns]`: numbers as they are, or in the form in which the device's products read them.
///
/// A product on many tokens brings its input into a form of its own first. An operation that is told which matrices read its
/// results can bring them there itself, while they are still at hand.
#[derive(Default)]
pub struct ActivationBuffer {
    rows: Buffer,
    device: Scratch,
    /// Bytes of the device's own form, if that is what was made.
    packed: Option<usize>,
}

impl ActivationBuffer {
    /// Room for `length` numbers that stay as they are; their contents are arbitrary.
    pub fn as_rows(&mut self, length: usize) -> &mut [f32] {
        self.packed = None;
        self.rows.sized(length)
    }

    /// Room for `bytes` bytes in the device's own form, aligned to 64, and behind them for `more` that it needs to make them.
    pub fn as_packed(&mut self, bytes: usize, more: usize) -> *mut u8 {
        self.packed = Some(bytes);
        self.device.reserve(bytes + more)
    }

    /// The numbers, if they are as they were; at least as many as were asked for.
    pub fn rows(&self) -> Option<&[f32]> {
        self.packed.is_none().then_some(&self.rows)
    }

    /// The numbers, to be changed where they lie.
    pub fn rows_mut(&mut self) -> Option<&mut [f32]> {
        if self.packed.is_none() { Some(&mut self.rows) } else { None }
    }

    /// The device's own form, if that is what was made and if it has so many bytes.
    pub fn packed(&self, bytes: usize) -> Option<*const u8> {
        (self.packed == Some(bytes)).then(|| self.device.start())
    }

    /// Input of the next product.
    pub fn input(&self) -> Activations<'_> {
        self.rows().map_or(Activations::Packed(self), Activations::Rows)
    }

    /// Bytes that the room for numbers that stay as they are has grown to.
    pub fn bytes(&self) -> usize {
        self.rows.bytes()
    }

    /// Bytes that the room for the device's own form has grown to.
    pub fn device_bytes(&self) -> usize {
        self.device.bytes()
    }
}

/// Input of a product: `[tokens][columns]`.
#[derive(Clone, Copy)]
pub enum Activations<'a> {
    /// Numbers as they are.
    Rows(&'a [f32]),
    /// In the device's own form, made by an operation that was told of the very matrices that read it now.
    Packed(&'a ActivationBuffer),
}

impl<'a> Activations<'a> {
    /// The numbers, if they are as they were.
    pub fn rows(self) -> Option<&'a [f32]> {
        match self {
            Activations::Rows(rows) => Some(rows),
            Activations::Packed(packed) => packed.rows(),
        }
    }
}
