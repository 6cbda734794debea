// A class on a real server with a real model: pupils come in, learn, sit an exam; the teacher sees it. Then axe-core over its pages.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import * as browsing from "./browser.mjs";
import { faults, launch, LOOKS, PHONE, picture, wide } from "./browser.mjs";
import { GEMMA, HEFU, newHome, real, serve } from "./program.mjs";

const { model, skip } = real(process.env.CLASS_MODEL ?? GEMMA);
const SOLUTIONS = fileURLToPath(new URL("../../../../lessons/tests/solutions/", import.meta.url));

let browser, server, home, code, teacher;

/** Begins the class, or goes on with it at the same port. */
async function begin(port = "0") {
  server = await serve(["learn", "class", "--host", "127.0.0.1", "--port", port, "--per-address", "64", "--model", model], { home, lines: 3 });
  code = server.said.match(/the code (\S+)/)[1];
  teacher = server.said.match(/http:\S+#key=\S+/)[0];
}

before(async () => {
  if (skip) return;
  browser = await launch();
  home = newHome();
  await begin();
});
after(async () => {
  await browser?.close();
  await server?.stop();
  home?.remove();
});

const opened = (path, options, body) => browsing.opened(browser, server, path, options, body);

/** That a page is well: no serious fault, nothing wider than the screen; a picture to look at. */
async function well(page, name) {
  await picture(page, name);
  assert.deepEqual(await faults(page), [], name);
  assert.ok((await wide(page)) <= 0, `${name} is too wide`);
}

async function join(page, name) {
  await page.locator("#code").fill(code.toLowerCase());
  await page.locator("#name").fill(name);
  await page.locator("#join button").click();
  await page.locator("#own .table").waitFor();
}

test("a pupil comes in, learns, hands in, and takes the file along", { skip, timeout: 300_000 }, async () => {
  for (const [at, { name: look, ...options }] of LOOKS.slice(0, 2).entries()) {
    await opened("class", { ...options, ...(at ? PHONE : {}) }, async (page) => {
      const pupil = at ? "王小梅" : "Mei";
      await well(page, `class-join-${look}`);
      await page.locator("#code").fill("222-222");
      await page.locator("#name").fill(pupil);
      await page.locator("#join button").click();
      await page.locator("#join .fault:not(:empty)").waitFor();
      await join(page, pupil);
      const code_ = at ? "zh-CN" : "en";
      await page.goto(new URL(`learn/${code_}/05-products`, server.url).href);
      for (const question of await page.locator(".questions fieldset").all()) await question.locator(`input[value="${await question.getAttribute("data-right")}"]`).check();
      const [cases] = await Promise.all([page.waitForEvent("download"), page.locator(".hand-in button").click()]);
      const [input, output] = [`${home.path}/cases-${at}.txt`, `${home.path}/output-${at}.txt`];
      await cases.saveAs(input);
      writeFileSync(output, execFileSync("python3", [`${SOLUTIONS}chain.py`], { input: readFileSync(input) }));
      await page.locator(".hand-in input[type=file]").setInputFiles(output);
      await page.locator('.hand-in .verdict[data-right="true"]').waitFor();
      writeFileSync(output, "0\n");
      await page.locator(".hand-in input[type=file]").setInputFiles(output);
      await page.locator('.hand-in .verdict[data-right="false"]').waitFor();
      await well(page, `class-lesson-${look}`);
      await page.goto(new URL(`class/${code_}`, server.url).href);
      const row = page.locator("#own tr", { has: page.locator('a[href$="05-products"]') });
      await row.waitFor();
      assert.match(await row.innerText(), /✓ 3 \/ 3[\s\S]*✓ 6 \/ 6/);
      const [file] = await Promise.all([page.waitForEvent("download"), page.locator("#own button").first().click()]);
      await file.saveAs(`${home.path}/mine-${at}.json`);
      await page.locator("#bring").setInputFiles(`${home.path}/mine-${at}.json`);
      await well(page, `class-own-${look}`);
      const said = execFileSync(HEFU, ["learn", "progress", `${home.path}/mine-${at}.json`], { encoding: "utf8" });
      assert.ok(said.includes(pupil) && said.includes("6 of 6 cases right"), said);
    });
  }
});

test("an exam is begun, sat, killed in the middle, gone on with and reported", { skip, timeout: 300_000 }, async () => {
  await opened("", {}, async (page) => {
    await page.goto(teacher);
    await page.locator("#room .code").waitFor();
    assert.ok(!page.url().includes("key="), "the key stays in the address");
    await page.locator("#exam-questions").fill("3");
    await page.locator(".plan button").click();
    await page.locator("#part-exam", { hasText: "under way" }).waitFor();
  });
  await opened("class", { locale: "en-GB" }, async (page) => {
    await join(page, "Lan");
    await page.goto(new URL("class/en/exam", server.url).href);
    await page.locator("#sheet fieldset").first().waitFor();
    assert.equal(await page.locator("#sheet fieldset").count(), 3);
    await page.locator("#sheet fieldset").first().locator("input").first().check();
    await page.locator("#sheet .verdict", { hasText: "Kept" }).waitFor();
    await well(page, "class-exam-en-light");
    const asked = await page.locator("#sheet legend").allInnerTexts();
    await server.stop("SIGKILL");
    await begin(new URL(server.url).port);
    await page.reload();
    await page.locator("#sheet fieldset").first().waitFor();
    assert.deepEqual(await page.locator("#sheet legend").allInnerTexts(), asked);
    assert.ok(await page.locator("#sheet fieldset").first().locator("input").first().isChecked());
  });
  for (const { name: look, ...options } of LOOKS) {
    await opened("class", { ...options, ...PHONE }, async (page) => {
      await join(page, `Phone ${look}`);
      await page.goto(new URL("class/exam", server.url).href);
      await page.locator("#sheet fieldset").first().waitFor();
      await well(page, `class-exam-phone-${look}`);
    });
    for (const [size, more] of [["desktop", {}], ["phone", PHONE]]) {
      await opened("", { ...options, ...more }, async (page) => {
        await page.goto(teacher);
        await page.locator("#part-pupils tbody tr").first().waitFor();
        await well(page, `class-teacher-${size}-${look}`);
        await page.screenshot({ path: `${home.path}/full.png`, fullPage: true });
        await picture(page, `class-teacher-${size}-${look}-whole`);
      });
    }
  }
  await opened("", {}, async (page) => {
    await page.goto(teacher);
    await page.locator("#part-exam button").waitFor();
    page.on("dialog", (dialog) => dialog.accept());
    await page.locator("#part-exam button").click();
    await page.locator(".plan").waitFor();
    const [csv] = await Promise.all([page.waitForEvent("download"), page.locator(".reports button").first().click()]);
    await csv.saveAs(`${home.path}/exam.csv`);
    const lines = readFileSync(`${home.path}/exam.csv`, "utf8").trim().split("\r\n");
    // The heads of the columns, three pupils, and one for each look.
    assert.equal(lines.length, 4 + LOOKS.length);
    assert.ok(lines.some((line) => line.includes("王小梅")));
  });
});
