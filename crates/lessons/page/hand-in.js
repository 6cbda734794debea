// To hand in what a program wrote: the cases are downloaded, the program runs on the pupil's own machine, its output comes back.

import { make } from "./make.js";
import { call, fetched, save } from "./room.js";
import { words } from "./words.js";

/** The place for one exercise, in a lesson or in an exam. */
export function handIn(exercise, { exam = false, said = (error) => error.message, before = "" } = {}) {
  const id = `hand-in-${exercise}`;
  const out = make("div", { class: "out", "aria-live": "polite" }, before);
  const attempt = (work) => async () => {
    try {
      out.replaceChildren(...(await work()));
    } catch (error) {
      out.replaceChildren(make("p", { class: "fault", role: "alert" }, said(error)));
    }
  };
  const take = make("button", { type: "button", class: "quiet" }, words.cases);
  take.addEventListener(
    "click",
    attempt(async () => {
      save(await fetched(`/v1/class/cases/${exercise}?exam=${exam}`), `${exercise}.txt`);
      return [make("p", {}, words.run), make("pre", { tabindex: "0" }, make("code", {}, `python3 ${exercise}.py < ${exercise}.txt > ${exercise}.out`))];
    }),
  );
  const file = make("input", { type: "file", id });
  file.addEventListener(
    "change",
    attempt(async () => {
      if (!file.files[0]) return [];
      const { answer } = await call("/v1/class/exercise", { exercise, exam, output: await file.files[0].text(), language: document.documentElement.lang });
      file.value = "";
      const verdict = make("p", { class: "verdict", "data-right": String(answer.right === answer.cases) }, words.graded(answer.right, answer.cases));
      return [verdict, ...(answer.said ? [make("pre", { tabindex: "0" }, answer.said)] : [])];
    }),
  );
  return make("div", { class: "hand-in" }, make("p", {}, take), make("p", { class: "field" }, make("label", { for: id }, words.output), file), out);
}
