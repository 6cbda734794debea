//! Records of answers, for whoever keeps them.

use hefu_answer::AnswerRecord;
use serde_json::{Map, Value};

/// Keeps a record of every answer. A request whose record cannot be kept is not answered to its end.
pub trait Recorder: Send + Sync {
    /// Keeps the records of one request; returns once all are durable, with the digest that the document made of each states.
    /// Called on a thread that may wait, before the answer's last byte leaves.
    ///
    /// # Errors
    /// One sentence. The answer then ends with it.
    fn record(&self, records: Vec<AnswerRecord>) -> Result<Vec<String>, String>;

    /// Checks that a record could be kept now. Called on a thread that may wait, before a request is computed.
    ///
    /// # Errors
    /// One sentence that says why not. The request is then refused with it.
    fn ready(&self) -> Result<(), String>;

    /// The document that was made of the record of this id, as JSON text, if this client asked for the answer; called on a
    /// thread that may wait.
    ///
    /// # Errors
    /// One sentence, if it cannot be read.
    fn receipt(&self, id: &str, client: &str) -> Result<Option<String>, String>;

    /// The digests of the trace that such a document states, as text, as long as they are kept.
    fn trace(&self, id: &str, client: &str) -> Option<String>;

    /// Takes note of a request that was not answered: its status of 400 or more, the name of its API key (empty if none was
    /// given) and the endpoint. Called on a thread that must not wait.
    fn refused(&self, status: u16, client: &str, endpoint: &str);

    /// Takes note of an answer that an edited model made: who asked, the fingerprint with its edits, and how many tokens it had. There is
    /// no receipt of one. Called on a thread that must not wait.
    fn edited(&self, client: &str, fingerprint: &str, tokens: usize) {
        let _ = (client, fingerprint, tokens);
    }

    /// Takes note of work that moves between this server and another one, by the event's name. Called on a thread that must not wait.
    fn moved(&self, event: &'static str, details: Value) {
        let _ = (event, details);
    }
}

/// Gives the fields that label an answer as generated.
pub trait Labels: Send + Sync {
    /// The fields beside an answer of this id; the digest of its record's document is known once it is recorded.
    ///
    /// # Errors
    /// One sentence. The request is then refused.
    fn label(&self, id: &str, receipt: Option<&str>) -> Result<Map<String, Value>, String>;
}
