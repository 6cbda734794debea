// The teacher's page: who is where, exams, reports.

import { make } from "/learn/make.js";
import { call, fetched, save } from "/learn/room.js";
import { said, words } from "./words.js";

const lang = document.documentElement.lang;
/** How often the page looks, in milliseconds. */
const EVERY = 4000;
const KEY = "hefu.teacher";

let key = null;
const asTeacher = (path, body) => call(path, body, key);

/** The key from the address that the program printed, or from before; it is taken out of the address at once. */
function givenKey() {
  const inAddress = new URLSearchParams(location.hash.slice(1)).get("key");
  if (inAddress) {
    history.replaceState(null, "", location.pathname);
    try {
      sessionStorage.setItem(KEY, inAddress);
    } catch {
      // Storage may be forbidden; the key lives as long as the page.
    }
    return inAddress;
  }
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

const notice = make("p", { class: "notice", role: "status" });

/** A button that does something, and says what went wrong. */
function button(label, work, attributes = {}) {
  const made = make("button", { type: "button", ...attributes }, label);
  made.addEventListener("click", async () => {
    notice.textContent = "";
    try {
      await work();
    } catch (error) {
      notice.textContent = said(error);
    }
  });
  return made;
}

function ago(seconds) {
  return seconds < 90 ? words.now : words.minutesAgo(Math.round(seconds / 60));
}

function pupils(answer) {
  const inExam = (exam) => (exam ? words.examState(exam.answered, exam.questions, exam.exercises) : "–");
  const row = (pupil) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, pupil.name),
      make("td", {}, pupil.at ?? "–"),
      make("td", {}, ago(answer.now - pupil.seen)),
      make("td", { class: "number" }, `${pupil.lessons} / ${answer.lessons}`),
      make("td", { class: "number" }, `${pupil.questions} / ${answer.questions}`),
      make("td", { class: "number" }, `${pupil.exercises} / ${answer.exercises}`),
      ...(answer.exam ? [make("td", {}, inExam(pupil.exam))] : []),
      make(
        "td",
        { class: "acts" },
        button(
          words.letBack,
          async () => {
            const { answer: back } = await asTeacher("/v1/class/return", { pupil: pupil.pupil });
            notice.textContent = words.returnCode(pupil.name, back.code);
          },
          { class: "quiet", "aria-label": `${words.letBack}: ${pupil.name}` },
        ),
        button(
          words.remove,
          async () => {
            if (!confirm(words.removing(pupil.name))) return;
            await asTeacher("/v1/class/remove", { pupil: pupil.pupil });
            await look();
          },
          { class: "quiet", "aria-label": `${words.remove}: ${pupil.name}` },
        ),
      ),
    );
  const heads = [words.name, words.at, words.seen, words.lessons, words.questions, words.exercises, ...(answer.exam ? [words.exam] : []), words.acts];
  return make(
    "div",
    { class: "table", tabindex: "0", role: "region", "aria-label": words.pupils },
    make("table", { class: "pupils" }, make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head)))), make("tbody", {}, ...answer.pupils.map(row))),
  );
}

function number(id, label, value, max) {
  const input = make("input", { type: "number", id, min: "0", max: String(max), value: String(value) });
  return { input, place: make("p", { class: "field" }, make("label", { for: id }, label), input) };
}

/** What an exam is to be; made once, so that what is typed stays while the page looks again. */
function plan(answer) {
  const questions = number("exam-questions", words.questionsEach, 5, 50);
  const exercises = number("exam-exercises", words.exercisesEach, 1, 10);
  const minutes = number("exam-minutes", words.minutes, 45, 600);
  const seed = make("input", { type: "text", id: "exam-seed", inputmode: "numeric", autocomplete: "off", maxlength: "16" });
  const level = ({ name, said: text, questions: count, exercises: written }) => {
    const input = make("input", { type: "checkbox", value: name, checked: true });
    return { input, place: make("label", {}, input, " ", make("span", {}, words.level(text, count, written))) };
  };
  const levels = answer.levels.map(level);
  const begin = button(words.begin, async () => {
    const chosen = levels.filter(({ input }) => input.checked).map(({ input }) => input.value);
    const body = { questions: Number(questions.input.value), exercises: Number(exercises.input.value), minutes: Number(minutes.input.value), levels: chosen };
    if (seed.value.trim()) body.seed = Number(seed.value);
    await asTeacher("/v1/class/exam/begin", body);
    await look();
  });
  return make(
    "div",
    { class: "plan" },
    make("fieldset", { class: "levels" }, make("legend", {}, words.fromLevels), ...levels.map(({ place }) => place)),
    make("div", { class: "numbers" }, questions.place, exercises.place, minutes.place, make("p", { class: "field" }, make("label", { for: "exam-seed" }, words.seed), seed)),
    begin,
  );
}

function running(exam, now) {
  const { number: which, ends, seed } = exam.about;
  const left = Math.max(0, Math.round((ends - now) / 60));
  const end = button(words.end, async () => {
    if (!confirm(words.ending)) return;
    await asTeacher("/v1/class/exam/end", {});
    await look();
  });
  return [make("p", {}, words.isOn(which, left, String(seed))), end];
}

function reports(count) {
  const take = (exam, form, end) => button(`${form} `, async () => save(await fetched(`/v1/class/report?exam=${exam}&format=${form.toLowerCase()}`, key), `exam-${exam}.${end}`), { class: "quiet", "aria-label": `${words.report(exam)}: ${form}` });
  const row = (_, at) => make("li", {}, `${words.report(at + 1)}: `, take(at + 1, "CSV", "csv"), " ", take(at + 1, "Markdown", "md"), " ", take(at + 1, "JSON", "json"));
  return make("ul", { class: "reports" }, ...Array.from({ length: count }, row));
}

const parts = Object.fromEntries(["code", "pupils", "exam", "reports"].map((name) => [name, make("div", { id: `part-${name}` })]));
let planned = null;

async function look() {
  const { answer } = await asTeacher(`/v1/class/overview?language=${lang}`);
  const room = document.getElementById("room");
  const hasFocus = parts.pupils.contains(document.activeElement);
  parts.code.replaceChildren(make("p", { class: "code" }, answer.code), make("p", { class: "note" }, words.come(`${location.origin}/class`)));
  // Whoever is about to press a button there does not have it taken away.
  if (!hasFocus) parts.pupils.replaceChildren(answer.pupils.length ? pupils(answer) : make("p", {}, words.nobody));
  planned ??= plan(answer);
  parts.exam.replaceChildren(...(answer.exam?.on ? running(answer.exam, answer.now) : [planned]));
  parts.reports.replaceChildren(answer.exams ? reports(answer.exams) : make("p", {}, words.noReports));
  if (!room.childElementCount) {
    const heading = (text) => make("h2", {}, text);
    room.append(parts.code, heading(words.pupils), notice, parts.pupils, heading(words.exam), parts.exam, heading(words.reports), parts.reports);
  }
  room.hidden = false;
}

export function showTeacher() {
  const section = document.getElementById("key");
  const form = section.querySelector("form");
  const fault = form.querySelector(".fault");
  const open = async (given) => {
    key = given;
    try {
      await look();
      section.hidden = true;
      document.body.classList.add("wide");
      setInterval(() => look().catch((error) => (notice.textContent = said(error))), EVERY);
    } catch (error) {
      section.hidden = false;
      fault.textContent = said(error);
    }
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    open(form.querySelector("input").value.trim());
  });
  const given = givenKey();
  if (given) open(given);
  else section.hidden = false;
}
