//! Importance of each column of a model's matrices: the squares of what it is multiplied with, summed over a text.
//!
//! The text is cut into chunks without overlap, each starting with empty states. Every sum is taken in f64 over the positions in
//! their order, so that it does not depend on how chunks are cut into batches.

mod inside;

use hefu_numerics::device::{Batch, Error, Executable, Model, Size, Slots, Span};
use hefu_numerics::kv::PAGE;
use hefu_numerics::program::{Entry, Op, Program, Shape, Value, Weight};
use inside::Inside;
use std::collections::BTreeMap;

/// The sums of one tensor.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sums {
    /// `[matrices][columns]`: sums of squares.
    pub squares: Vec<f64>,
    /// `[matrices]`: how many squares each sum has.
    pub counts: Vec<u64>,
}

/// Input of a product, and the matrices whose columns it is.
#[derive(Debug, Clone, PartialEq)]
struct Product {
    tensor: String,
    matrices: usize,
    columns: usize,
    x: Value,
    by: Inputs,
}

/// Assignment of a row's numbers to matrices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inputs {
    /// One matrix takes all of them.
    One,
    /// Each matrix takes its part.
    Heads,
    /// The matrices that were chosen take all of them.
    Chosen(Value),
    /// The matrices that were chosen take their parts.
    Inside(Value),
}

impl Inputs {
    /// Matrices that were chosen, where not all are.
    fn choices(self) -> Option<Value> {
        match self {
            Inputs::Chosen(choices) | Inputs::Inside(choices) => Some(choices),
            Inputs::One | Inputs::Heads => None,
        }
    }
}

/// Numbers of the largest value in a batch at most: what experts compute inside is wide.
const MOST_NUMBERS: usize = 1 << 25;

/// A model that is watched while it reads.
pub struct Collector {
    executable: Box<dyn Executable>,
    products: Vec<Product>,
    tables: Vec<Vec<u32>>,
    has_slots: bool,
    sums: BTreeMap<String, Sums>,
    program: std::sync::Arc<Program>,
}

impl Collector {
    /// Makes a model ready, with states for one chunk of so many tokens.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn new(model: &Model, context: usize) -> Result<Collector, Error> {
        let (program, insides) = inside::opened(&model.program);
        let program = std::sync::Arc::new(program);
        let products = products(&program, &insides);
        let mut probes: Vec<Value> = products.iter().map(|product| product.x).collect();
        probes.extend(products.iter().filter_map(|product| product.by.choices()));
        probes.sort_unstable();
        probes.dedup();
        let pages = context.div_ceil(PAGE).max(1);
        let size = Size::new(&program, pages, 1);
        let executable = model.device.compile(&program, &model.weights, &size, &probes)?;
        let tables = vec![(0..pages as u32).collect(); program.groups()];
        let has_slots = program.slot_numbers() > 0;
        Ok(Collector { executable, products, tables, has_slots, sums: BTreeMap::new(), program })
    }

    /// Reads one chunk, so many tokens at a time.
    ///
    /// # Errors
    /// A token that the model does not have, or a chunk that is too long.
    pub fn read(&mut self, chunk: &[u32], batch: usize) -> Result<(), Error> {
        let widest = self.program.values.iter().map(|value| value.width).max().unwrap_or(1);
        let batch = batch.min(MOST_NUMBERS / widest.max(1)).max(1);
        for (index, tokens) in chunk.chunks(batch).enumerate() {
            let tables: Vec<&[u32]> = self.tables.iter().map(Vec::as_slice).collect();
            let read = (index > 0).then_some(0);
            let span = Span {
                rows: 0..tokens.len(),
                position: index * batch,
                // All rows are wanted, of the last layer too.
                wanted: 0..tokens.len(),
                tables: &tables,
                slots: self.has_slots.then_some(Slots { read, write: 0, keep: &[] }),
                second: None,
            };
            self.executable.run(&Batch { tokens, spans: &[span], inputs: &[] })?;
            self.add(tokens.len())?;
        }
        Ok(())
    }

    /// The sums so far, by the names of tensors.
    pub fn finish(self) -> BTreeMap<String, Sums> {
        self.sums
    }

    fn add(&mut self, rows: usize) -> Result<(), Error> {
        let mut read: BTreeMap<Value, Vec<f32>> = BTreeMap::new();
        for product in &self.products {
            let chosen = product.by.choices();
            for value in chosen.into_iter().chain([product.x]) {
                if let std::collections::btree_map::Entry::Vacant(entry) = read.entry(value) {
                    let mut numbers = vec![0.0; rows * self.program.value(value).numbers()];
                    self.executable.read(value, 0..rows, &mut numbers)?;
                    entry.insert(numbers);
                }
            }
            let sums = self.sums.entry(product.tensor.clone()).or_default();
            sums.squares.resize(product.matrices * product.columns, 0.0);
            sums.counts.resize(product.matrices, 0);
            let numbers = |value: Value| read.get(&value).map_or(&[][..], Vec::as_slice);
            sums.add(product, numbers(product.x), chosen.map(numbers).unwrap_or_default(), rows);
        }
        Ok(())
    }
}

impl Sums {
    fn add(&mut self, product: &Product, numbers: &[f32], choices: &[f32], rows: usize) {
        let columns = product.columns;
        match product.by {
            Inputs::One => {
                numbers.chunks_exact(columns).for_each(|row| add_squares(&mut self.squares, row));
                self.counts[0] += rows as u64;
            }
            Inputs::Heads => {
                let width = product.matrices * columns;
                numbers.chunks_exact(width).for_each(|row| add_squares(&mut self.squares, row));
                self.counts.iter_mut().for_each(|count| *count += rows as u64);
            }
            Inputs::Chosen(_) | Inputs::Inside(_) => {
                let pairs = choices.chunks_exact((choices.len() / rows.max(1)).max(1));
                let is_inside = matches!(product.by, Inputs::Inside(_));
                let width = if is_inside { product.matrices * columns } else { columns };
                for (row, pairs) in numbers.chunks_exact(width).zip(pairs) {
                    for expert in pairs.chunks_exact(2).map(|pair| pair[0] as usize) {
                        let own = expert * columns..(expert + 1) * columns;
                        let row = if is_inside { row.get(own.clone()).unwrap_or_default() } else { row };
                        if let Some(squares) = self.squares.get_mut(own) {
                            add_squares(squares, row);
                            self.counts[expert] += 1;
                        }
                    }
                }
            }
        }
    }
}

fn add_squares(sums: &mut [f64], row: &[f32]) {
    for (sum, x) in sums.iter_mut().zip(row) {
        *sum += f64::from(*x) * f64::from(*x);
    }
}

/// The products of the body, those inside experts among them. Several parts of one tensor that multiply the same are one.
fn products(program: &Program, insides: &[Inside]) -> Vec<Product> {
    let mut products: Vec<Product> = Vec::new();
    let mut add = |weight: Weight, x: Value, by: Inputs| {
        let spec = program.weight(weight);
        let (matrices, columns) = match spec.shape {
            Shape::Stack { items, columns, .. } => (items, columns),
            shape => (1, shape.columns()),
        };
        let product = Product { tensor: spec.tensor.clone(), matrices, columns, x, by };
        if !products.contains(&product) {
            products.push(product);
        }
    };
    for step in program.section(Entry::Body).map_or(&[][..], |body| &body.steps) {
        match step.op {
            Op::Linear { x, weight, .. } => add(weight, x, Inputs::One),
            Op::HeadLinear { x, weight, .. } if !insides.iter().any(|inside| inside.repeated == x) => {
                add(weight, x, Inputs::Heads);
            }
            Op::Experts { x, choices, gate, up, .. } => {
                gate.into_iter().chain([up]).for_each(|weight| add(weight, x, Inputs::Chosen(choices)));
            }
            _ => {}
        }
    }
    for Inside { down, hidden, choices, .. } in insides {
        add(*down, *hidden, Inputs::Inside(*choices));
    }
    products
}
