// To come into a class, and what one has done there.

import { make } from "/learn/make.js";
import { call, enter, fetched, leave, member, save } from "/learn/room.js";
import { said, words } from "./words.js";

const lang = document.documentElement.lang;
const own = document.getElementById("own");
const join = document.getElementById("join");

function score(handed) {
  return handed ? `${handed.right} / ${handed.cases}` : "–";
}

function lessons(list) {
  const row = ({ name, title, right, questions, exercise }) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, make("a", { href: `/learn/${lang}/${name}` }, title)),
      make("td", { class: "number" }, questions ? `${questions === right ? "✓ " : ""}${right} / ${questions}` : "–"),
      make("td", { class: "number" }, exercise ? `${exercise.handed?.right === exercise.handed?.cases && exercise.handed ? "✓ " : ""}${score(exercise.handed)}` : "–"),
    );
  const heads = [words.lesson, words.questions, words.exercise].map((head) => make("th", { scope: "col", class: "number" }, head));
  return make("div", { class: "table", tabindex: "0", role: "region", "aria-label": words.lessons }, make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...list.map(row))));
}

function exam(exam) {
  if (!exam) return [];
  const label = exam.on ? words.examNow : words.examOver;
  return [make("p", { class: "call" }, make("a", { href: `/class/${lang}/exam` }, label))];
}

async function show() {
  const { answer } = await call(`/v1/class/me?language=${lang}`);
  const fault = make("p", { class: "fault", role: "alert" });
  const attempt = (work) => async () => {
    fault.textContent = "";
    try {
      await work();
    } catch (error) {
      fault.textContent = said(error);
    }
  };
  const file = make("input", { type: "file", id: "bring", accept: ".json,application/json" });
  file.addEventListener(
    "change",
    attempt(async () => {
      if (!file.files[0]) return;
      await call("/v1/class/progress", { file: await file.files[0].text() });
      await show();
    }),
  );
  const take = make("button", { type: "button" }, words.download);
  take.addEventListener("click", attempt(async () => save(await fetched("/v1/class/progress"), `hefu-${answer.pupil}.json`)));
  const out = make("button", { type: "button", class: "quiet" }, words.leave);
  out.addEventListener("click", () => {
    if (!confirm(words.leaving)) return;
    leave();
    location.reload();
  });
  own.replaceChildren(
    make("p", { class: "lead" }, words.youAre(answer.name)),
    ...exam(answer.exam),
    make("h2", {}, words.done),
    lessons(answer.lessons),
    make("h2", {}, words.file),
    make("p", {}, words.about),
    make("p", {}, take),
    make("p", { class: "field" }, make("label", { for: "bring" }, words.bring), file),
    fault,
    make("p", {}, out),
  );
  own.hidden = false;
  join.hidden = true;
}

export async function showPupil() {
  const form = join.querySelector("form");
  const fault = form.querySelector(".fault");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    fault.textContent = "";
    try {
      const { answer } = await call("/v1/class/join", { code: form.querySelector("#code").value, name: form.querySelector("#name").value });
      enter(answer);
      await show();
    } catch (error) {
      fault.textContent = said(error);
    }
  });
  if (!member()) {
    join.hidden = false;
    return;
  }
  try {
    await show();
  } catch (error) {
    // The key is of another class, or not valid any more: then one comes in anew.
    if (error.status === 401 || error.code === "class_pupil") leave();
    join.hidden = false;
    fault.textContent = said(error);
  }
}
