//! The pages of a class, at the addresses from `/class` on: to come in, to sit an exam, and the teacher's.

use hefu_lessons::language::Language;
use hefu_lessons::site::{Found, Page, document};

/// Address of all of them.
pub const ROOT: &str = "/class";

/// Files of the pages: name, type, contents.
const FILES: &[(&str, &str, &str)] = &[
    ("class.js", "text/javascript; charset=utf-8", include_str!("../page/class.js")),
    ("pupil.js", "text/javascript; charset=utf-8", include_str!("../page/pupil.js")),
    ("exam.js", "text/javascript; charset=utf-8", include_str!("../page/exam.js")),
    ("teacher.js", "text/javascript; charset=utf-8", include_str!("../page/teacher.js")),
    ("words.js", "text/javascript; charset=utf-8", include_str!("../page/words.js")),
    ("class.css", "text/css; charset=utf-8", include_str!("../page/class.css")),
];

/// True if an address is one of a class.
pub fn is_here(path: &str) -> bool {
    path.strip_prefix(ROOT).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The page at an address. Where it names no language, the reader's is taken.
pub fn find(path: &str, preferred: Language) -> Option<Found> {
    if !is_here(path) {
        return None;
    }
    let parts: Vec<&str> = path[ROOT.len()..].split('/').filter(|part| !part.is_empty()).collect();
    let language = |code: &str| Language::ALL.into_iter().find(|language| language.code() == code);
    let page = |language: Language, rest: &str| {
        let (title, body) = match rest {
            "" => join(language),
            "exam" => exam(language),
            "teacher" => teacher(language),
            _ => return None,
        };
        let rest = if rest.is_empty() { String::new() } else { format!("/{rest}") };
        let page = Page { title, body: &body, root: ROOT, rest: &rest, script: "class.js", style: Some("class.css") };
        Some(Found::Document { kind: "text/html; charset=utf-8", text: document(&page, language) })
    };
    match parts[..] {
        [] => Some(Found::Elsewhere(format!("{ROOT}/{}", preferred.code()))),
        [name] => match (language(name), FILES.iter().find(|(file, ..)| *file == name)) {
            (Some(language), _) => page(language, ""),
            (None, Some((_, kind, text))) => Some(Found::Document { kind, text: (*text).to_owned() }),
            (None, None) => {
                let is_page = matches!(name, "exam" | "teacher");
                is_page.then(|| Found::Elsewhere(format!("{ROOT}/{}/{name}", preferred.code())))
            }
        },
        [code, rest] => page(language(code)?, rest),
        _ => None,
    }
}

/// Notice where scripts may not run: none of this works without.
fn without_scripts(language: Language) -> String {
    let said = language.choose("This page needs scripts.", "本页需要启用脚本。");
    format!("<noscript><p class=\"fault\">{said}</p></noscript>\n")
}

fn join(language: Language) -> (&'static str, String) {
    let title = language.choose("Class", "课堂");
    let body = format!(
        "<h1>{title}</h1>\n{}<section id=\"join\" hidden>\n<p class=\"lead\">{}</p>\n<form>\n\
         <p class=\"field\"><label for=\"code\">{}</label><input id=\"code\" type=\"text\" autocomplete=\"off\" \
         autocapitalize=\"characters\" spellcheck=\"false\" maxlength=\"16\" required /></p>\n\
         <p class=\"field\"><label for=\"name\">{}</label><input id=\"name\" type=\"text\" autocomplete=\"off\" \
         spellcheck=\"false\" maxlength=\"40\" /></p>\n<button type=\"submit\">{}</button>\n\
         <p class=\"fault\" role=\"alert\"></p>\n</form>\n<p class=\"note\">{}</p>\n</section>\n\
         <section id=\"own\" hidden></section>\n",
        without_scripts(language),
        language.choose(
            "The code is on the teacher's screen. No account is needed, and nothing leaves the room.",
            "代码在老师的屏幕上。不需要账号，一切都不离开教室。"
        ),
        language.choose("Code", "代码"),
        language.choose("Your name", "你的名字"),
        language.choose("Come in", "进入"),
        language.choose(
            "The teacher sees your name, your answers and what your programs wrote.",
            "老师能看到你的名字、你的回答和你的程序写出的内容。"
        ),
    );
    (title, body)
}

fn exam(language: Language) -> (&'static str, String) {
    let title = language.choose("Exam", "考试");
    (title, format!("<h1>{title}</h1>\n{}<section id=\"sheet\"></section>\n", without_scripts(language)))
}

fn teacher(language: Language) -> (&'static str, String) {
    let title = language.choose("The class", "全班");
    let body = format!(
        "<h1>{title}</h1>\n{}<section id=\"key\" hidden>\n<form>\n<p class=\"field\"><label for=\"teacher-key\">{}</label>\
         <input id=\"teacher-key\" type=\"password\" autocomplete=\"off\" required /></p>\n<button type=\"submit\">{}</button>\n\
         <p class=\"fault\" role=\"alert\"></p>\n</form>\n</section>\n<section id=\"room\" hidden></section>\n",
        without_scripts(language),
        language.choose("The teacher's key, which the program printed when it started", "老师的密钥（程序启动时输出）"),
        language.choose("Open", "打开"),
    );
    (title, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &str) -> Option<String> {
        match find(path, Language::Chinese)? {
            Found::Document { text, .. } => Some(text),
            Found::Elsewhere(path) => Some(format!("at {path}")),
        }
    }

    #[test]
    fn every_page_is_there_in_both_languages_and_nothing_else() {
        for language in Language::ALL {
            for rest in ["", "/exam", "/teacher"] {
                let page = text(&format!("/class/{}{rest}", language.code())).unwrap();
                assert!(
                    page.contains(&format!("<html lang=\"{}\"", language.code())) && page.contains("/class/class.js")
                );
            }
        }
        assert_eq!(text("/class").as_deref(), Some("at /class/zh-CN"));
        assert_eq!(text("/class/teacher").as_deref(), Some("at /class/zh-CN/teacher"));
        assert!(FILES.iter().all(|(name, ..)| text(&format!("/class/{name}")).is_some()));
        for absent in ["/", "/classes", "/class/de", "/class/en/x", "/class/en/exam/1", "/class/../x"] {
            assert_eq!(text(absent), None, "{absent}");
        }
    }
}
