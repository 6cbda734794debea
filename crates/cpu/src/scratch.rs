//! Memory that is used again from call to call.

/// Working memory that functions reuse between calls; contents mean nothing outside one call.
#[derive(Default)]
pub struct Scratch {
    lines: Vec<Line>,
}

#[repr(align(64))]
#[derive(Clone, Copy)]
struct Line(#[expect(dead_code, reason = "only its address is used")] [u8; 64]);

impl Scratch {
    /// The address of at least `bytes` bytes, aligned to 64, whose contents are arbitrary (but initialised).
    pub fn reserve(&mut self, bytes: usize) -> *mut u8 {
        let lines = bytes.div_ceil(64);
        if self.lines.len() < lines {
            self.lines.resize(lines, Line([0; 64]));
        }
        self.lines.as_mut_ptr().cast()
    }

    /// The address of what was reserved last.
    pub fn start(&self) -> *const u8 {
        self.lines.as_ptr().cast()
    }

    /// Bytes that it has grown to.
    pub fn bytes(&self) -> usize {
        self.lines.len() * size_of::<Line>()
    }
}
