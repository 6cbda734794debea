//! Edits of a model on the way to an answer, as JSON says them: to the server, and in the file that `hefu trace --edits` names.

use hefu_engine::inspect::{Change, Edit, MAX_EDIT_NUMBERS, MAX_EDITS, Ranges};
use serde_json::{Map, Value};

/// Edits by the words of JSON, each with the name of a value.
const WORDS: [&str; 3] = ["off", "add", "put"];
/// Fields beside one of them.
const FURTHER: [&str; 4] = ["layers", "heads", "positions", "numbers"];

/// The edits of a list such as `[{"off": "attention_output", "layers": [3], "heads": "0,4-6"}]`.
///
/// # Errors
/// A sentence that names what is wrong.
pub fn edits(list: Value) -> Result<Vec<Edit>, String> {
    let Value::Array(list) = list else { return Err("edits must be an array of objects".to_owned()) };
    if list.len() > MAX_EDITS {
        return Err(format!("edits has {} entries, but at most {MAX_EDITS} are taken", list.len()));
    }
    list.into_iter().enumerate().map(|(at, one)| edit(one).map_err(|why| format!("edits[{at}] {why}"))).collect()
}

fn edit(one: Value) -> Result<Edit, String> {
    let Value::Object(mut fields) = one else { return Err("must be an object".to_owned()) };
    let words: Vec<&str> = WORDS.into_iter().filter(|word| fields.contains_key(*word)).collect();
    let [word] = words[..] else {
        return Err(format!("must have one of {}, with the name of a value", WORDS.join(", ")));
    };
    let Some(Value::String(name)) = fields.remove(word) else { return Err(format!("must name a value with {word}")) };
    if let Some(other) = fields.keys().find(|key| !FURTHER.contains(&key.as_str())) {
        return Err(format!("has {:?}, which no edit has", other.chars().take(40).collect::<String>()));
    }
    let numbers = numbers(&mut fields)?;
    let change = match (word, numbers) {
        ("off", None) => Change::Off,
        ("off", Some(_)) => return Err("switches a value off, so it has no numbers".to_owned()),
        (_, None) => return Err(format!("must have numbers to {word}")),
        ("add", Some(numbers)) => Change::Add(numbers),
        (_, Some(numbers)) => Change::Put(numbers),
    };
    let mut some = |name| ranges(&mut fields, name);
    let (layers, heads, positions) = (some("layers")?, some("heads")?, some("positions")?);
    Ok(Edit { name, layers, heads, positions, change })
}

/// Numbers, or rows of them one after the other.
fn numbers(fields: &mut Map<String, Value>) -> Result<Option<Vec<f32>>, String> {
    let wrong = || "must have numbers as an array of numbers, or of rows of them".to_owned();
    let list = match fields.remove("numbers") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(wrong()),
    };
    let mut numbers = Vec::new();
    let mut take = |value: &Value| {
        let number = value.as_f64().map(|number| number as f32).filter(|number| number.is_finite());
        numbers.push(number.ok_or_else(wrong)?);
        if numbers.len() > MAX_EDIT_NUMBERS { Err(format!("has more than {MAX_EDIT_NUMBERS} numbers")) } else { Ok(()) }
    };
    for one in &list {
        match one {
            Value::Array(row) => row.iter().try_for_each(&mut take)?,
            number => take(number)?,
        }
    }
    Ok(Some(numbers))
}

fn ranges(fields: &mut Map<String, Value>, name: &str) -> Result<Option<Ranges>, String> {
    let wrong = || format!("must have {name} as an array of whole numbers, or a text such as 0,4-6");
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => {
            text.parse().map(Some).map_err(|why| format!("has {name} that cannot be read: {why}"))
        }
        Some(Value::Array(list)) => {
            let number = |value: &Value| value.as_u64().and_then(|number| usize::try_from(number).ok());
            let numbers = list.iter().map(number).collect::<Option<Vec<_>>>().ok_or_else(wrong)?;
            Ok(Some(Ranges::of(numbers)))
        }
        Some(_) => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn edits_are_read_and_what_is_wrong_is_named() {
        let read = edits(json!([
            {"off": "layer", "layers": "1-2"},
            {"add": "x", "numbers": [1, 0.1]},
            {"put": "x", "numbers": [[1], [2]], "positions": [4, 5], "heads": null},
        ]))
        .unwrap();
        assert_eq!((&read[0].change, &read[1].change), (&Change::Off, &Change::Add(vec![1.0, 0.1])));
        assert_eq!((&read[2].change, &read[2].heads), (&Change::Put(vec![1.0, 2.0]), &None));
        assert!(Ranges::has(&read[0].layers, 2) && !Ranges::has(&read[2].positions, 3));
        for (wrong, said) in [
            (json!({}), "array"),
            (json!([1]), "edits[0]"),
            (json!([{"layers": [1]}]), "one of off, add, put"),
            (json!([{"off": "x", "add": "x"}]), "one of"),
            (json!([{"off": 1}]), "name a value"),
            (json!([{"off": "x", "layer": 1}]), "layer"),
            (json!([{"off": "x", "numbers": [1]}]), "no numbers"),
            (json!([{"add": "x"}]), "numbers to add"),
            (json!([{"put": "x", "numbers": ["1"]}]), "array of numbers"),
            (json!([{"put": "x", "numbers": [1e300]}]), "array of numbers"),
            (json!([{"off": "x", "layers": -1}]), "layers"),
            (json!([{"off": "x", "heads": "3-1"}]), "heads"),
            (json!(vec![json!({"off": "x"}); MAX_EDITS + 1]), "at most"),
        ] {
            let sentence = edits(wrong.clone()).unwrap_err();
            assert!(sentence.contains(said), "{wrong}: {sentence}");
        }
    }
}
