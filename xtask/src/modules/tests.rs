use super::*;

/// The circles of a crate of these files.
fn circles(name: &str, sources: &[(&str, &str)]) -> Vec<(usize, Vec<String>)> {
    let folder = std::env::temp_dir().join(format!("xtask-{}-{name}", std::process::id()));
    for (file, text) in sources {
        let path = folder.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let found = Crate::read(&folder.join("lib.rs")).unwrap().circles();
    std::fs::remove_dir_all(&folder).unwrap();
    found
}

const ROOT: (&str, &str) = ("lib.rs", "mod a;\nmod b;\nmod c;\npub use a::A;");

#[test]
fn a_circle_is_found_through_imports_paths_macros_and_reexports() {
    let c = ("c.rs", "pub struct C;");
    for (number, b) in [
        "use crate::a::A;",
        "use crate::{a::{self, A}, c};",
        "use super::A;",
        "fn f(_: crate::A) {}",
        "fn f() { println!(\"{}\", crate::a::A::new()) }",
        "mod inner { use super::super::a::A; }",
        "fn f() { use crate::A; }",
    ]
    .into_iter()
    .enumerate()
    {
        let found = circles(&number.to_string(), &[ROOT, ("a.rs", "pub struct A(crate::b::B);"), ("b.rs", b), c]);
        assert_eq!(found.len(), 1, "{b}");
        assert_eq!((found[0].0, found[0].1[0].as_str()), (2, "a uses B of b"), "{b}");
    }
}

#[test]
fn longer_circles_count_as_one_and_name_the_shortest() {
    let found = circles(
        "long",
        &[
            ROOT,
            ("a.rs", "use crate::b::B;\npub struct A;"),
            ("b.rs", "use crate::c::C;\nuse crate::A;"),
            ("c.rs", "use crate::a::A;"),
        ],
    );
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].0, found[0].1.len()), (3, 2));
}

#[test]
fn tests_parents_and_their_children_make_no_circle() {
    let a = "mod child;\npub use child::Child;\npub struct A(crate::b::B);\nfn f(_: &Child) {}";
    let b = "pub struct B;\n#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}\nimpl B {\n    #[cfg(test)]\n    fn f(_: crate::a::A) {}\n}";
    let child = ("a/child.rs", "use super::A;\npub struct Child;");
    let c = ("c.rs", "use hefu_a::a::A;\nfn f(a: u32) { self::g(a) }\nfn g(_: u32) {}");
    assert!(circles("none", &[ROOT, ("a.rs", a), ("b.rs", b), child, c]).is_empty());
}
