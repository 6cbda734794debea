//! Kept responses on their way to another server, from which their clients can go on there. What the cache holds of them is
//! computed again there, to the same bits, when one goes on.

use super::FORMAT;
use crate::api::responses::kept::Kept;
use crate::error::ApiError;
use crate::ids::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Most responses in a parcel.
pub(super) const MAX_RESPONSES: usize = 4096;
/// Longest id of a response and longest name of a client, in bytes.
const MAX_NAME_BYTES: usize = 1024;

/// Some kept responses.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parcel {
    /// [`FORMAT`].
    format: u32,
    /// The oldest of each client first.
    responses: Vec<Item>,
}

/// One of them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Item {
    /// The name of the client's API key; empty without one.
    client: String,
    id: String,
    /// What is kept, as JSON.
    content: String,
    /// SHA-256 of the content in hexadecimal digits.
    sha256: String,
}

impl Item {
    /// A response of a client; `None` if it cannot be written.
    pub(super) fn new(client: &str, id: &str, response: &Kept) -> Option<Self> {
        let content = serde_json::to_string(response).ok()?;
        let sha256 = hex(&Sha256::digest(&content));
        Some(Self { client: client.to_owned(), id: id.to_owned(), content, sha256 })
    }

    /// About how many bytes it is on its way.
    pub(super) fn bytes(&self) -> usize {
        self.content.len() + self.client.len() + self.id.len()
    }

    fn open(self) -> Result<(String, String, Kept), ApiError> {
        let Self { client, id, content, sha256 } = self;
        if client.len() > MAX_NAME_BYTES || id.is_empty() || id.len() > MAX_NAME_BYTES {
            return Err(ApiError::invalid(format!(
                "an id or a client's name is empty or has more than {MAX_NAME_BYTES} bytes"
            )));
        }
        if hex(&Sha256::digest(&content)) != sha256 {
            let sentence = format!("the digest of response {id:?} is another one: something was changed on its way");
            return Err(ApiError::parameter("responses", sentence).code("digest_differs"));
        }
        let kept = serde_json::from_str(&content);
        let wrong = |error| ApiError::parameter("responses", format!("response {id:?} cannot be read: {error}"));
        let kept = kept.map_err(wrong)?;
        Ok((client, id, kept))
    }
}

impl Parcel {
    /// These responses as JSON.
    pub(super) fn bytes_of(responses: Vec<Item>) -> Result<Vec<u8>, String> {
        serde_json::to_vec(&Self { format: FORMAT, responses }).map_err(|error| error.to_string())
    }

    /// The responses of a body, each with its client's name and its id, once all are seen to be whole.
    ///
    /// # Errors
    /// What is wrong with the body.
    pub(crate) fn read(bytes: &[u8]) -> Result<Vec<(String, String, Kept)>, ApiError> {
        let wrong = |error| ApiError::invalid(format!("the body is no list of responses: {error}"));
        let parcel: Self = serde_json::from_slice(bytes).map_err(wrong)?;
        if parcel.format != FORMAT {
            let found = parcel.format;
            return Err(ApiError::parameter("format", format!("format is {found}, but must be {FORMAT}")));
        }
        if parcel.responses.len() > MAX_RESPONSES {
            let found = parcel.responses.len();
            let sentence = format!("there are {found} responses, but at most {MAX_RESPONSES} are taken at once");
            return Err(ApiError::parameter("responses", sentence));
        }
        parcel.responses.into_iter().map(Item::open).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hefu_answer::{Message, Role};
    use proptest::prelude::*;

    fn parcel() -> String {
        let kept = Kept {
            before: Some("0".to_owned()),
            input: vec![Message::new(Role::User, "question")],
            output: Message::new(Role::Assistant, "answer"),
            body: "{\"logprob\": -0.12345678901234567}".into(),
        };
        let item = Item::new("phone", "1", &kept).unwrap();
        serde_json::to_string(&Parcel { format: FORMAT, responses: vec![item] }).unwrap()
    }

    #[test]
    fn responses_arrive_as_they_were_kept() {
        let read = Parcel::read(parcel().as_bytes()).unwrap();
        let [(client, id, kept)] = &read[..] else { panic!("{read:?}") };
        assert_eq!((client.as_str(), id.as_str(), kept.before.as_deref()), ("phone", "1", Some("0")));
        assert_eq!((kept.input[0].text.as_str(), kept.output.text.as_str()), ("question", "answer"));
        assert_eq!(&*kept.body, "{\"logprob\": -0.12345678901234567}");
    }

    #[test]
    fn what_was_changed_on_the_way_is_refused_by_name() {
        for (from, to, word) in [
            ("question", "request", "digest"),
            ("\"format\":1", "\"format\":7", "format is 7"),
            ("\"id\":\"1\"", "\"id\":\"\"", "is empty"),
            ("\"responses\"", "\"answers\"", "no list"),
        ] {
            let text = parcel();
            assert!(text.contains(from), "{from}");
            let sentence = Parcel::read(text.replace(from, to).as_bytes()).unwrap_err().message;
            assert!(sentence.contains(word), "{from}: {sentence}");
        }
        let many = format!("{{\"format\":1,\"responses\":[{}]}}", vec![ITEM; MAX_RESPONSES + 1].join(","));
        assert!(Parcel::read(many.as_bytes()).unwrap_err().message.contains("at most 4096"));
    }

    const ITEM: &str = r#"{"client":"","id":"1","content":"","sha256":""}"#;

    proptest! {
        #[test]
        fn no_body_trips_it(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Parcel::read(&bytes).is_err());
        }
    }
}
