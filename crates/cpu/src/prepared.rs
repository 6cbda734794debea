//! What an operation makes for the products that read it next.

use hefu_numerics::buffer::Buffer;

use crate::scratch::Scratch;

/// `[tokens][columns]`: numbers as they are, or in the form in which the device's products read them.
///
/// A product on many tokens brings its input into a form of its own first. An operation that is told which matrices read its
/// results can bring them there itself, while they are still at hand.
#[derive(Default)]
pub struct Prepared {
    rows: Buffer,
    device: Scratch,
    /// Bytes of the device's own form, if that is what was made.
    prepared: Option<usize>,
}

impl Prepared {
    /// Room for `length` numbers that stay as they are; their contents are arbitrary.
    pub fn as_rows(&mut self, length: usize) -> &mut [f32] {
        self.prepared = None;
        self.rows.sized(length)
    }

    /// Room for `bytes` bytes in the device's own form, aligned to 64, and behind them for `more` that it needs to make them.
    pub fn as_prepared(&mut self, bytes: usize, more: usize) -> *mut u8 {
        self.prepared = Some(bytes);
        self.device.reserve(bytes + more)
    }

    /// The numbers, if they are as they were; at least as many as were asked for.
    pub fn rows(&self) -> Option<&[f32]> {
        self.prepared.is_none().then_some(&self.rows)
    }

    /// The numbers, to be changed where they lie.
    pub fn rows_mut(&mut self) -> Option<&mut [f32]> {
        if self.prepared.is_none() { Some(&mut self.rows) } else { None }
    }

    /// The device's own form, if that is what was made and if it has so many bytes.
    pub fn prepared(&self, bytes: usize) -> Option<*const u8> {
        (self.prepared == Some(bytes)).then(|| self.device.start())
    }

    /// What a product reads.
    pub fn input(&self) -> Input<'_> {
        self.rows().map_or(Input::Prepared(self), Input::Rows)
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

/// What a product reads: `[tokens][columns]`.
#[derive(Clone, Copy)]
pub enum Input<'a> {
    /// Numbers as they are.
    Rows(&'a [f32]),
    /// In the device's own form, made by an operation that was told of the very matrices that read it now.
    Prepared(&'a Prepared),
}

impl<'a> Input<'a> {
    /// The numbers, if they are as they were.
    pub fn rows(self) -> Option<&'a [f32]> {
        match self {
            Input::Rows(rows) => Some(rows),
            Input::Prepared(prepared) => prepared.rows(),
        }
    }
}
