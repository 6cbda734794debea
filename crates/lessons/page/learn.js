// The pages of lessons come alive: answers to questions are judged, what was done is remembered in this browser, widgets are drawn.

import { handIn } from "./hand-in.js";
import { make } from "./make.js";
import { call, member } from "./room.js";
import { start } from "./widgets.js";
import { words } from "./words.js";

const DONE = "hefu.lessons";

function done() {
  try {
    return new Set(JSON.parse(localStorage.getItem(DONE) ?? "[]"));
  } catch {
    return new Set();
  }
}

function note(lesson) {
  try {
    localStorage.setItem(DONE, JSON.stringify([...done().add(lesson)]));
  } catch {
    // Storage may be forbidden; then nothing is remembered.
  }
}

/** Judges the answers to a lesson's questions; when all are right, the lesson counts as done. */
function judge(article) {
  const questions = [...article.querySelectorAll(".questions fieldset")];
  const isRight = (question) => question.querySelector("input:checked")?.value === question.dataset.right;
  for (const [at, question] of questions.entries()) {
    question.addEventListener("change", () => {
      const right = isRight(question);
      const verdict = question.querySelector(".verdict");
      verdict.textContent = right ? `✓ ${words.right}` : words.wrong;
      verdict.dataset.right = String(right);
      if (right) question.querySelector("details").open = true;
      if (questions.every(isRight)) note(article.dataset.lesson);
      const answer = Number(question.querySelector("input:checked").value);
      if (member()) tell("/v1/class/answer", { lesson: article.dataset.lesson, question: at + 1, answer });
    });
  }
}

const notice = make("p", { class: "notice", role: "status" });

/** Tells the class what was done; what could not be told is said, and lost for nobody but the teacher. */
async function tell(path, body) {
  try {
    await call(path, body);
    notice.textContent = "";
  } catch (error) {
    notice.textContent = words.notTold(error.message);
  }
}

/** In a class, the page leads to it, and exercises are handed in here. */
function inClass(article) {
  document.querySelector("header .home").after(make("a", { href: `/class/${document.documentElement.lang}` }, words.class));
  if (!article) return;
  article.before(notice);
  tell("/v1/class/visit", { lesson: article.dataset.lesson });
  const section = article.querySelector(".exercise");
  if (section) section.append(handIn(section.dataset.exercise));
}

const chosen = (() => {
  try {
    return localStorage.getItem("hefu.colours");
  } catch {
    return null;
  }
})();
if (chosen === "light" || chosen === "dark") document.documentElement.dataset.colours = chosen;

const article = document.querySelector("article[data-lesson]");
if (article) judge(article);
if (member()) inClass(article);
for (const item of document.querySelectorAll("li[data-lesson]")) {
  if (!done().has(item.dataset.lesson)) continue;
  const mark = document.createElement("span");
  mark.className = "done";
  mark.textContent = `✓ ${words.done}`;
  item.querySelector(".minutes").after(" ", mark);
}
for (const place of document.querySelectorAll(".widget")) start(place);
