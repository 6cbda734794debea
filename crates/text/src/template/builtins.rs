//! The template library's own filters and tests, each behind a payment for what it reads.

use minijinja::value::{Rest, Value, ValueOrKwargs};
use minijinja::{Environment, Error, State, filters, tests};

use super::cost::{self, Meter};

/// Arguments that a filter or test reads.
#[derive(Clone, Copy)]
enum Reads {
    /// No more than the kind of its arguments, or one item.
    Nothing,
    /// The bytes of texts and the places of lists, once.
    Sizes,
    /// All that is in the arguments, once.
    Wholes,
    /// All that is in the first argument, once for each time that it can be halved.
    Order,
    /// The two arguments, as far as both go.
    Pair,
    /// The second argument until the first is found.
    Membership,
}

impl Reads {
    fn pay(self, state: &State, arguments: &[Value]) -> Result<(), Error> {
        match (self, arguments) {
            (Reads::Pair, [left, right, ..]) => cost::comparison(state, left, right),
            (Reads::Membership, [wanted, container, ..]) => cost::membership(state, wanted, container),
            (Reads::Order, [list, ..]) => {
                let mut meter = Meter::new(state);
                meter.sorting(list)?;
                meter.done()
            }
            (Reads::Wholes, all) => cost::wholes(state, all),
            (Reads::Nothing, _) => Ok(()),
            (_, all) => cost::sizes(state, all),
        }
    }

    /// The function behind its payment.
    fn paid(
        self,
        inner: Value,
    ) -> impl Fn(&mut State, Rest<ValueOrKwargs>) -> Result<Value, Error> + Send + Sync + 'static {
        move |state: &mut State, arguments: Rest<ValueOrKwargs>| {
            let arguments = arguments.into_values();
            self.pay(state, &arguments)?;
            inner.call(state, &arguments)
        }
    }
}

/// Adds everything to an environment.
pub(super) fn install(environment: &mut Environment<'_>) {
    for (name, reads, filter) in library_filters() {
        environment.add_filter(name, reads.paid(filter));
    }
    for (names, reads, test) in library_tests() {
        for name in names {
            environment.add_test(*name, reads.paid(test.clone()));
        }
    }
}

/// Each filter with what it reads. What is not here, the template does not have.
fn library_filters() -> Vec<(&'static str, Reads, Value)> {
    use Reads::{Nothing, Order, Sizes, Wholes};
    vec![
        ("safe", Sizes, Value::from_function(filters::safe)),
        ("lower", Sizes, Value::from_function(filters::lower)),
        ("upper", Sizes, Value::from_function(filters::upper)),
        ("title", Sizes, Value::from_function(filters::title)),
        ("length", Sizes, Value::from_function(filters::length)),
        ("count", Sizes, Value::from_function(filters::length)),
        ("dictsort", Order, Value::from_function(filters::dictsort)),
        ("items", Sizes, Value::from_function(filters::items)),
        ("reverse", Sizes, Value::from_function(filters::reverse)),
        ("split", Sizes, Value::from_function(filters::split)),
        ("lines", Sizes, Value::from_function(filters::lines)),
        ("default", Nothing, Value::from_function(filters::default)),
        ("d", Nothing, Value::from_function(filters::default)),
        ("round", Nothing, Value::from_function(filters::round)),
        ("abs", Nothing, Value::from_function(filters::abs)),
        ("int", Sizes, Value::from_function(filters::int)),
        ("float", Sizes, Value::from_function(filters::float)),
        ("attr", Wholes, Value::from_function(filters::attr)),
        ("first", Nothing, Value::from_function(filters::first)),
        ("last", Sizes, Value::from_function(filters::last)),
        ("min", Wholes, Value::from_function(filters::min)),
        ("max", Wholes, Value::from_function(filters::max)),
        ("sort", Order, Value::from_function(filters::sort)),
        ("bool", Nothing, Value::from_function(filters::bool)),
        ("batch", Sizes, Value::from_function(filters::batch)),
        ("slice", Sizes, Value::from_function(filters::slice)),
        ("select", Sizes, Value::from_function(filters::select)),
        ("reject", Sizes, Value::from_function(filters::reject)),
        ("selectattr", Sizes, Value::from_function(filters::selectattr)),
        ("rejectattr", Sizes, Value::from_function(filters::rejectattr)),
        ("map", Sizes, Value::from_function(filters::map)),
        ("groupby", Order, Value::from_function(filters::groupby)),
        ("unique", Order, Value::from_function(filters::unique)),
        ("chain", Sizes, Value::from_function(filters::chain)),
        ("zip", Sizes, Value::from_function(filters::zip)),
    ]
}

/// Each test with its other names and what it reads.
fn library_tests() -> Vec<(&'static [&'static str], Reads, Value)> {
    use Reads::{Membership, Nothing, Pair, Sizes};
    vec![
        (&["undefined"], Nothing, Value::from_function(tests::is_undefined)),
        (&["defined"], Nothing, Value::from_function(tests::is_defined)),
        (&["none"], Nothing, Value::from_function(tests::is_none)),
        (&["safe", "escaped"], Nothing, Value::from_function(tests::is_safe)),
        (&["boolean"], Nothing, Value::from_function(tests::is_boolean)),
        (&["odd"], Nothing, Value::from_function(tests::is_odd)),
        (&["even"], Nothing, Value::from_function(tests::is_even)),
        (&["divisibleby"], Nothing, Value::from_function(tests::is_divisibleby)),
        (&["number"], Nothing, Value::from_function(tests::is_number)),
        (&["integer", "int"], Nothing, Value::from_function(tests::is_integer)),
        (&["float"], Nothing, Value::from_function(tests::is_float)),
        (&["string"], Nothing, Value::from_function(tests::is_string)),
        (&["startingwith"], Sizes, Value::from_function(tests::is_startingwith)),
        (&["endingwith"], Sizes, Value::from_function(tests::is_endingwith)),
        (&["lower"], Sizes, Value::from_function(tests::is_lower)),
        (&["upper"], Sizes, Value::from_function(tests::is_upper)),
        (&["sameas"], Pair, Value::from_function(tests::is_sameas)),
        (&["eq", "equalto", "=="], Pair, Value::from_function(tests::is_eq)),
        (&["ne", "!="], Pair, Value::from_function(tests::is_ne)),
        (&["lt", "lessthan", "<"], Pair, Value::from_function(tests::is_lt)),
        (&["le", "<="], Pair, Value::from_function(tests::is_le)),
        (&["gt", "greaterthan", ">"], Pair, Value::from_function(tests::is_gt)),
        (&["ge", ">="], Pair, Value::from_function(tests::is_ge)),
        (&["in"], Membership, Value::from_function(tests::is_in)),
        (&["true"], Nothing, Value::from_function(tests::is_true)),
        (&["false"], Nothing, Value::from_function(tests::is_false)),
        (&["filter"], Sizes, Value::from_function(tests::is_filter)),
        (&["test"], Sizes, Value::from_function(tests::is_test)),
    ]
}
