//! Labels of generated content beside the server's answers.

use hefu_provenance::label::Aigc;
use hefu_server::record::Labels;
use serde_json::{Map, Value};

/// The field beside answers.
const FIELD: &str = "aigc";

/// Labels answers by the Chinese measures.
#[derive(Debug)]
pub(crate) struct Labelled {
    /// Party that answers for the content; a name or code that was checked.
    pub(crate) producer: String,
}

impl Labels for Labelled {
    fn label(&self, id: &str, receipt: Option<&str>) -> Result<Map<String, Value>, String> {
        let label = Aigc::generated(&self.producer, id).map_err(|error| error.to_string())?;
        let label = Aigc { reserved_code1: receipt.unwrap_or_default().to_owned(), ..label };
        let label = serde_json::to_value(label).map_err(|error| error.to_string())?;
        Ok(Map::from_iter([(FIELD.to_owned(), label)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_has_the_fields_of_the_standard_in_their_order() {
        let labels = Labelled { producer: "somebody".to_owned() }.label("0198c0de", Some("0e")).unwrap();
        assert_eq!(
            Value::Object(labels).to_string(),
            "{\"aigc\":{\"Label\":\"1\",\"ContentProducer\":\"somebody\",\"ProduceID\":\"0198c0de\",\
             \"ReservedCode1\":\"0e\",\"ContentPropagator\":\"somebody\",\"PropagateID\":\"0198c0de\",\
             \"ReservedCode2\":\"\"}}"
        );
    }
}
