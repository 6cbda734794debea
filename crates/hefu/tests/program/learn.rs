//! `hefu learn`: the list of lessons, and the grading of programs.

use crate::support::{Home, repository};

fn solution(name: &str) -> String {
    repository("crates/lessons/tests/solutions").join(name).display().to_string()
}

fn has_python() -> bool {
    std::process::Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success())
}

#[test]
fn lessons_are_listed_in_both_languages() {
    let home = Home::new();
    let lessons = home.hefu(&["learn", "list", "--json"]).json();
    let lessons = lessons.as_array().unwrap().clone();
    assert!(lessons.len() >= 15 && lessons[0]["level"] == "everyone");
    let exercises = lessons.iter().filter(|lesson| lesson["exercise"]["name"].is_string()).count();
    assert!(exercises >= 14);
    assert!(home.hefu(&["learn", "list"]).success().contains("[chain]"));
    assert!(home.hefu(&["learn", "list", "--lang", "zh"]).success().contains("词元"));
}

#[test]
fn programs_are_graded_and_mistakes_named() {
    if !has_python() {
        println!("python3 is not here: nothing is graded");
        return;
    }
    let home = Home::new();
    assert!(home.hefu(&["learn", "check", &solution("chain.py")]).success().contains("right, to the bit"));
    let report =
        home.hefu(&["learn", "check", "--json", "--exercise", "chain", "python3", &solution("chain.py")]).json();
    assert_eq!((&report["cases"], &report["fault"]), (&report["right"], &serde_json::Value::Null));
    // The sum in the other direction, and what is said of it.
    std::fs::copy(solution("f32.py"), home.path("f32.py")).unwrap();
    let text = std::fs::read_to_string(solution("chain.py")).unwrap();
    std::fs::write(home.path("chain.py"), text.replace("range(count)", "reversed(range(count))")).unwrap();
    let own = home.path("chain.py").display().to_string();
    let wrong = home.hefu(&["learn", "check", &own]);
    assert_eq!(wrong.status, 1);
    assert!(wrong.stdout.contains("Cause: the sum is taken from the last element to the first"), "{}", wrong.stdout);
    assert!(wrong.stdout.contains("First differing bit"), "{}", wrong.stdout);
    assert!(home.hefu(&["learn", "check", "--lang", "zh", &own]).stdout.contains("从最后一个元素加到第一个"));
    let wrong = home.hefu(&["learn", "check", "--json", &own]);
    let report: serde_json::Value = serde_json::from_str(&wrong.stdout).unwrap();
    assert_eq!((&report["cause"]["mistake"], &report["cause"]["everywhere"]), (&"descending".into(), &true.into()));
    assert_eq!(report["fault"]["what"]["kind"], "differs");
}

#[cfg(unix)]
#[test]
fn programs_that_cannot_be_graded_are_told() {
    let home = Home::new();
    let check = |arguments: &[&str], status: i32| home.hefu(&[&["learn", "check"], arguments].concat()).failure(status);
    assert!(check(&["other.py"], 2).contains("there is no exercise other"));
    assert!(check(&["--exercise", "chain", "--seconds", "1", "sleep", "100"], 1).contains("had not ended after 1 s"));
    assert!(check(&["--exercise", "chain", "yes"], 1).contains("wrote more than"));
    assert!(check(&["--exercise", "chain", "false"], 1).contains("the program failed"));
    assert!(check(&["--exercise", "chain", "hefu-no-such-program"], 1).contains("cannot be started"));
    let nothing = home.hefu(&["learn", "check", "--exercise", "chain", "true"]);
    assert!(nothing.status == 1 && nothing.stdout.contains("wrote no line"), "{}", nothing.stdout);
}
