//! Reads of a template are counted, operation by operation, so that its work ends wherever a stranger put it.

use hefu_text::template::{ChatTemplate, Conversation, Error, Message, Specials};

fn render(source: &str) -> Result<String, Error> {
    ChatTemplate::new(source, Specials::default())?.render(&Conversation::new(vec![Message::user("hi")]))
}

/// Long values, equal but for their ends, that no two instructions share.
const LONG: &str = "{% set s = 'a' * 100000 ~ 'b' %}{% set t = 'a' * 100000 ~ 'c' %}{% set u = 'a' * 100000 ~ 'b' %}\
    {% set l = [s] * 50 %}{% set m = [u] * 50 %}{% set n = range(5000) %}{% set d = {s: 1} %}\
    {% set breaks = '\\n' * 100000 %}{% set digits = '1' * 100000 %}";

/// Operations of a template on long texts and lists.
const OPERATIONS: &[&str] = &[
    // comparisons
    "s == t",
    "s != t",
    "s < t",
    "s <= t",
    "s > t",
    "s >= t",
    "s == u == s",
    "l == m",
    "d == {u: 1}",
    "n == range(5000)",
    "'b' in s",
    "'ab' not in s",
    "t in l",
    "t in d",
    "-1 in n",
    "'x' < s in l",
    // items and slices
    "s[100000]",
    "s[-1]",
    "d[u]",
    "d.get(u)",
    "s[::-1]",
    "s[1:2]",
    "n[::-1]",
    "n[:4000]",
    // methods of texts
    "s.upper()",
    "s.lower()",
    "s.casefold()",
    "s.title()",
    "s.capitalize()",
    "s.swapcase()",
    "s.isalpha()",
    "s.isalnum()",
    "s.isdigit()",
    "s.isspace()",
    "s.isascii()",
    "s.islower()",
    "s.isupper()",
    "s.strip()",
    "s.strip(t)",
    "s.lstrip('b')",
    "s.rstrip('a')",
    "s.split('b')",
    "s.rsplit('b')",
    "s.split()",
    "s.rsplit()",
    "breaks.splitlines()",
    "s.partition('b')",
    "s.rpartition('c')",
    "s.replace('x', 'y')",
    "s.replace(t, s)",
    "s.startswith(t)",
    "s.endswith(u)",
    "'x'.startswith(n|map('string')|list)",
    "s.startswith(l)",
    "s.removeprefix(t)",
    "s.removesuffix(t)",
    "s.find('b')",
    "s.rfind('x')",
    "s.index('b')",
    "s.rindex('b')",
    "s.count('b')",
    "'x'.find(s)",
    "s.zfill(9)",
    "s.center(9)",
    "s.ljust(9)",
    "'a'.rjust(9999, 'é') ~ 'a'.center(9999) ~ 'a'.zfill(9999)",
    "'{}'.format(s)",
    "'b'.join(l)",
    // methods of lists and mappings
    "l.count(t)",
    "l.count(u)",
    "n.index(4999)",
    "d.items() == {u: 1}.items()",
    // operators
    "s + t",
    "s ~ t",
    "s * 2",
    "n + n",
    "n * 2",
    "'%s' % s",
    "'%s' % (l,)",
    "l ~ ''",
    // filters
    "s|upper",
    "s|lower",
    "s|title",
    "s|capitalize",
    "s|trim",
    "s|trim('b')",
    "s|replace('x', 'y')",
    "s|length",
    "s|count",
    "s|list",
    "s|string",
    "s|reverse",
    "s|first ~ s|last",
    "s|split('b')",
    "breaks|lines",
    "breaks|indent",
    "s|escape",
    "s|e",
    "s|forceescape",
    "s|tojson",
    "n|tojson",
    "digits|int(0)",
    "digits|float(0.0)",
    "s|safe",
    "n|sort",
    "n|sort(reverse=true)",
    "l|sort",
    "n|unique|list",
    "l|unique|list",
    "n|min",
    "n|max",
    "l|max",
    "l|min",
    "n|sum",
    "n|list",
    "n|reverse|list",
    "n|last",
    "n|batch(2)|list",
    "n|slice(2)|list",
    "n|map('string')|list",
    "n|join",
    "n|select('odd')|list",
    "n|reject('odd')|list",
    "l|select('equalto', t)|list",
    "l|reject('in', [t])|list",
    "[{'a': l}]|selectattr('a', 'equalto', m)|list",
    "[{'a': l}]|rejectattr('a', '==', m)|list",
    "[{'a': s}, {'a': u}]|groupby('a')|list",
    "[{'a': s}, {'a': u}]|map(attribute='a')|sort",
    "{s: 1, t: 2}|dictsort",
    "d|attr(u)",
    "n|chain(n)|list",
    "n|zip(n)|list",
    "'%s'|format(s)",
    "[s, u]|unique|list",
    // tests
    "s is eq(t)",
    "s is equalto(t)",
    "s is ne(t)",
    "s is lt(t)",
    "s is le(t)",
    "s is gt(t)",
    "s is ge(t)",
    "s is sameas(t)",
    "t is in(l)",
    "'b' is in(s)",
    "s is lower",
    "s is upper",
    "s is startingwith(t)",
    "s is endingwith(u)",
    // functions and calls
    "range(5000)",
    "dict(d, a=1)",
    "{s: 1}",
    "{(s, t): 1}",
    "dict(**d)",
    "loop.changed(l)",
    "strftime_now(s)",
    "namespace(a=n)",
];

#[test]
fn every_operation_pays_for_what_it_reads() {
    let unpaid: Vec<String> = OPERATIONS
        .iter()
        .filter_map(|operation| {
            // Too few rounds for the instructions alone, and too much to read.
            let setup = if operation.contains("changed") { "{% set l = [s ~ ''] * 50 %}" } else { "" };
            let source = format!("{LONG}{{% for i in range(9000) %}}{setup}{{% set x = {operation} %}}{{% endfor %}}");
            match render(&source) {
                Err(Error::TooMuchWork { .. }) => None,
                other => Some(format!("{operation}: {other:?}")),
            }
        })
        .collect();
    assert!(unpaid.is_empty(), "{unpaid:#?}");
    let spared =
        format!("{LONG}{{% for i in range(9000) %}}{{% set x = s is string and l is defined %}}{{% endfor %}}");
    assert_eq!(render(&spared), Ok(String::new()));
}

#[test]
fn shared_parts_are_paid_for_each_time_they_are_met() {
    let nested = "{% set ns = namespace(l=[0], m=[0]) %}{% for i in range(16) %}{% set ns.l = [ns.l, ns.l] %}\
        {% set ns.m = [ns.m, ns.m] %}{% endfor %}";
    let operations =
        ["ns.l == ns.m", "ns.l != ns.m", "ns.l in [ns.m]", "[ns.l, ns.m] | sort", "[ns.l, ns.m] | unique | list"];
    for operation in operations {
        let source = format!("{nested}{{% for i in range(9000) %}}{{% if {operation} %}}{{% endif %}}{{% endfor %}}");
        assert!(matches!(render(&source), Err(Error::TooMuchWork { .. })), "{operation}");
    }
}

#[test]
fn small_templates_cannot_make_huge_values() {
    let sources = [
        "{{ ('{0}' * 30000).format('a' * 100000) }}",
        "{{ ('%(a)s' * 20000) % {'a': 'a' * 100000} }}",
        "{{ ('%9999d' * 20000) % (1,) }}",
        "{{ 'a'.center(9999, 'b' * 100000) }}",
        "{{ (['a'] * 9999) | map('string') | sum(start='') }}{% set l = ['a' * 9999] * 9999 %}{{ l | sum(start='') }}",
        "{{ ([[1]] * 99999) | sum(start=[]) }}",
        "{{ ('&' * 100000) | escape | escape | escape | escape | replace('&', '&' * 9999) }}",
    ];
    for source in sources {
        assert!(render(source).is_err(), "{source}");
    }
}

#[test]
fn long_names_are_refused() {
    let source = format!("{{{{ {} }}}}", "a".repeat(300));
    assert!(matches!(render(&source), Err(Error::TooLarge { what: "the length of a name in bytes", .. })));
}
