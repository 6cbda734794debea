//! Lines of words in, lines of words out; and what several exercises share.

use std::io::{BufRead, Write};

pub struct Words(std::vec::IntoIter<String>);

impl Words {
    pub fn text(&mut self) -> String {
        self.0.next().expect("a word")
    }

    pub fn whole(&mut self) -> u64 {
        self.text().parse().expect("a whole number")
    }

    pub fn wholes(&mut self, count: u64) -> Vec<u64> {
        (0..count).map(|_| self.whole()).collect()
    }

    pub fn number(&mut self) -> f32 {
        f32::from_bits(u32::from_str_radix(&self.text(), 16).expect("eight digits"))
    }

    pub fn numbers(&mut self, count: u64) -> Vec<f32> {
        (0..count).map(|_| self.number()).collect()
    }

    pub fn rest(&mut self) -> Vec<f32> {
        let count = self.0.len() as u64;
        self.numbers(count)
    }
}

/// Writes a line for each line that is read.
pub fn answer(line: impl Fn(&mut Words) -> Vec<String>) {
    let mut out = std::io::BufWriter::new(std::io::stdout());
    for text in std::io::stdin().lock().lines() {
        let words: Vec<String> = text.expect("text").split_whitespace().map(str::to_owned).collect();
        writeln!(out, "{}", line(&mut Words(words.into_iter())).join(" ")).expect("a reader");
    }
}

pub fn digits(numbers: &[f32]) -> Vec<String> {
    numbers.iter().map(|number| format!("{:08x}", number.to_bits())).collect()
}

pub fn chain(a: &[f32], b: &[f32]) -> f32 {
    let mut sum = 0.0_f32;
    for i in 0..a.len() {
        sum = a[i].mul_add(b[i], sum);
    }
    sum
}

pub fn in_halves(mut stripes: [f32; 16]) -> f32 {
    for width in [8, 4, 2, 1] {
        for j in 0..width {
            stripes[j] += stripes[j + width];
        }
    }
    stripes[0]
}

pub fn lane_sum16(x: &[f32], step: impl Fn(f32, f32) -> f32) -> f32 {
    let mut stripes = [0.0; 16];
    for (i, &x) in x.iter().enumerate() {
        stripes[i % 16] = step(x, stripes[i % 16]);
    }
    in_halves(stripes)
}

pub fn exp(x: f32) -> f32 {
    if x.is_nan() {
        return x;
    }
    let bits = f32::from_bits;
    let x = x.max(-104.0).min(89.0);
    let n = x.mul_add(bits(0x3fb8aa3b), 12582912.0) - 12582912.0;
    let r = n.mul_add(-bits(0x3f318000), x);
    let r = n.mul_add(bits(0x395e8083), r);
    let mut y = bits(0x39506967);
    for c in [0x3ab743ce, 0x3c088908, 0x3d2aa9c1, 0x3e2aaaaa, 0x3f000000] {
        y = y.mul_add(r, bits(c));
    }
    y = y.mul_add(r * r, r) + 1.0;
    let half = (n / 2.0).floor();
    let power = |n: f32| bits(((n as i32 + 127) as u32) << 23);
    y * power(half) * power(n - half)
}

/// SHA-256 (FIPS 180-4), since the standard library has none.
pub fn sha256(data: &[u8]) -> [u8; 32] {
    let primes: Vec<u64> = (2..320).filter(|n| (2..*n).all(|d| n % d != 0)).take(64).collect();
    // The first 32 bits of the fractions of square and cube roots, by whole numbers alone.
    let root = |p: u64, power: u32| -> u32 {
        let (mut low, mut high) = (0u128, 1u128 << 36);
        while high - low > 1 {
            let middle = (low + high) / 2;
            let fits = middle.checked_pow(power).is_some_and(|m| m <= (p as u128) << (32 * power));
            if fits { low = middle } else { high = middle }
        }
        low as u32
    };
    let k: Vec<u32> = primes.iter().map(|p| root(*p, 3)).collect();
    let mut h: Vec<u32> = primes[..8].iter().map(|p| root(*p, 2)).collect();
    let mut message = data.to_vec();
    message.push(0x80);
    while message.len() % 64 != 56 {
        message.push(0);
    }
    message.extend((data.len() as u64 * 8).to_be_bytes());
    for block in message.chunks(64) {
        let mut w: Vec<u32> = block.chunks(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]])).collect();
        for t in 16..64 {
            let (a, b) = (w[t - 15], w[t - 2]);
            let s0 = a.rotate_right(7) ^ a.rotate_right(18) ^ (a >> 3);
            let s1 = b.rotate_right(17) ^ b.rotate_right(19) ^ (b >> 10);
            w.push(w[t - 16].wrapping_add(s0).wrapping_add(w[t - 7]).wrapping_add(s1));
        }
        let mut v = h.clone();
        for t in 0..64 {
            let s1 = v[4].rotate_right(6) ^ v[4].rotate_right(11) ^ v[4].rotate_right(25);
            let choice = (v[4] & v[5]) ^ (!v[4] & v[6]);
            let one = v[7].wrapping_add(s1).wrapping_add(choice).wrapping_add(k[t]).wrapping_add(w[t]);
            let s0 = v[0].rotate_right(2) ^ v[0].rotate_right(13) ^ v[0].rotate_right(22);
            let two = s0.wrapping_add((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
            v = vec![one.wrapping_add(two), v[0], v[1], v[2], v[3].wrapping_add(one), v[4], v[5], v[6]];
        }
        h.iter_mut().zip(v).for_each(|(h, v)| *h = h.wrapping_add(v));
    }
    let mut out = [0; 32];
    out.chunks_mut(4).zip(h).for_each(|(out, h)| out.copy_from_slice(&h.to_be_bytes()));
    out
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn of_hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).expect("digits")).collect()
}

pub fn of_half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    match exponent {
        0 => sign * fraction * 2.0_f32.powi(-24),
        31 if fraction == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        _ => sign * (1024.0 + fraction) * 2.0_f32.powi(exponent - 25),
    }
}
