//! A class from outside: who comes in, what is kept, what is refused, and what a new start finds.

use hefu_class::exam::{Plan, cases_seed};
use hefu_class::limits::{
    ACTS_PER_MINUTE, MAX_FILE_BYTES, MAX_HAND_INS, MAX_NAME, MAX_OUTPUT_BYTES, MAX_PUPILS, WRONG_CODES_PER_MINUTE,
};
use hefu_class::progress::Signed;
use hefu_class::report::Form;
use hefu_class::{Class, Joined, Refusal, Settings, Who};
use hefu_lessons::exercise;
use hefu_lessons::grade::line;
use hefu_lessons::language::Language;
use hefu_lessons::lesson::built_in;
use std::net::IpAddr;
use std::path::Path;

const NOW: u64 = 1_800_000_000;

fn open(folder: &Path) -> Class {
    with(folder, Settings { per_address: MAX_PUPILS, ..Settings::default() })
}

fn with(folder: &Path, settings: Settings) -> Class {
    Class::open(folder, built_in().unwrap().to_vec(), settings).unwrap()
}

fn address(last: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, last])
}

fn join(class: &Class, name: &str) -> Joined {
    class.join(address(1), &class.code(), name, NOW).unwrap()
}

fn word(outcome: Result<impl Sized, Refusal>) -> &'static str {
    outcome.err().map_or("done", |refusal| refusal.word())
}

/// Output of a right program.
fn solution(exercise: &str, seed: u64) -> String {
    let cases = (exercise::find(exercise).unwrap().cases)(seed);
    cases.iter().map(|case| line(&case.right) + "\n").collect()
}

fn plan(questions: usize, exercises: usize) -> Plan {
    Plan { questions, exercises, minutes: 30, levels: Vec::new(), seed: Some(11) }
}

#[test]
fn pupils_come_in_by_the_code_and_nobody_takes_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let class = open(folder.path());
    let mei = join(&class, "  Mei   Lin ");
    assert_eq!((mei.name.as_str(), class.who(&mei.key)), ("Mei Lin", Some(Who::Pupil(mei.pupil))));
    assert_eq!((class.who(&class.teacher_key()), class.who("hefu-pupil-")), (Some(Who::Teacher), None));
    let of = |code: &str, name: &str| word(class.join(address(1), code, name, NOW));
    let code = class.code();
    assert_eq!([of("AAA-AAA", "x"), of(&code, "mei lin"), of(&code, " ")], ["class_code", "class_taken", "class_name"]);
    for name in [
        "x".repeat(MAX_NAME + 1),
        "x".repeat(1 << 20),
        "a\u{202e}b".to_owned(),
        "a\u{200b}".to_owned(),
        "a\nb\0".to_owned(),
    ] {
        assert_eq!(of(&code, &name), "class_name", "{name:.20}");
    }
}

#[test]
fn codes_are_not_guessed_and_one_machine_does_not_fill_the_class() {
    let folder = tempfile::tempdir().unwrap();
    let class = with(folder.path(), Settings::default());
    let (code, most) = (class.code(), Settings::default().per_address);
    let of = |from: IpAddr, code: &str, name: &str, now| word(class.join(from, code, name, now));
    for _ in 0..WRONG_CODES_PER_MINUTE {
        assert_eq!(of(address(9), "222-222", "x", NOW), "class_code");
    }
    // The right one is not even looked at; others are not kept waiting.
    assert_eq!(of(address(9), &code, "x", NOW), "class_guesses");
    assert_eq!(of(address(8), &code, "eight", NOW), "done");
    assert_eq!(of(address(9), &code, "nine", NOW + 60), "done");
    for pupil in 1..most {
        assert_eq!(of(address(8), &code, &format!("eight {pupil}"), NOW), "done");
    }
    assert_eq!(of(address(8), &code, "one more", NOW), "class_address");
    // One machine has many addresses of version 6.
    let six = |last: u64| IpAddr::from(((0xfe80_u128 << 112) | u128::from(last)).to_be_bytes());
    for pupil in 0..most as u64 {
        assert_eq!(of(six(pupil), &code, &format!("six {pupil}"), NOW), "done");
    }
    assert_eq!(of(six(99), &code, "six more", NOW), "class_address");
    assert_eq!(of("::ffff:10.0.0.8".parse().unwrap(), &code, "the same", NOW), "class_address");
}

#[test]
fn a_class_has_so_many_places_and_one_who_is_removed_makes_room() {
    let folder = tempfile::tempdir().unwrap();
    let class = open(folder.path());
    let all: Vec<Joined> = (0..MAX_PUPILS).map(|number| join(&class, &format!("p{number}"))).collect();
    assert_eq!(word(class.join(address(1), &class.code(), "late", NOW)), "class_full");
    class.remove(all[3].pupil).unwrap();
    assert_eq!((class.who(&all[3].key), word(class.remove(all[3].pupil))), (None, "class_pupil"));
    let late = join(&class, "late");
    assert!(all.iter().all(|one| one.pupil != late.pupil), "a number is given once");
    // The file of the one who was removed is still there, and is nobody's.
    assert!(folder.path().join(format!("pupils/{}.json.removed", all[3].pupil)).exists());
    drop(class);
    assert_eq!(open(folder.path()).who(&all[3].key), None);
}

#[test]
fn a_new_start_knows_everybody_and_everything() {
    let folder = tempfile::tempdir().unwrap();
    let class = open(folder.path());
    let mei = join(&class, "梅");
    assert!(class.answer(mei.pupil, "01-tokens", 1, right("01-tokens", 1), NOW).unwrap());
    class.hand_in(mei.pupil, "chain", &solution("chain", 0), false, NOW).unwrap();
    class.begin_exam(&plan(3, 1), NOW).unwrap();
    class.sheet(mei.pupil, Language::Chinese, NOW).unwrap();
    class.answer_exam(mei.pupil, 2, 1, NOW).unwrap();
    let (code, key, file) = (class.code(), class.teacher_key(), class.file(mei.pupil).unwrap());
    assert_eq!(word(Class::open(folder.path(), Vec::new(), Settings::default())), "class_failed");
    drop(class);
    // The remains of a write that was cut short change nothing.
    std::fs::write(folder.path().join("pupils/1.json.new"), "{\"progr").unwrap();
    std::fs::write(folder.path().join("class.json.new"), "").unwrap();
    let class = open(folder.path());
    assert_eq!((class.code(), class.teacher_key(), class.file(mei.pupil).unwrap()), (code, key, file));
    assert_eq!(class.who(&mei.key), Some(Who::Pupil(mei.pupil)));
    class.answer_exam(mei.pupil, 1, 1, NOW).unwrap();
}

#[test]
fn a_damaged_file_is_named_and_nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let class = open(folder.path());
    let mei = join(&class, "Mei");
    drop(class);
    let path = folder.path().join(format!("pupils/{}.json", mei.pupil));
    let text = std::fs::read_to_string(&path).unwrap();
    for wrong in [
        text.replace("Mei", "Mai"),
        text.replace("\"pupil\":1", "\"pupil\":2"),
        String::new(),
        " ".repeat(MAX_FILE_BYTES * 2),
    ] {
        std::fs::write(&path, &wrong).unwrap();
        let refusal = Class::open(folder.path(), Vec::new(), Settings::default()).unwrap_err();
        assert!(refusal.to_string().contains("1.json"), "{refusal}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), wrong);
    }
    std::fs::write(&path, text).unwrap();
    assert!(open(folder.path()).who(&mei.key).is_some());
}

fn right(lesson: &str, question: usize) -> u32 {
    let lessons = built_in().unwrap();
    lessons.iter().find(|known| known.name == lesson).unwrap().data.question[question - 1].right as u32
}

#[test]
fn what_a_pupil_does_has_its_limits() {
    let folder = tempfile::tempdir().unwrap();
    let class = open(folder.path());
    let (mei, lan) = (join(&class, "Mei").pupil, join(&class, "Lan").pupil);
    for (lesson, question, answer) in
        [("absent", 1, 1), ("01-tokens", 0, 1), ("01-tokens", 99, 1), ("01-tokens", 1, 0), ("01-tokens", 1, 99)]
    {
        assert_eq!(word(class.answer(mei, lesson, question, answer, NOW)), "class_nothing");
    }
    assert_eq!(word(class.visit(mei, "absent", NOW)), "class_nothing");
    assert_eq!(word(class.visit(99, "01-tokens", NOW)), "class_pupil");
    assert_eq!(word(class.hand_in(mei, "absent", "", false, NOW)), "class_nothing");
    assert_eq!(word(class.hand_in(mei, "chain", &"0".repeat(MAX_OUTPUT_BYTES + 1), false, NOW)), "class_output");
    for _ in 0..ACTS_PER_MINUTE {
        class.visit(mei, "01-tokens", NOW).unwrap();
    }
    assert_eq!(word(class.visit(mei, "01-tokens", NOW)), "class_pace");
    // One who is too quick stops nobody else.
    assert_eq!([word(class.visit(lan, "01-tokens", NOW)), word(class.visit(mei, "01-tokens", NOW + 60))], ["done"; 2]);
}

#[test]
fn the_best_of_a_lesson_stays() {
    let folder = tempfile::tempdir().unwrap();
    let class = open(folder.path());
    let mei = join(&class, "Mei").pupil;
    assert!(class.hand_in(mei, "chain", &solution("chain", 0), false, NOW).unwrap().report.is_right());
    let graded = class.hand_in(mei, "chain", "0\n", false, NOW).unwrap();
    assert!(!graded.report.is_right() && graded.task.name == "chain");
    let handed = &Signed::read(&class.file(mei).unwrap()).unwrap().progress.exercises["chain"];
    assert_eq!((handed.right == handed.cases, handed.tries), (true, 2));
}

#[test]
fn an_exam_is_drawn_for_each_graded_by_own_numbers_and_told_when_it_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let class = open(folder.path());
    let (mei, lan) = (join(&class, "Mei").pupil, join(&class, "=Lan|").pupil);
    assert_eq!(word(class.sheet(mei, Language::English, NOW)), "class_no_exam");
    class.begin_exam(&plan(4, 2), NOW).unwrap();
    assert_eq!(word(class.begin_exam(&plan(4, 2), NOW)), "class_exam");
    let sheet = class.sheet(mei, Language::English, NOW).unwrap();
    assert_eq!((sheet["questions"].as_array().unwrap().len(), &sheet["over"]), (4, &false.into()));
    assert!(sheet["questions"][0]["right"].is_null() && !sheet.to_string().contains("\"right\":true"));
    let name = sheet["exercises"][0]["name"].as_str().unwrap().to_owned();
    // The lesson's output is wrong for the exam, and so is a neighbour's.
    assert_eq!(word(class.hand_in(mei, &name, &solution(&name, 0), false, NOW)), "class_exam");
    for seed in [0, cases_seed(11, lan, &name)] {
        assert!(!class.hand_in(mei, &name, &solution(&name, seed), true, NOW).unwrap().report.is_right());
    }
    let own = cases_seed(11, mei, &name);
    assert!(class.hand_in(mei, &name, &solution(&name, own), true, NOW).unwrap().report.is_right());
    assert_eq!(class.cases(mei, &name, true, NOW).unwrap().lines().count(), solution(&name, own).lines().count());
    let undrawn =
        exercise::EXERCISES.iter().find(|known| !sheet["exercises"].to_string().contains(known.name)).unwrap();
    assert_eq!(word(class.cases(mei, undrawn.name, true, NOW)), "class_nothing");
    for _ in 3..MAX_HAND_INS {
        class.hand_in(mei, &name, &solution(&name, own), true, NOW).unwrap();
    }
    assert_eq!(word(class.hand_in(mei, &name, "", true, NOW)), "class_hand_ins");
    for place in 1..=4 {
        class.answer_exam(mei, place, 1, NOW).unwrap();
    }
    assert_eq!(
        [word(class.answer_exam(mei, 5, 1, NOW)), word(class.answer_exam(mei, 1, 99, NOW))],
        ["class_nothing"; 2]
    );
    assert_eq!(word(class.answer_exam(lan, 1, 1, NOW)), "class_no_exam");
    let over = NOW + 30 * 60;
    assert_eq!(word(class.answer_exam(mei, 1, 1, over)), "class_no_exam");
    assert!(class.sheet(mei, Language::Chinese, over).unwrap()["questions"][0]["right"].is_boolean());
    assert_eq!(word(class.sheet(lan, Language::Chinese, over)), "class_no_exam");
    reports(&class, &name);
}

/// The report of an exam of two pupils, the second of whom was not there.
fn reports(class: &Class, exercise: &str) {
    let report: serde_json::Value = serde_json::from_str(&class.report(None, Form::Json).unwrap()).unwrap();
    assert_eq!((&report["pupils"][0]["exercises_right"], &report["pupils"][1]["sat"]), (&1.into(), &().into()));
    let csv = class.report(Some(1), Form::Csv).unwrap();
    assert_eq!(csv.lines().count(), 3);
    assert!(csv.contains("\"'=Lan|\"") && csv.contains(exercise));
    let markdown = class.report(Some(1), Form::Markdown).unwrap();
    assert!(markdown.contains("=Lan\\|") && markdown.contains("Seed 11, 30 minutes"));
    assert_eq!(word(class.report(Some(2), Form::Json)), "class_nothing");
}

#[test]
fn an_exam_can_be_ended_early_and_another_begun() {
    let folder = tempfile::tempdir().unwrap();
    let class = open(folder.path());
    assert_eq!(word(class.end_exam(NOW)), "class_no_exam");
    class.begin_exam(&plan(1, 0), NOW).unwrap();
    class.end_exam(NOW + 60).unwrap();
    assert_eq!(word(class.end_exam(NOW + 60)), "class_no_exam");
    assert_eq!(class.begin_exam(&plan(1, 0), NOW + 60).unwrap().number, 2);
}

#[test]
fn a_pupil_is_let_back_in_by_the_teacher_alone() {
    let folder = tempfile::tempdir().unwrap();
    let class = open(folder.path());
    let mei = join(&class, "Mei");
    assert_eq!(word(class.let_back(99)), "class_pupil");
    let (first, second) = (class.let_back(mei.pupil).unwrap(), class.let_back(mei.pupil).unwrap());
    // Of two codes the last one is valid, once; what was used before is not any more.
    assert_eq!(word(class.join(address(2), &first, "", NOW)), "class_code");
    let back = class.join(address(2), &second, "", NOW).unwrap();
    assert_eq!((back.pupil, back.name.as_str()), (mei.pupil, "Mei"));
    assert_eq!((class.who(&mei.key), class.who(&back.key)), (None, Some(Who::Pupil(mei.pupil))));
    assert_eq!(word(class.join(address(2), &second, "", NOW)), "class_code");
}

#[test]
fn a_file_is_brought_by_its_owner_from_a_class_that_is_trusted() {
    let [here, there] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let before = open(there.path());
    let old = join(&before, "Mei").pupil;
    before.answer(old, "01-tokens", 1, right("01-tokens", 1), NOW).unwrap();
    let file = before.file(old).unwrap();
    let class = open(here.path());
    let (mei, lan) = (join(&class, "mei").pupil, join(&class, "Lan").pupil);
    assert!(class.bring(mei, &file, NOW).unwrap_err().to_string().contains("--trust"));
    drop(class);
    let class = with(here.path(), Settings { trusted: vec![before.public_key()], ..Settings::default() });
    assert!(class.bring(lan, &file, NOW).unwrap_err().to_string().contains("it is of Mei"));
    assert_eq!(word(class.bring(mei, &file.replace("\"right\":true", "\"right\":false"), NOW)), "class_brought");
    assert_eq!(word(class.bring(mei, "[]", NOW)), "class_brought");
    class.bring(mei, &file, NOW).unwrap();
    let own = class.own(mei, Language::English, NOW).unwrap();
    let lesson = own["lessons"].as_array().unwrap().iter().find(|lesson| lesson["name"] == "01-tokens").unwrap();
    assert_eq!(lesson["right"], 1);
    let overview = class.overview(Language::Chinese, NOW);
    assert_eq!((&overview["pupils"][0]["questions"], &overview["pupils"][1]["questions"]), (&1.into(), &0.into()));
}
