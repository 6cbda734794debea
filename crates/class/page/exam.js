// The sheet of an exam: what is answered is sent at once, so nothing waits to be handed in at the end.

import { handIn } from "/learn/hand-in.js";
import { make } from "/learn/make.js";
import { call } from "/learn/room.js";
import { said, words } from "./words.js";

const lang = document.documentElement.lang;

function question(asked, place, over) {
  const state = make("p", { class: "verdict", role: "status" });
  const tell = (text, right) => {
    state.textContent = text;
    if (right !== undefined) state.dataset.right = String(right);
  };
  if (over) tell(asked.answer === null ? words.unanswered : asked.right ? `✓ ${words.right}` : words.wrong, asked.right);
  else if (asked.answer !== null) tell(words.kept);
  const choice = (text, at) => {
    const input = make("input", { type: "radio", name: `exam-${place}`, value: String(at + 1), checked: asked.answer === at + 1, disabled: over });
    input.addEventListener("change", async () => {
      tell(words.keeping);
      try {
        await call("/v1/class/exam", { question: place, answer: at + 1 });
        tell(words.kept);
      } catch (error) {
        tell(said(error), false);
      }
    });
    return make("label", {}, input, " ", make("span", {}, text));
  };
  return make("fieldset", {}, make("legend", {}, `${place}. ${asked.ask ?? "–"}`), ...(asked.answers ?? []).map(choice), state);
}

function exercise(set, over) {
  const handed = set.handed ? words.handed(set.handed.right, set.handed.cases) : words.notHanded;
  return make(
    "section",
    { class: "exercise" },
    make("h3", {}, `${set.name} (${set.clause ?? ""})`),
    make("dl", {}, make("dt", {}, words.input), make("dd", {}, set.input ?? ""), make("dt", {}, words.output), make("dd", {}, set.output ?? "")),
    over ? make("p", {}, handed) : handIn(set.name, { exam: true, said, before: `${handed} ${words.left(set.left)}` }),
  );
}

/** Counts down, and looks again when the time is up. */
function clock(seconds) {
  const ends = Date.now() + seconds * 1000;
  const place = make("p", { class: "clock", role: "timer" });
  const tick = () => {
    const left = Math.max(0, Math.round((ends - Date.now()) / 1000));
    place.textContent = words.timeLeft(Math.floor(left / 60), String(left % 60).padStart(2, "0"));
    if (left > 0) setTimeout(tick, 1000);
    else setTimeout(showExam, 1500);
  };
  tick();
  return place;
}

export async function showExam() {
  const place = document.getElementById("sheet");
  try {
    const { answer } = await call(`/v1/class/exam?language=${lang}`);
    const { over, questions, exercises } = answer;
    place.replaceChildren(
      make("p", { class: "lead" }, over ? words.isOver : words.rules),
      ...(over ? [] : [clock(answer.seconds_left)]),
      ...(questions.length ? [make("h2", {}, words.questions), make("section", { class: "questions" }, ...questions.map((asked, at) => question(asked, at + 1, over)))] : []),
      ...(exercises.length ? [make("h2", {}, words.exercises), ...(over ? [] : [make("p", {}, words.how)]), ...exercises.map((set) => exercise(set, over))] : []),
    );
  } catch (error) {
    place.replaceChildren(make("p", { class: "fault", role: "alert" }, said(error)), make("p", {}, make("a", { href: `/class/${lang}` }, words.toClass)));
  }
}
