// The pages of lessons come alive: answers to questions are judged, what was done is remembered in this browser, widgets are drawn.

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
  for (const question of questions) {
    question.addEventListener("change", () => {
      const right = isRight(question);
      const verdict = question.querySelector(".verdict");
      verdict.textContent = right ? `✓ ${words.right}` : words.wrong;
      verdict.dataset.right = String(right);
      if (right) question.querySelector("details").open = true;
      if (questions.every(isRight)) note(article.dataset.lesson);
    });
  }
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
for (const item of document.querySelectorAll("li[data-lesson]")) {
  if (!done().has(item.dataset.lesson)) continue;
  const mark = document.createElement("span");
  mark.className = "done";
  mark.textContent = `✓ ${words.done}`;
  item.querySelector(".minutes").after(" ", mark);
}
for (const place of document.querySelectorAll(".widget")) start(place);
