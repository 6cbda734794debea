#![allow(dead_code)]
mod words;
use words::*;

const SEGMENT: usize = 512;

fn main() {
    answer(|words| {
        let (size, positions) = (words.whole(), words.whole());
        let scale = words.number();
        let query = words.numbers(size);
        let [keys, values] = [(); 2].map(|()| (0..positions).map(|_| words.numbers(size)).collect::<Vec<_>>());
        let scores: Vec<f32> = keys.iter().map(|key| scale * chain(&query, key)).collect();
        let largest = scores.iter().fold(f32::NEG_INFINITY, |largest, score| largest.max(*score));
        let (mut output, mut total) = (vec![0.0_f32; query.len()], 0.0);
        for (scores, values) in scores.chunks(SEGMENT).zip(values.chunks(SEGMENT)) {
            let (mut sums, mut stripes) = (vec![0.0_f32; query.len()], [0.0; 16]);
            for (t, (score, value)) in scores.iter().zip(values).enumerate() {
                let weight = exp(score - largest);
                stripes[t % 16] += weight;
                for (sum, value) in sums.iter_mut().zip(value) {
                    *sum = weight.mul_add(*value, *sum);
                }
            }
            output.iter_mut().zip(sums).for_each(|(output, sum)| *output += sum);
            total += in_halves(stripes);
        }
        let factor = 1.0 / total;
        digits(&output.iter().map(|output| output * factor).collect::<Vec<_>>())
    });
}
