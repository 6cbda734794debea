//! The newest responses, kept in memory for requests that go on from one: for whoever asked for it alone, and never on a disk.

use hefu_answer::{Message, ToolCall};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes that the responses of one client take.
const MOST_OF_CLIENT: usize = 8 << 20;
/// Bytes that the responses of all clients take together.
const MOST: usize = 64 << 20;
/// Bytes of a response beside its texts.
const FRAME: usize = 1024;

/// A response that was given.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    /// The id of the response that it goes on from; ids are without a prefix.
    pub(crate) before: Option<String>,
    /// What the request added to the conversation, without instructions.
    pub(crate) input: Vec<Message>,
    /// What was answered.
    pub(crate) output: Message,
    /// The response as it was sent, as JSON.
    pub(crate) body: Box<str>,
}

/// All that are kept.
#[derive(Debug, Default)]
pub(crate) struct ResponseStore {
    clients: Mutex<HashMap<String, Own>>,
}

/// Those of one client.
#[derive(Debug, Default)]
struct Own {
    responses: HashMap<String, (Kept, usize)>,
    /// The oldest first. Some may be forgotten already.
    order: VecDeque<String>,
    bytes: usize,
}

impl Kept {
    /// About how many bytes it takes.
    fn bytes(&self) -> usize {
        let call = |call: &ToolCall| call.name.len() + call.arguments.len() + call.id.len();
        let message = |message: &Message| {
            let calls: usize = message.calls.iter().map(call).sum();
            FRAME + message.text.len() + message.reasoning.as_ref().map_or(0, String::len) + calls
        };
        let texts: usize = self.input.iter().chain([&self.output]).map(message).sum();
        FRAME + texts + self.body.len()
    }
}

impl ResponseStore {
    /// Keeps a response of a client. The client's oldest ones make room for it, and then those of whoever has most.
    pub(crate) fn keep(&self, client: &str, id: String, response: Kept) {
        let bytes = response.bytes();
        let mut clients = self.lock();
        let own = clients.entry(client.to_owned()).or_default();
        own.bytes += bytes;
        own.order.push_back(id.clone());
        own.responses.insert(id, (response, bytes));
        while own.bytes > MOST_OF_CLIENT {
            own.forget_oldest();
        }
        while clients.values().map(|own| own.bytes).sum::<usize>() > MOST {
            let Some(most) = clients.values_mut().max_by_key(|own| own.bytes) else { break };
            most.forget_oldest();
        }
        clients.retain(|_, own| !own.responses.is_empty());
    }

    /// A response of a client.
    pub(crate) fn find(&self, client: &str, id: &str) -> Option<Kept> {
        self.lock().get(client)?.responses.get(id).map(|(response, _)| response.clone())
    }

    /// The names of all, each with its client's, and the oldest of each client first.
    pub(crate) fn names(&self) -> Vec<(String, String)> {
        let clients = self.lock();
        let of = |(client, own): (&String, &Own)| -> Vec<(String, String)> {
            let order = own.order.iter().filter(|id| own.responses.contains_key(*id));
            order.map(|id| (client.clone(), id.clone())).collect()
        };
        clients.iter().flat_map(of).collect()
    }

    /// The conversation of a client up to and with a response; `None` if some of it is not kept.
    pub(super) fn conversation(&self, client: &str, id: &str) -> Option<Vec<Message>> {
        let clients = self.lock();
        let own = clients.get(client)?;
        let (mut links, mut next) = (Vec::new(), Some(id));
        while let Some(id) = next {
            let (response, _) = own.responses.get(id)?;
            links.push(response);
            next = response.before.as_deref();
        }
        let messages = links.into_iter().rev().flat_map(|link| link.input.iter().chain([&link.output]));
        Some(messages.cloned().collect())
    }

    /// Forgets a response; whether there was one.
    pub(super) fn forget(&self, client: &str, id: &str) -> bool {
        self.lock().get_mut(client).is_some_and(|own| own.forget(id))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Own>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Own {
    fn forget(&mut self, id: &str) -> bool {
        let found = self.responses.remove(id);
        if let Some((_, bytes)) = &found {
            self.bytes = self.bytes.saturating_sub(*bytes);
        }
        found.is_some()
    }

    fn forget_oldest(&mut self) {
        while let Some(id) = self.order.pop_front() {
            if self.forget(&id) {
                return;
            }
        }
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hefu_answer::Role;

    fn response(question: usize, before: Option<usize>, bytes: usize) -> Kept {
        Kept {
            before: before.map(|id| id.to_string()),
            input: vec![Message::new(Role::User, format!("question {question}"))],
            output: Message::new(Role::Assistant, "a".repeat(bytes)),
            body: format!("{{\"id\": {question}}}").into(),
        }
    }

    #[test]
    fn a_response_goes_on_from_those_before_it() {
        let shelf = ResponseStore::default();
        for id in 0..3_usize {
            shelf.keep("me", id.to_string(), response(id, id.checked_sub(1), 1));
        }
        let texts = |id: &str| -> Option<Vec<String>> {
            Some(shelf.conversation("me", id)?.into_iter().map(|message| message.text).collect())
        };
        assert_eq!(texts("2").unwrap(), ["question 0", "a", "question 1", "a", "question 2", "a"]);
        assert!(shelf.conversation("you", "2").is_none() && shelf.find("you", "2").is_none());
        assert!(shelf.forget("me", "1") && !shelf.forget("me", "1"));
        assert!(texts("2").is_none() && shelf.find("me", "2").is_some());
        assert_eq!(texts("0").unwrap(), ["question 0", "a"]);
    }

    #[test]
    fn the_oldest_make_room_and_one_client_does_not_crowd_out_another() {
        let shelf = ResponseStore::default();
        shelf.keep("quiet", "0".to_owned(), response(0, None, 10));
        for id in 0..400 {
            shelf.keep(&format!("loud {}", id % 20), id.to_string(), response(id, None, 1 << 20));
        }
        assert!(shelf.find("quiet", "0").is_some());
        assert!(shelf.find("loud 19", "399").is_some() && shelf.find("loud 0", "0").is_none());
        let clients = shelf.lock();
        assert!(clients.values().map(|own| own.bytes).sum::<usize>() <= MOST);
        assert!(clients.values().all(|own| own.bytes <= MOST_OF_CLIENT));
    }
}
