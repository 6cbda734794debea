//! The trace that a receipt states, and the one that was computed again.

use hefu_engine::trace::{Place, Trace};
use hefu_proof::{Answer, TraceRoot};
use serde_json::{Value, json};

/// Verdict on a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TraceVerdict {
    /// It has the root that the receipt states.
    Fits,
    /// It has another.
    Differs(Where),
    /// As the answer differs, it was not computed to its end. Up to there it is the same, as far as that is known.
    Partial { is_known: bool },
}

/// Place where two traces part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Where {
    /// Here first.
    At(Place),
    /// The digests of the receipt's trace are not there.
    Unknown,
    /// The given digests have another root.
    OtherDigests,
}

impl TraceVerdict {
    /// Verdict on the trace that was found.
    pub(super) fn new(stated: &TraceRoot, found: &Trace, digests: Option<&Trace>) -> Self {
        let given = match digests {
            None => Err(Where::Unknown),
            Some(digests) if TraceRoot::of(digests) == *stated => Ok(digests),
            Some(_) => Err(Where::OtherDigests),
        };
        if found.positions() < stated.positions {
            return match given.map(|digests| found.first_difference(digests)) {
                Ok(Some(place)) => Self::Differs(Where::At(place)),
                other => Self::Partial { is_known: other.is_ok() },
            };
        }
        let found = found.clone().first(stated.positions);
        if TraceRoot::of(&found) == *stated {
            return Self::Fits;
        }
        // With other layers, no place is the same in both.
        let place =
            given.map(|digests| digests.first_difference(&found).filter(|_| digests.layers() == found.layers()));
        Self::Differs(place.map_or_else(|lack| lack, |place| place.map_or(Where::Unknown, Where::At)))
    }

    /// It in words, after those about the answer.
    pub(super) fn words(self, answer: &Answer, stated: &TraceRoot) -> String {
        match self {
            Self::Fits => {
                let (layers, positions) = (stated.layers, stated.positions);
                format!("; its trace fits ({layers} layers of {positions} positions)")
            }
            Self::Differs(Where::At(place)) => {
                let (token, text) = match place.position.checked_sub(answer.prompt.count()) {
                    None => (place.position, "prompt"),
                    Some(token) => (token, "answer"),
                };
                let Place { position, layer } = place;
                format!(
                    "; its trace differs first at layer {layer} of position {position} (token {token} of the {text})"
                )
            }
            Self::Differs(Where::Unknown) => {
                "; its trace differs; where, the digests of the receipt's would tell, which \
                                              lie in RECEIPT.trace or are named by --digests"
                    .to_owned()
            }
            Self::Differs(Where::OtherDigests) => {
                "; its trace differs, and the digests that were given are not those of the receipt".to_owned()
            }
            Self::Partial { is_known: true } => "; its trace fits up to there".to_owned(),
            Self::Partial { is_known: false } => "; its trace was not computed to the end".to_owned(),
        }
    }

    /// It as JSON.
    pub(super) fn json(self) -> Value {
        match self {
            Self::Differs(Where::At(Place { position, layer })) => {
                json!({"fits": false, "position": position, "layer": layer})
            }
            Self::Differs(_) => json!({"fits": false}),
            Self::Fits => json!({"fits": true}),
            Self::Partial { .. } => json!({"fits": null}),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(digests: &[u8]) -> Trace {
        Trace::new(2, digests.iter().map(|byte| [*byte; 32]).collect()).unwrap()
    }

    #[test]
    fn a_difference_is_placed_as_well_as_it_can_be() {
        let (stated, found) = (trace(&[1, 2, 3, 4]), trace(&[1, 2, 9, 4]));
        let root = TraceRoot::of(&stated);
        let verdict = |found: &Trace, digests| TraceVerdict::new(&root, found, digests);
        assert_eq!(verdict(&trace(&[1, 2, 3, 4, 5, 6]), None), TraceVerdict::Fits);
        let place = Where::At(Place { position: 1, layer: 0 });
        assert_eq!(verdict(&found, Some(&stated)), TraceVerdict::Differs(place));
        assert_eq!(verdict(&found, None), TraceVerdict::Differs(Where::Unknown));
        assert_eq!(verdict(&found, Some(&found)), TraceVerdict::Differs(Where::OtherDigests));
        let other = Trace::new(1, vec![[1; 32]; 2]).unwrap();
        assert_eq!(verdict(&other, Some(&stated)), TraceVerdict::Differs(Where::Unknown));
        assert_eq!(verdict(&trace(&[1, 2]), Some(&stated)), TraceVerdict::Partial { is_known: true });
        assert_eq!(verdict(&trace(&[1, 2]), None), TraceVerdict::Partial { is_known: false });
        let place = Where::At(Place { position: 0, layer: 1 });
        assert_eq!(verdict(&trace(&[1, 3]), Some(&stated)), TraceVerdict::Differs(place));
    }
}
