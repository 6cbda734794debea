//! The site below `/learn`: pages made from lessons, and the files that they use.

use crate::html::{self, ROOT};
use crate::language::Language;
use crate::lesson::Lesson;

pub use crate::html::{Page, document};

/// Files of the pages: name, type, contents.
const FILES: &[(&str, &str, &str)] = &[
    ("learn.css", "text/css; charset=utf-8", include_str!("../page/learn.css")),
    ("learn.js", "text/javascript; charset=utf-8", include_str!("../page/learn.js")),
    ("widgets.js", "text/javascript; charset=utf-8", include_str!("../page/widgets.js")),
    ("model.js", "text/javascript; charset=utf-8", include_str!("../page/model.js")),
    ("exact.js", "text/javascript; charset=utf-8", include_str!("../page/exact.js")),
    ("make.js", "text/javascript; charset=utf-8", include_str!("../page/make.js")),
    ("room.js", "text/javascript; charset=utf-8", include_str!("../page/room.js")),
    ("hand-in.js", "text/javascript; charset=utf-8", include_str!("../page/hand-in.js")),
    ("words.js", "text/javascript; charset=utf-8", include_str!("../page/words.js")),
];

/// Page of an address.
#[derive(Debug, PartialEq)]
pub enum Found {
    /// A document.
    Document {
        /// Its media type.
        kind: &'static str,
        /// Its text.
        text: String,
    },
    /// It is at another address.
    Elsewhere(String),
}

/// True if an address is one of lessons.
pub fn is_here(path: &str) -> bool {
    path.strip_prefix(ROOT).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The page at an address. Where it names no language, the reader's is taken.
pub fn find(lessons: &[Lesson], path: &str, preferred: Language) -> Option<Found> {
    if !is_here(path) {
        return None;
    }
    let parts: Vec<&str> = path[ROOT.len()..].split('/').filter(|part| !part.is_empty()).collect();
    let language = |code: &str| Language::ALL.into_iter().find(|language| language.code() == code);
    let page = |text: String| Found::Document { kind: "text/html; charset=utf-8", text };
    match parts[..] {
        [] => Some(Found::Elsewhere(format!("{ROOT}/{}", preferred.code()))),
        [name] => match language(name) {
            Some(language) => Some(page(html::list(lessons, language))),
            None => FILES
                .iter()
                .find(|(file, ..)| *file == name)
                .map(|(_, kind, text)| Found::Document { kind, text: (*text).to_owned() })
                .or_else(|| {
                    let lesson = lessons.iter().find(|lesson| lesson.name == name)?;
                    Some(Found::Elsewhere(format!("{ROOT}/{}/{}", preferred.code(), lesson.name)))
                }),
        },
        [code, name] => {
            let (language, at) = (language(code)?, lessons.iter().position(|lesson| lesson.name == name)?);
            Some(page(html::lesson(lessons, at, language)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lesson::built_in;

    fn text(path: &str) -> Option<String> {
        match find(built_in().unwrap(), path, Language::Chinese)? {
            Found::Document { text, .. } => Some(text),
            Found::Elsewhere(path) => Some(format!("at {path}")),
        }
    }

    #[test]
    fn every_lesson_has_a_page_in_both_languages() {
        for lesson in built_in().unwrap() {
            for language in Language::ALL {
                let page = text(&format!("/learn/{}/{}", language.code(), lesson.name)).unwrap();
                assert!(page.contains(&format!("<html lang=\"{}\"", language.code())));
                assert!(page.contains(&crate::markdown::escaped(lesson.data.title.of(language))), "{}", lesson.name);
                assert!(text(&format!("/learn/{}", language.code())).unwrap().contains(&lesson.name));
            }
        }
    }

    #[test]
    fn addresses_without_a_language_lead_to_the_readers() {
        let first = &built_in().unwrap()[0].name;
        assert_eq!(text("/learn").as_deref(), Some("at /learn/zh-CN"));
        assert_eq!(text("/learn/").as_deref(), Some("at /learn/zh-CN"));
        assert_eq!(text(&format!("/learn/{first}")), Some(format!("at /learn/zh-CN/{first}")));
        for (name, ..) in FILES {
            assert!(text(&format!("/learn/{name}")).is_some());
        }
        for absent in ["/", "/learnt", "/learn/de", "/learn/en/nothing", "/learn/en/a/b", "/learn/../x"] {
            assert_eq!(text(absent), None, "{absent}");
        }
    }
}
