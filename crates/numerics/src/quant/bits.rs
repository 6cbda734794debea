//! Steps that several formats share when a block is unpacked.

/// The little-endian 16-bit number at byte `at`.
pub(super) fn u16_at(block: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([block[at], block[at + 1]])
}

/// The little-endian 32-bit number at byte `at`.
pub(super) fn u32_at(block: &[u8], at: usize) -> u32 {
    u32::from(u16_at(block, at)) | u32::from(u16_at(block, at + 2)) << 16
}

/// `n` bytes become `2 n` codes of 4 bits: first all low nibbles, then all high ones.
pub(super) fn split_nibbles(bytes: &[u8], codes: &mut [u8]) {
    let (low, high) = codes.split_at_mut(bytes.len());
    for ((byte, low), high) in bytes.iter().zip(low).zip(high) {
        *low = byte & 15;
        *high = byte >> 4;
    }
}

/// Bit `i` of the little-endian bytes `plane` becomes bit 4 of code `i`.
pub(super) fn add_fifth_bits(plane: &[u8], codes: &mut [u8]) {
    for (byte, codes) in plane.iter().zip(codes.chunks_exact_mut(8)) {
        let mut word = [0; 8];
        word.copy_from_slice(codes);
        codes.copy_from_slice(&(u64::from_le_bytes(word) | spread(*byte) << 4).to_le_bytes());
    }
}

/// Bit `i` becomes byte `i`, 0 or 1.
pub(super) fn spread(byte: u8) -> u64 {
    // The byte in all eight places, bit i kept in place i; adding 127 carries whatever is left to the top bit.
    let kept = (u64::from(byte) * 0x0101_0101_0101_0101) & 0x8040_2010_0804_0201;
    ((kept + 0x7f7f_7f7f_7f7f_7f7f) & 0x8080_8080_8080_8080) >> 7
}

/// Eight signs of which the file has seven: the number of negative ones is even.
pub(super) fn even_signs(seven: u32) -> u8 {
    let seven = (seven & 127) as u8;
    seven | (seven.count_ones() as u8 & 1) << 7
}

/// The low nibble of byte `i` is factor `2 i`, the high one factor `2 i + 1`.
pub(super) fn nibble_scales(bytes: &[u8], scales: &mut [i8]) {
    for (byte, scales) in bytes.iter().zip(scales.chunks_exact_mut(2)) {
        (scales[0], scales[1]) = ((byte & 15) as i8, (byte >> 4) as i8);
    }
}

/// Eight scales and eight minimums of 6 bits each from the 12 bytes that Q4_K and Q5_K share:
///
/// ```text
/// byte     bits 7-6            bits 5-0
/// 0..4     scale 4+i, upper    scale i
/// 4..8     minimum 4+i, upper  minimum i
/// byte     bits 7-4            bits 3-0
/// 8..12    minimum 4+i, lower  scale 4+i, lower          (i counts from 0 within each line)
/// ```
pub(super) fn six_bit_scales(packed: &[u8], scales: &mut [i8], minimums: &mut [u8]) {
    for i in 0..4 {
        let (scale, minimum, lower) = (packed[i], packed[i + 4], packed[i + 8]);
        scales[i] = (scale & 63) as i8;
        minimums[i] = minimum & 63;
        scales[i + 4] = (lower & 15 | scale >> 6 << 4) as i8;
        minimums[i + 4] = lower >> 4 | minimum >> 6 << 4;
    }
}

/// Writes a little-endian 16-bit number at byte `at`.
pub(super) fn put_u16(block: &mut [u8], at: usize, number: u16) {
    block[at..at + 2].copy_from_slice(&number.to_le_bytes());
}

/// Writes a little-endian 32-bit number at byte `at`.
pub(super) fn put_u32(block: &mut [u8], at: usize, number: u32) {
    block[at..at + 4].copy_from_slice(&number.to_le_bytes());
}

/// Input of [`split_nibbles`]; of each code the four lower bits.
pub(super) fn join_nibbles(codes: &[u8], bytes: &mut [u8]) {
    let (low, high) = codes.split_at(bytes.len());
    for ((byte, low), high) in bytes.iter_mut().zip(low).zip(high) {
        *byte = low & 15 | high << 4;
    }
}

/// Bit 4 of code `i` becomes bit `i` of the little-endian bytes `plane`.
pub(super) fn fifth_bits(codes: &[u8], plane: &mut [u8]) {
    for (byte, codes) in plane.iter_mut().zip(codes.chunks_exact(8)) {
        *byte = gather(codes, 4);
    }
}

/// Bit `at` of code `i` becomes bit `i`.
pub(super) fn gather(codes: &[u8], at: u32) -> u8 {
    codes.iter().enumerate().fold(0, |byte, (i, code)| byte | (code >> at & 1) << i)
}

/// Input of [`nibble_scales`].
pub(super) fn put_nibble_scales(scales: &[i8], bytes: &mut [u8]) {
    for (byte, scales) in bytes.iter_mut().zip(scales.chunks_exact(2)) {
        *byte = scales[0] as u8 & 15 | (scales[1] as u8) << 4;
    }
}

/// Input of [`six_bit_scales`].
pub(super) fn put_six_bit_scales(scales: &[i8], minimums: &[u8], packed: &mut [u8]) {
    for i in 0..4 {
        let (scale, minimum) = (scales[i + 4] as u8, minimums[i + 4]);
        packed[i] = scales[i] as u8 & 63 | scale >> 4 << 6;
        packed[i + 4] = minimums[i] & 63 | minimum >> 4 << 6;
        packed[i + 8] = scale & 15 | minimum << 4;
    }
}
