//! Values recorded while a text was computed, as JSON and as a safetensors file.

use hefu_engine::inspect::{Findings, Operation, Product, Seen, SubBlock, Visible, WeightRow, Why};
use hefu_engine::sampling::{Candidate, Draw, Stage};
use hefu_text::tokenizer::Tokenizer;
use serde_json::{Map, Value, json};

/// Headers of safetensors files are filled up with blanks to a multiple of this, so that numbers are aligned.
const ALIGNMENT: usize = 8;

/// A token as text; bytes that are no character give U+FFFD.
pub fn token_text(tokenizer: &Tokenizer, id: u32) -> String {
    String::from_utf8_lossy(tokenizer.token_bytes(id, true)).into_owned()
}

/// The fields `prompt_tokens`, `tokens`, `steps` and `values`; without the numbers if they go elsewhere.
pub fn findings_fields(findings: &Findings, tokenizer: &Tokenizer, has_numbers: bool) -> Map<String, Value> {
    let token = |id: &u32| json!({"id": id, "text": token_text(tokenizer, *id)});
    let step = |why: &Why| {
        let explanation = &why.explanation;
        json!({
            "position": why.position,
            "id": explanation.id,
            "share": explanation.share,
            "stages": explanation.stages.iter().map(|one| stage(one, tokenizer)).collect::<Vec<_>>(),
            "draw": explanation.draw.as_ref().map(draw),
        })
    };
    let mut fields = Map::new();
    fields.insert("prompt_tokens".to_owned(), json!(findings.prompt));
    fields.insert("tokens".to_owned(), findings.tokens.iter().map(token).collect());
    fields.insert("steps".to_owned(), findings.steps.iter().map(step).collect());
    let values = findings.values.iter().map(|seen| value(seen, tokenizer, has_numbers));
    fields.insert("values".to_owned(), values.collect());
    fields
}

fn value(seen: &Seen, tokenizer: &Tokenizer, has_numbers: bool) -> Value {
    let mut fields = Map::new();
    fields.insert("name".to_owned(), json!(seen.name));
    fields.insert("layer".to_owned(), json!(seen.layer));
    if let Some(heads) = &seen.heads {
        fields.insert("heads".to_owned(), json!(heads));
    }
    fields.insert("positions".to_owned(), json!(seen.positions));
    match &seen.best {
        Some(best) => {
            let row = |row: &Vec<Candidate>| row.iter().map(|one| candidate(one, tokenizer)).collect::<Value>();
            fields.insert("best".to_owned(), best.iter().map(row).collect());
        }
        None if has_numbers => {
            fields.insert("numbers".to_owned(), json!(seen.rows().collect::<Vec<_>>()));
        }
        None => {}
    }
    Value::Object(fields)
}

fn candidate(one: &Candidate, tokenizer: &Tokenizer) -> Value {
    json!({"id": one.id, "text": token_text(tokenizer, one.id), "logit": one.logit, "share": one.share})
}

fn stage(stage: &Stage, tokenizer: &Tokenizer) -> Value {
    let best = stage.best.iter().map(|one| candidate(one, tokenizer)).collect::<Vec<_>>();
    json!({"clause": stage.clause, "name": stage.name, "left": stage.left, "best": best})
}

/// 64 bits are text, as many readers of JSON keep 53.
fn draw(draw: &Draw) -> Value {
    let stretches = draw.stretches.iter().map(|one| json!({"id": one.id, "weight": one.weight.to_string()}));
    json!({
        "random": draw.random.to_string(),
        "point": draw.point.to_string(),
        "total": draw.total.to_string(),
        "stretches": stretches.collect::<Vec<_>>(),
    })
}

/// Values of a model that can be seen.
pub fn visible_json(visible: &[Visible]) -> Value {
    let one = |one: &Visible| json!({"name": one.name, "layers": one.layers, "numbers": one.numbers, "heads": one.heads, "kind": one.kind});
    visible.iter().map(one).collect()
}

/// Work for one token, operation by operation.
pub fn operations_json(operations: &[Operation]) -> Value {
    let one = |one: &Operation| {
        let Operation { layer, name, weight_bytes, multiply_adds } = one;
        json!({"layer": layer, "name": name, "weight_bytes": weight_bytes, "multiply_adds": multiply_adds})
    };
    operations.iter().map(one).collect()
}

/// The products whose numbers can be followed down to the weights.
pub fn products_json(products: &[Product]) -> Value {
    let one = |one: &Product| {
        let Product { name, layer, input, input_layer, weight, bias, tensor, format, rows } = one;
        json!({
            "name": name, "layer": layer, "input": input, "input_layer": input_layer, "weight": weight, "bias": bias,
            "tensor": tensor, "format": format, "rows": rows,
        })
    };
    products.iter().map(one).collect()
}

/// A row of a weight: its bytes as hexadecimal digits, and what they stand for.
pub fn weight_row_json(row: &WeightRow) -> Value {
    let WeightRow { tensor, format, block, bytes, numbers, sub_blocks } = row;
    let sub = |SubBlock { integers, scale, minimum }: &SubBlock| json!({"integers": integers, "scale": scale, "minimum": minimum});
    json!({
        "tensor": tensor,
        "format": format,
        "block_elements": block.0,
        "block_bytes": block.1,
        "bytes": bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
        "numbers": numbers,
        "sub_blocks": sub_blocks.iter().map(sub).collect::<Vec<_>>(),
    })
}

/// Every value as an F32 tensor `[positions][numbers]`, or `[positions][heads][numbers]` where heads were asked for
/// (<https://github.com/huggingface/safetensors>, section "Format"). Its name is `LAYER.NAME`, or `NAME` outside the layers; the
/// metadata say of each which positions its rows are of.
///
/// # Errors
/// None that is known: a header that cannot be written.
pub fn safetensors(findings: &Findings) -> Result<Vec<u8>, serde_json::Error> {
    let (mut header, mut positions, mut end) = (Map::new(), Map::new(), 0);
    for seen in findings.values.iter().filter(|seen| seen.best.is_none()) {
        let start = end;
        end += seen.numbers.len() * size_of::<f32>();
        let mut shape = vec![seen.positions.len()];
        shape.extend(seen.heads.as_ref().map(Vec::len));
        shape.push(seen.heads.as_ref().map_or(seen.width, |heads| seen.width / heads.len().max(1)));
        header.insert(seen.place(), json!({"dtype": "F32", "shape": shape, "data_offsets": [start, end]}));
        let rows = seen.positions.iter().map(usize::to_string).collect::<Vec<_>>();
        positions.insert(seen.place(), json!(rows.join(",")));
    }
    header.insert("__metadata__".to_owned(), Value::Object(positions));
    let mut bytes = serde_json::to_vec(&header)?;
    bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), b' ');
    let mut file = (bytes.len() as u64).to_le_bytes().to_vec();
    file.append(&mut bytes);
    let numbers = findings.values.iter().flat_map(|seen| &seen.numbers);
    file.extend(numbers.flat_map(|number| number.to_le_bytes()));
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_names_its_tensors_and_their_positions() {
        let seen = |name: &str, heads: Option<Vec<usize>>, positions: &[usize], numbers: &[f32]| Seen {
            name: name.to_owned(),
            layer: heads.is_some().then_some(3),
            width: numbers.len() / positions.len(),
            positions: positions.to_vec(),
            numbers: numbers.to_vec(),
            heads,
            best: None,
        };
        let values = vec![
            seen("queries", Some(vec![1, 2]), &[5], &[1.0, 2.0, 3.0, 4.0]),
            seen("embedding", None, &[0, 2], &[0.5, -1.0]),
        ];
        let file = safetensors(&Findings { tokens: vec![1], prompt: 1, steps: Vec::new(), values }).unwrap();
        let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
        let header: Value = serde_json::from_slice(&file[8..8 + length]).unwrap();
        assert_eq!(header["3.queries"], json!({"dtype": "F32", "shape": [1, 2, 2], "data_offsets": [0, 16]}));
        assert_eq!(header["embedding"], json!({"dtype": "F32", "shape": [2, 1], "data_offsets": [16, 24]}));
        assert_eq!(header["__metadata__"], json!({"3.queries": "5", "embedding": "0,2"}));
        assert_eq!((length % 8, file.len()), (0, 8 + length + 24));
        assert_eq!(file[8 + length + 20..], (-1.0_f32).to_le_bytes());
    }
}
