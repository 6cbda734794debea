//! Byte-pair encoding: how a list of merges turns bytes into tokens.

use super::case::{Case, Exercise, Word, case, source, whole};

const MISTAKES: &[&str] = &["leftmost", "rightmost", "longest"];

pub(super) const EXERCISE: Exercise =
    Exercise { name: "pairs", clause: "byte-pair encoding", mistakes: MISTAKES, cases };

/// The first id that is no byte.
const FIRST: u32 = 256;

/// Ids of a text by a list of merges: that of `merges[i]` is `256 + i`, and lower ones come first.
fn encoded(merges: &[[u32; 2]], text: &[u32], mistake: &str) -> Vec<u32> {
    let mut ids = text.to_vec();
    if mistake == "longest" {
        return longest(merges, text);
    }
    loop {
        let rank = |pair: &[u32]| merges.iter().position(|merge| merge == pair);
        let found = ids.windows(2).enumerate().filter_map(|(at, pair)| rank(pair).map(|rank| (rank, at)));
        let next = match mistake {
            "leftmost" => found.min_by_key(|(_, at)| *at),
            "rightmost" => found.min_by_key(|(rank, at)| (*rank, usize::MAX - at)),
            _ => found.min(),
        };
        let Some((rank, at)) = next else { return ids };
        ids.splice(at..at + 2, [FIRST + rank as u32]);
    }
}

/// At each place the token that covers the most bytes.
fn longest(merges: &[[u32; 2]], text: &[u32]) -> Vec<u32> {
    let mut tokens: Vec<Vec<u32>> = Vec::new();
    for merge in merges {
        let spelled = |id: u32| tokens.get((id as usize).wrapping_sub(FIRST as usize)).cloned().unwrap_or(vec![id]);
        tokens.push(merge.iter().flat_map(|id| spelled(*id)).collect());
    }
    let (mut ids, mut at) = (Vec::new(), 0);
    while at < text.len() {
        let fits = tokens.iter().enumerate().filter(|(_, token)| text[at..].starts_with(token));
        match fits.max_by_key(|(i, token)| (token.len(), usize::MAX - i)) {
            Some((i, token)) => {
                ids.push(FIRST + i as u32);
                at += token.len();
            }
            None => {
                ids.push(text[at]);
                at += 1;
            }
        }
    }
    ids
}

/// Merges as a trainer finds them in a text: always the pair that occurs most, of equals the one that occurs first.
fn trained(text: &[u32], count: usize) -> Vec<[u32; 2]> {
    let (mut ids, mut merges) = (text.to_vec(), Vec::new());
    for _ in 0..count {
        let times = |pair: &[u32]| ids.windows(2).filter(|other| *other == pair).count();
        let most =
            ids.windows(2).enumerate().map(|(at, pair)| (times(pair), usize::MAX - at, [pair[0], pair[1]])).max();
        let Some((_, _, pair)) = most.filter(|(times, ..)| *times > 1) else { break };
        merges.push(pair);
        ids = encoded(&merges, text, "");
    }
    merges
}

fn of_text(text: &str) -> Vec<u32> {
    text.bytes().map(u32::from).collect()
}

fn cases(seed: u64) -> Vec<Case> {
    let mut source = source(118, seed);
    let mut letters = |count: usize| -> Vec<u32> { (0..count).map(|_| 97 + (source.bits() % 3) as u32).collect() };
    let learned = of_text("the theatre there gathers the other heathens in the weather");
    let all = [
        ("by hand", vec![[98, 99], [97, 98]], of_text("abcab")),
        ("equal letters", vec![[97, 97], [256, 256]], of_text("aaaaaaa")),
        ("words", trained(&learned, 12), of_text("the other theatre")),
        ("new words", trained(&learned, 12), of_text("weather gathers; hethere")),
        ("not all can be merged", trained(&learned, 12), of_text("合符 the")),
        ("three letters", trained(&letters(200), 20), letters(60)),
        ("three letters again", trained(&letters(200), 20), letters(60)),
    ];
    let to_case = |(name, merges, text): (&str, Vec<[u32; 2]>, Vec<u32>)| {
        let mut input = vec![whole(merges.len() as i64)];
        input.extend(merges.as_flattened().iter().map(|id| whole(*id)));
        input.push(whole(text.len() as i64));
        input.extend(text.iter().map(|id| whole(*id)));
        let of = |mistake: &str| -> Vec<Word> { encoded(&merges, &text, mistake).into_iter().map(whole).collect() };
        case(name, input, of(""), MISTAKES, of)
    };
    all.into_iter().map(to_case).collect()
}
