//! Check of an answer's end: where it is and for which reason.

use super::Claimed;
use crate::request::{FinishReason, Request};

/// Fault in the end of an answer whose tokens are all right, as a sentence; `None` if there is none. Whether its
/// grammar lets nothing follow, `is_complete` says.
pub(super) fn problem(request: &Request, claim: &Claimed, is_complete: bool) -> Option<String> {
    let output = &claim.output;
    let is_end = |id: &u32| request.end_tokens.contains(id);
    let before_last = output.len().saturating_sub(1);
    if let Some(at) = output.iter().take(before_last).position(is_end) {
        return Some(format!("token {at} of the answer ends it, but {} more follow", before_last - at));
    }
    if let Some(most) = request.max_tokens.filter(|most| output.len() > *most) {
        return Some(format!("the answer has {} tokens, but at most {most} were asked for", output.len()));
    }
    // The order in which an answer's end is looked for.
    let ended_by_itself = if output.last().is_some_and(is_end) {
        Some(FinishReason::EndToken)
    } else if request.max_tokens == Some(output.len()) {
        Some(FinishReason::MaxTokens)
    } else if request.prompt.len() + output.len() >= claim.context {
        Some(FinishReason::Context)
    } else {
        is_complete.then_some(FinishReason::Complete)
    };
    match claim.finish {
        // Who asked may stop at any token, also at one that would have been the last.
        FinishReason::StopString | FinishReason::Cancelled | FinishReason::Deadline => None,
        finish if Some(finish) == ended_by_itself => None,
        finish => {
            let (said, is) = (words(Some(finish)), words(ended_by_itself));
            Some(format!("the answer is said to have ended {said}, but by its tokens it ends {is}"))
        }
    }
}

fn words(finish: Option<FinishReason>) -> &'static str {
    match finish {
        Some(FinishReason::EndToken) => "with an end token",
        Some(FinishReason::MaxTokens) => "with as many tokens as were asked for",
        Some(FinishReason::Context) => "because the context was full",
        Some(FinishReason::Complete) => "because its grammar lets nothing follow",
        Some(FinishReason::StopString | FinishReason::Cancelled | FinishReason::Deadline) | None => {
            "before it is complete"
        }
    }
}
