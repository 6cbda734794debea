//! A class in a room: nothing is lost by the worst end, and nobody gets what is another's.

use crate::client::{Reply, exchange, request};
use crate::process::{Home, Server};
use rustix::process::Signal;
use serde_json::{Value, json};

/// A class on this machine alone, whose code and teacher's key were printed.
struct Room {
    server: Server,
    code: String,
    teacher: String,
}

fn room(home: &Home, more: &[&str]) -> Room {
    let model = home.model();
    let arguments = ["--host", "127.0.0.1", "--model", model.to_str().unwrap(), "--threads", "1", "--folder", "class"];
    let (server, lines) = home.learn_class(&[&arguments, more].concat());
    let after = |line: &str, word: &str| line.rsplit_once(word).unwrap().1.trim().to_owned();
    Room { server, code: after(&lines[0], "the code "), teacher: after(&lines[1], "#key=") }
}

impl Room {
    fn get(&self, key: &str, path: &str) -> Reply {
        exchange(self.server.port, &request("GET", path, &authorization(key), b"")).unwrap()
    }

    fn post(&self, key: &str, path: &str, body: &Value) -> Reply {
        let body = body.to_string();
        exchange(self.server.port, &request("POST", path, &authorization(key), body.as_bytes())).unwrap()
    }

    /// A pupil's key.
    fn join(&self, name: &str) -> String {
        let joined = self.post("", "/v1/class/join", &json!({"code": self.code, "name": name})).success();
        joined["key"].as_str().unwrap().to_owned()
    }

    fn answer(&self, key: &str, question: u32) -> Reply {
        self.post(key, "/v1/class/answer", &json!({"lesson": "01-tokens", "question": question, "answer": 1}))
    }
}

fn authorization(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!("authorization: Bearer {key}\r\n") }
}

#[test]
fn nothing_that_was_acknowledged_is_lost_when_the_machine_is_killed() {
    let home = Home::new();
    let first = room(&home, &[]);
    let keys: Vec<String> = (0..4).map(|number| first.join(&format!("pupil {number}"))).collect();
    first
        .post(&first.teacher, "/v1/class/exam/begin", &json!({"questions": 3, "exercises": 1, "minutes": 60}))
        .success();
    let sheet = first.get(&keys[0], "/v1/class/exam").success();
    // Answers of all come in at the same time, until the machine is killed in the middle of them.
    let acknowledged: Vec<u32> = std::thread::scope(|scope| {
        let pupils: Vec<_> = keys
            .iter()
            .map(|key| {
                let (port, key) = (first.server.port, key.clone());
                scope.spawn(move || {
                    let body = |number: u32| {
                        json!({"lesson": "01-tokens", "question": 1 + number % 2, "answer": 1}).to_string()
                    };
                    let ask = |number| {
                        exchange(
                            port,
                            &request("POST", "/v1/class/answer", &authorization(&key), body(number).as_bytes()),
                        )
                    };
                    (0..200).take_while(|number| ask(*number).is_ok_and(|reply| reply.status == 200)).count() as u32
                })
            })
            .collect();
        std::thread::sleep(std::time::Duration::from_millis(150));
        first.server.signal(Signal::KILL);
        pupils.into_iter().map(|pupil| pupil.join().unwrap()).collect()
    });
    drop(first.server);
    let second = room(&home, &[]);
    assert_eq!((&second.code, &second.teacher), (&first.code, &first.teacher));
    for (key, acknowledged) in keys.iter().zip(acknowledged) {
        let file: Value = serde_json::from_slice(&second.get(key, "/v1/class/progress").body).unwrap();
        let answers = file["progress"]["lessons"]["01-tokens"].as_object();
        let kept: u64 = answers.map_or(0, |all| all.values().map(|answer| answer["tries"].as_u64().unwrap()).sum());
        // One more may be on the disk whose acknowledgement was cut off.
        assert!((u64::from(acknowledged)..=u64::from(acknowledged) + 1).contains(&kept), "{kept} of {acknowledged}");
    }
    assert_eq!(second.get(&keys[0], "/v1/class/exam").success()["questions"], sheet["questions"]);
    second.answer(&keys[0], 2).success();
}

#[test]
fn everyone_has_what_is_theirs_and_the_key_of_the_teacher_is_needed_for_the_rest() {
    let home = Home::new();
    let room = room(&home, &[]);
    let (mei, lan) = (room.join("Mei"), room.join("Lan"));
    for page in
        ["/class/en", "/class/zh-CN/teacher", "/class/en/exam", "/class/class.js", "/learn/en", "/learn/room.js", "/"]
    {
        assert_eq!(room.get("", page).status, 200, "{page}");
    }
    for path in ["/v1/class/me", "/v1/class/overview", "/v1/class/progress", "/v1/models"] {
        assert_eq!(room.get("", path).status, 401, "{path}");
    }
    for path in ["/v1/class/overview", "/v1/class/report?format=csv"] {
        room.get(&mei, path).refusal(403);
    }
    for (path, body) in [("return", json!({"pupil": 2})), ("remove", json!({"pupil": 2})), ("exam/end", json!({}))] {
        room.post(&mei, &format!("/v1/class/{path}"), &body).refusal(403);
    }
    room.get(&room.teacher, "/v1/class/me").refusal(403);
    assert_eq!(room.get(&lan, "/v1/class/me").success()["name"], "Lan");
    // A pupil's key is one for the model, too, and receipts are those of the key that asked.
    let answer = room.post(&mei, "/v1/completions", &json!({"prompt": "one two", "max_tokens": 4})).success();
    let id = answer["id"].as_str().unwrap();
    room.get(&mei, &format!("/v1/receipts/{id}")).success();
    room.get(&lan, &format!("/v1/receipts/{id}")).refusal(404);
    room.post(&mei, "/v1/completions", &json!({"prompt": "one two", "max_tokens": 100_000})).refusal(400);
    room.post(&room.teacher, "/v1/class/remove", &json!({"pupil": 1})).success();
    room.get(&mei, "/v1/class/me").refusal(401);
}

#[test]
fn what_is_wrong_is_said_and_stops_nobody() {
    let home = Home::new();
    let room = room(&home, &["--max-body-bytes", "3M"]);
    let mei = room.join("Mei");
    let wrong = |body: Value| room.post("", "/v1/class/join", &body);
    assert!(wrong(json!({"code": "222222", "name": "x"})).refusal(403).contains("teacher's screen"));
    wrong(json!({"name": "x"})).refusal(400);
    wrong(json!({"code": 5})).refusal(400);
    wrong(json!({"code": room.code, "name": "Mei"})).refusal(400);
    wrong(json!({"code": room.code, "name": "x".repeat(4 << 20)})).refusal(413);
    let long = json!({"exercise": "chain", "output": "0".repeat(2 << 20)});
    room.post(&mei, "/v1/class/exercise", &long).refusal(413);
    let graded =
        room.post(&mei, "/v1/class/exercise", &json!({"exercise": "chain", "output": "0\n1\n", "language": "zh-CN"}));
    let graded = graded.success();
    assert!(graded["right"] == 0 && graded["said"].as_str().unwrap().contains('词'));
    for (path, body, status) in [
        ("answer", json!({"lesson": "01-tokens", "question": 1}), 400),
        ("answer", json!({"lesson": "../x", "question": 1, "answer": 1}), 404),
        ("answer", json!({"lesson": "01-tokens", "question": -1, "answer": 1}), 400),
        ("exercise", json!({"exercise": "../x", "output": ""}), 404),
        ("exam", json!({"question": 1, "answer": 1}), 404),
        ("progress", json!({"file": "{}"}), 400),
        ("visit", json!({"lesson": "01-tokens", "more": 1}), 400),
    ] {
        room.post(&mei, &format!("/v1/class/{path}"), &body).refusal(status);
    }
    for body in
        [json!({}), json!({"minutes": 10, "questions": 9999}), json!({"minutes": 10, "questions": 1, "levels": [1]})]
    {
        room.post(&room.teacher, "/v1/class/exam/begin", &body).refusal(400);
    }
    room.get(&room.teacher, "/v1/class/report").refusal(404);
    // The one who floods is told to wait; the other is not.
    let lan = room.join("Lan");
    let statuses: Vec<u16> = (0..500).map(|_| room.answer(&mei, 1).status).collect();
    assert!(statuses.contains(&429) && statuses.iter().all(|status| [200, 429].contains(status)));
    room.answer(&lan, 1).success();
}
