//! Token budget of a forward pass, shared among the running jobs.

/// Prompts get at least one in so many tokens of a pass, however many answers there are.
const LEAST_SHARE: usize = 8;

/// Tokens that a job could use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Need {
    /// Tokens that are not computed yet.
    pub(super) pending: usize,
    /// True if they are a prompt's, and not the next of an answer.
    pub(super) is_prefilling: bool,
    /// Most tokens of a prompt at once.
    pub(super) chunk: usize,
}

/// Number of tokens of each job in a pass of `step_tokens`. Answers go on in any case. Of what is left, the first
/// prompt gets half, so that it comes to its end; then the shortest first, so that a long one does not stall them.
pub(super) fn divide(needs: &[Need], step_tokens: usize) -> Vec<usize> {
    let mut shares: Vec<usize> = needs.iter().map(|need| if need.is_prefilling { 0 } else { need.pending }).collect();
    let answers: usize = shares.iter().sum();
    let left = step_tokens.saturating_sub(answers).max(step_tokens / LEAST_SHARE).max(1);
    let mut prompts: Vec<(usize, Need)> =
        needs.iter().copied().enumerate().filter(|(_, need)| need.is_prefilling).collect();
    let half = left.div_ceil(2);
    let mut left = left;
    let mut give = |index: usize, need: Need, most: usize| {
        let Some(share) = shares.get_mut(index) else { return };
        let more = need.pending.min(need.chunk).saturating_sub(*share).min(most).min(left);
        *share += more;
        left -= more;
    };
    let Some(&(oldest, need)) = prompts.first() else { return shares };
    give(oldest, need, half);
    prompts.sort_by_key(|(index, need)| (need.pending, *index));
    for (index, need) in prompts {
        if index != oldest {
            give(index, need, usize::MAX);
        }
    }
    give(oldest, need, usize::MAX);
    shares
}

/// The same where a text is computed as a whole or not at all: the first in any case, and after it each for which there is
/// room.
pub(super) fn whole(needs: &[Need], step_tokens: usize) -> Vec<usize> {
    let mut left = step_tokens;
    let mut is_first = true;
    let mut share = |need: &Need| {
        let fits = need.pending <= left || is_first;
        if need.pending == 0 || !fits {
            return 0;
        }
        is_first = false;
        left = left.saturating_sub(need.pending);
        need.pending
    };
    needs.iter().map(&mut share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(of: &[(usize, bool, usize)]) -> Vec<Need> {
        of.iter().map(|&(pending, is_prefilling, chunk)| Need { pending, is_prefilling, chunk }).collect()
    }

    #[test]
    fn answers_first_then_prompts_short_before_long() {
        let all = needs(&[(1000, true, 512), (1, false, 1), (30, true, 512), (20, true, 512), (3, false, 1)]);
        assert_eq!(divide(&all, 104), [50, 1, 30, 20, 3]);
        assert_eq!(divide(&all, 64), [30, 1, 10, 20, 3]);
        assert_eq!(divide(&all, 1000), [512, 1, 30, 20, 3]);
        assert_eq!(divide(&all[..2], 64), [63, 1]);
        assert_eq!(divide(&[], 64), [0; 0]);
    }

    #[test]
    fn whole_texts_are_never_cut() {
        let all = needs(&[(1000, true, 512), (30, true, 512), (0, true, 1), (20, true, 512)]);
        assert_eq!(whole(&all, 104), [1000, 0, 0, 0]);
        assert_eq!(whole(&all[1..], 104), [30, 0, 20]);
        assert_eq!(whole(&all[1..], 49), [30, 0, 0]);
        assert_eq!(whole(&all, 1030), [1000, 30, 0, 0]);
    }

    #[test]
    fn answers_never_starve_prompts() {
        let mut all = vec![Need { pending: 1, is_prefilling: false, chunk: 1 }; 64];
        all.push(Need { pending: 100, is_prefilling: true, chunk: 100 });
        assert_eq!(divide(&all, 16).last(), Some(&2));
        assert_eq!(divide(&all, 0).last(), Some(&1));
    }
}
