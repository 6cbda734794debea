//! Numbers and lists as bytes: little-endian, every list after its length, which is compared with what is there before
//! memory is taken.

/// Bytes that are written one after the other.
#[derive(Debug, Default)]
pub(crate) struct Writer(pub(crate) Vec<u8>);

impl Writer {
    pub(crate) fn byte(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(crate) fn number(&mut self, value: usize) {
        self.0.extend_from_slice(&(value as u64).to_le_bytes());
    }

    pub(crate) fn maybe(&mut self, value: Option<usize>) {
        self.byte(u8::from(value.is_some()));
        self.number(value.unwrap_or(0));
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn u32s(&mut self, values: impl ExactSizeIterator<Item = u32>) {
        self.number(values.len());
        values.for_each(|value| self.0.extend_from_slice(&value.to_le_bytes()));
    }

    pub(crate) fn f32s(&mut self, values: &[f32]) {
        self.u32s(values.iter().map(|value| value.to_bits()));
    }
}

/// Bytes that are read one after the other.
#[derive(Debug)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

/// A message that is not what it should be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message cannot be read: {0}")]
pub(crate) struct Malformed(pub(crate) &'static str);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed("it ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed("it ends too early"))
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn flag(&mut self) -> Result<bool, Malformed> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed("neither yes nor no")),
        }
    }

    pub(crate) fn number(&mut self) -> Result<usize, Malformed> {
        usize::try_from(u64::from_le_bytes(self.array()?)).map_err(|_| Malformed("a number is too large"))
    }

    pub(crate) fn maybe(&mut self) -> Result<Option<usize>, Malformed> {
        let (is_there, value) = (self.flag()?, self.number()?);
        Ok(is_there.then_some(value))
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let count = self.number()?;
        self.take(count)
    }

    pub(crate) fn text(&mut self) -> Result<String, Malformed> {
        std::str::from_utf8(self.bytes()?).map(str::to_owned).map_err(|_| Malformed("a text is no UTF-8"))
    }

    fn words(&mut self) -> Result<impl ExactSizeIterator<Item = u32> + 'a, Malformed> {
        let count = self.number()?.checked_mul(4).ok_or(Malformed("a list is too long"))?;
        let words = self.take(count)?.chunks_exact(4);
        Ok(words.map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])))
    }

    pub(crate) fn u32s(&mut self) -> Result<Vec<u32>, Malformed> {
        self.words().map(Iterator::collect)
    }

    pub(crate) fn f32s(&mut self) -> Result<Vec<f32>, Malformed> {
        self.words().map(|words| words.map(f32::from_bits).collect())
    }

    /// A list, each item of at least a byte.
    pub(crate) fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Reader<'a>) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let count = self.number()?;
        if count > self.0.len() {
            return Err(Malformed("a list is longer than the message"));
        }
        (0..count).map(|_| item(self)).collect()
    }

    pub(crate) fn end(&self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed("something follows its end")) }
    }
}
