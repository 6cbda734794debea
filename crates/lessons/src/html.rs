//! Pages of lessons. They can be read without scripts; scripts add the widgets, and judge answers to questions.

use crate::language::Language;
use crate::lesson::{Lesson, Level, Question};
use crate::markdown::{escaped, line, rendered};

/// Address of all pages.
pub(crate) const ROOT: &str = "/learn";

/// The page that lists all lessons.
pub(crate) fn list(lessons: &[Lesson], language: Language) -> String {
    let title = language.choose("Lessons", "课程");
    let mut body =
        format!("<h1>{title}</h1>\n<p class=\"lead\">{}</p>\n", language.choose(
        "See how a language model computes an answer, with the model that runs here. Nothing leaves this machine.",
        "用运行在这里的模型，看语言模型怎样算出回答。一切都不离开这台机器。",
    ));
    for level in Level::ALL {
        let of_level: Vec<&Lesson> = lessons.iter().filter(|lesson| lesson.data.level == level).collect();
        if of_level.is_empty() {
            continue;
        }
        body += &format!("<h2>{}</h2>\n<ol class=\"lessons\">\n", level.said(language));
        for lesson in of_level {
            body += &format!(
                "<li data-lesson=\"{name}\"><a href=\"{ROOT}/{code}/{name}\">{title}</a> <span class=\"minutes\">{minutes}</span>\
                 <p>{summary}</p></li>\n",
                name = escaped(&lesson.name),
                code = language.code(),
                title = escaped(lesson.data.title.of(language)),
                minutes = minutes(lesson.data.minutes, language),
                summary = line(lesson.data.summary.of(language)),
            );
        }
        body += "</ol>\n";
    }
    document(&Page::of(title, &body, ""), language)
}

/// The page of a lesson.
pub(crate) fn lesson(lessons: &[Lesson], at: usize, language: Language) -> String {
    let lesson = &lessons[at];
    let title = lesson.data.title.of(language);
    let mut body = format!("<article data-lesson=\"{}\">\n<h1>{}</h1>\n", escaped(&lesson.name), escaped(title));
    body += &about(lesson, lessons, language);
    body += &rendered(lesson.text(language));
    body += &questions(&lesson.data.question, language);
    body += &exercise(lesson, language);
    body += "</article>\n";
    body += &neighbours(lessons, at, language);
    document(&Page::of(title, &body, &format!("/{}", lesson.name)), language)
}

fn minutes(count: u32, language: Language) -> String {
    match language {
        Language::English => format!("{count} minutes"),
        Language::Chinese => format!("{count} 分钟"),
    }
}

fn link(lesson: &Lesson, language: Language, attributes: &str) -> String {
    let (code, name, title) = (language.code(), escaped(&lesson.name), escaped(lesson.data.title.of(language)));
    format!("<a href=\"{ROOT}/{code}/{name}\"{attributes}>{title}</a>")
}

/// Level, time, and what comes before.
fn about(lesson: &Lesson, lessons: &[Lesson], language: Language) -> String {
    let (level, minutes) = (lesson.data.level.said(language), minutes(lesson.data.minutes, language));
    let mut about = format!("<p class=\"about\">{level} · {minutes}");
    let needed = lesson.data.needs.iter().filter_map(|name| lessons.iter().find(|lesson| lesson.name == *name));
    let needed: Vec<String> = needed.map(|lesson| link(lesson, language, "")).collect();
    if !needed.is_empty() {
        about += &format!(" · {}{}", language.choose("after ", "先学："), needed.join(language.choose(", ", "、")));
    }
    about + &format!("</p>\n<p class=\"lead\">{}</p>\n", line(lesson.data.summary.of(language)))
}

fn questions(questions: &[Question], language: Language) -> String {
    if questions.is_empty() {
        return String::new();
    }
    let mut out = format!("<section class=\"questions\">\n<h2>{}</h2>\n", language.choose("Questions", "问题"));
    for (number, question) in questions.iter().enumerate() {
        out += &format!(
            "<fieldset data-right=\"{}\">\n<legend>{}</legend>\n",
            question.right,
            line(question.ask.of(language))
        );
        for (at, answer) in question.answers.of(language).iter().enumerate() {
            let value = at + 1;
            out += &format!(
                "<label><input type=\"radio\" name=\"question-{number}\" value=\"{value}\" /> <span>{}</span></label>\n",
                line(answer)
            );
        }
        // Without scripts, the reason is there for whoever opens it.
        out += &format!(
            "<details><summary>{}</summary><p>{}</p></details>\n<p class=\"verdict\" role=\"status\"></p>\n</fieldset>\n",
            language.choose("Answer", "解答"),
            line(question.why.of(language))
        );
    }
    out + "</section>\n"
}

fn exercise(lesson: &Lesson, language: Language) -> String {
    let Some((task, exercise)) = lesson.exercise() else { return String::new() };
    let name = exercise.name;
    let (input, output) = (line(task.input.of(language)), line(task.output.of(language)));
    let example = (exercise.cases)(0).into_iter().find(|case| case.input.len() <= 40);
    let example = example.map_or_else(String::new, |case| {
        let (input, output) = (crate::grade::line(&case.input), crate::grade::line(&case.right));
        let title = language.choose("The first short case, in and out", "第一个短用例：输入与输出");
        format!("<p>{title}:</p>\n<pre tabindex=\"0\"><code>{}\n{}</code></pre>\n", escaped(&input), escaped(&output))
    });
    format!(
        "<section class=\"exercise\" data-exercise=\"{name}\">\n<h2>{title}</h2>\n<p>{words}</p>\n<dl>\n<dt>{from}</dt><dd>{input}</dd>\n<dt>{to}</dt>\
         <dd>{output}</dd>\n</dl>\n{example}<p>{how}</p>\n<pre tabindex=\"0\"><code>hefu learn check {name}.py\nhefu learn check {name}.rs\n\
         hefu learn check --exercise {name} ./{name}</code></pre>\n<p class=\"note\">{note}</p>\n</section>\n",
        title = language.choose("Write it", "动手写"),
        words = language.choose(
            "A program, in any language, reads lines from standard input and writes one line for each. Words are \
             separated by blanks. A number is the eight hexadecimal digits of the bits of a binary32 (1.0 is \
             <code>3f800000</code>); a whole number is decimal.",
            "用任何语言写一个程序：从标准输入逐行读取，每读一行就写出一行。词以空格分隔。一个数是 binary32 的 8 位十六进制数字\
             （1.0 是 <code>3f800000</code>）；整数用十进制。",
        ),
        from = language.choose("A line of input", "输入的一行"),
        to = language.choose("The line of output", "输出的一行"),
        how = language.choose(
            "Then have it graded. Every bit counts; a known mistake is named by what it computes.",
            "然后请程序评判。每一位都算数；常见的错误按其计算结果认出。",
        ),
        note = match language {
            Language::English => format!(
                "Clause: {}. In Python, <code>struct</code> turns digits into numbers and back; what rounds to infinity it refuses \
                 with an <code>OverflowError</code>.",
                escaped(exercise.clause)
            ),
            Language::Chinese => format!(
                "条款：{}。Python 的 <code>struct</code> 可在数字与数之间转换；舍入后为无穷的数，它会以 <code>OverflowError</code> 拒绝。",
                escaped(exercise.clause)
            ),
        },
    )
}

fn neighbours(lessons: &[Lesson], at: usize, language: Language) -> String {
    let before = at
        .checked_sub(1)
        .map_or_else(|| "<span></span>".to_owned(), |at| link(&lessons[at], language, " rel=\"prev\""));
    let after = lessons.get(at + 1).map_or_else(String::new, |lesson| link(lesson, language, " rel=\"next\""));
    let label = language.choose("Neighbouring lessons", "前后课程");
    format!("<nav class=\"neighbours\" aria-label=\"{label}\">{before}{after}</nav>\n")
}

/// Parts that are particular to a page.
#[derive(Debug)]
pub struct Page<'a> {
    /// Its title.
    pub title: &'a str,
    /// Its content.
    pub body: &'a str,
    /// Address of it and its files.
    pub root: &'a str,
    /// Part of its address after the language.
    pub rest: &'a str,
    /// Its script.
    pub script: &'a str,
    /// A style beside that of lessons.
    pub style: Option<&'a str>,
}

impl<'a> Page<'a> {
    /// One of lessons.
    fn of(title: &'a str, body: &'a str, rest: &'a str) -> Self {
        Self { title, body, root: ROOT, rest, script: "learn.js", style: None }
    }
}

/// A whole page.
pub fn document(page: &Page<'_>, language: Language) -> String {
    let Page { title, body, root, rest, script, style } = page;
    let other = language.choose(Language::Chinese, Language::English);
    let (code, other_code) = (language.code(), other.code());
    let (skip, lessons, chat) = (
        language.choose("Skip to the text", "跳到正文"),
        language.choose("Lessons", "课程"),
        language.choose("Chat", "对话"),
    );
    let (other_name, navigation) = (other.choose("English", "中文"), language.choose("Site", "站点"));
    let rest = escaped(rest);
    let style =
        style.map_or_else(String::new, |style| format!("<link rel=\"stylesheet\" href=\"{root}/{style}\" />\n"));
    format!(
        "<!doctype html>\n<html lang=\"{code}\">\n<head>\n<meta charset=\"utf-8\" />\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\" />\n\
         <meta name=\"color-scheme\" content=\"light dark\" />\n<title>{title} · 合符 Hefu</title>\n\
         <link rel=\"icon\" href=\"/icon.svg\" type=\"image/svg+xml\" />\n<link rel=\"stylesheet\" href=\"{ROOT}/learn.css\" />\n{style}\
         <link rel=\"alternate\" hreflang=\"{other_code}\" href=\"{root}/{other_code}{rest}\" />\n\
         <script type=\"module\" src=\"{root}/{script}\"></script>\n</head>\n<body>\n<a class=\"skip\" href=\"#text\">{skip}</a>\n\
         <header><nav aria-label=\"{navigation}\"><a class=\"home\" href=\"{ROOT}/{code}\">{lessons}</a><a href=\"/\">{chat}</a>\
         <a href=\"{root}/{other_code}{rest}\" lang=\"{other_code}\" hreflang=\"{other_code}\">{other_name}</a></nav></header>\n\
         <main id=\"text\">\n{body}</main>\n</body>\n</html>\n",
        title = escaped(title),
    )
}
