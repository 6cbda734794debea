// A class on a real server with a real model: pupils come in, learn, sit an exam; the teacher sees it. Then axe-core over its pages.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { launch, picture, visit } from "./browser.mjs";

const HEFU = process.env.HEFU ?? fileURLToPath(new URL("../../../../../target/release/hefu", import.meta.url));
const MODEL = `${process.env.HEFU_MODELS}/${process.env.CLASS_MODEL ?? "gemma-3-270m-q4_k_m.gguf"}`;
const skip = !existsSync(HEFU) ? `there is no program at ${HEFU}` : !existsSync(MODEL) && "HEFU_MODELS names no folder with the model";
const SOLUTIONS = fileURLToPath(new URL("../../../../lessons/tests/solutions/", import.meta.url));
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
const LOOKS = [
  { name: "en-light", locale: "en-GB", colorScheme: "light" },
  { name: "zh-dark", locale: "zh-CN", colorScheme: "dark" },
];
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let browser, server, home, url, code, teacher;

async function begin() {
  const arguments_ = ["learn", "class", "--host", "127.0.0.1", "--port", "0", "--drain-seconds", "1", "--per-address", "64", "--model", MODEL];
  server = spawn(HEFU, arguments_, { stdio: ["ignore", "pipe", "ignore"], env: { ...process.env, HEFU_HOME: home, LC_ALL: "C" } });
  let text = "";
  await new Promise((resolve, reject) => {
    server.stdout.on("data", (data) => (text += data).split("\n").length > 3 && resolve());
    server.once("exit", (status) => reject(new Error(`the server ended with status ${status}`)));
  });
  url = `${text.match(/http:\/\/[^/]+/)[0]}/`;
  code = text.match(/the code (\S+)/)[1];
  teacher = text.match(/http:\S+#key=\S+/)[0];
}

before(async () => {
  if (skip) return;
  browser = await launch();
  home = mkdtempSync(`${tmpdir()}/hefu-class-`);
  await begin();
});
after(async () => {
  await browser?.close();
  if (server) await new Promise((resolve) => (server.once("exit", resolve), server.kill("SIGTERM")));
  if (home) rmSync(home, { recursive: true });
});

async function faults(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return violations.filter(({ impact }) => impact === "serious" || impact === "critical").map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(" | ")}`);
}

const wide = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

/** That a page is well: no serious fault, nothing wider than the screen; a picture to look at. */
async function well(page, name) {
  await picture(page, name);
  assert.deepEqual(await faults(page), [], name);
  assert.ok((await wide(page)) <= 0, `${name} is too wide`);
}

async function opened(path, options, body) {
  const { page, context, problems } = await visit(browser, url, options);
  page.setDefaultTimeout(60_000);
  try {
    await page.goto(new URL(path, url).href);
    await body(page);
    assert.deepEqual(problems.filter((problem) => !problem.startsWith("a request to")), []);
  } finally {
    await context.close();
  }
}

async function join(page, name) {
  await page.locator("#code").fill(code.toLowerCase());
  await page.locator("#name").fill(name);
  await page.locator("#join button").click();
  await page.locator("#own .table").waitFor();
}

test("a pupil comes in, learns, hands in, and takes the file along", { skip, timeout: 300_000 }, async () => {
  for (const [at, { name: look, ...options }] of LOOKS.entries()) {
    await opened("class", { ...options, ...(at ? PHONE : {}) }, async (page) => {
      const pupil = at ? "王小梅" : "Mei";
      await well(page, `class-join-${look}`);
      await page.locator("#code").fill("222-222");
      await page.locator("#name").fill(pupil);
      await page.locator("#join button").click();
      await page.locator("#join .fault:not(:empty)").waitFor();
      await join(page, pupil);
      const code_ = at ? "zh-CN" : "en";
      await page.goto(new URL(`learn/${code_}/05-products`, url).href);
      for (const question of await page.locator(".questions fieldset").all()) await question.locator(`input[value="${await question.getAttribute("data-right")}"]`).check();
      const [cases] = await Promise.all([page.waitForEvent("download"), page.locator(".hand-in button").click()]);
      const [input, output] = [`${home}/cases-${at}.txt`, `${home}/output-${at}.txt`];
      await cases.saveAs(input);
      writeFileSync(output, execFileSync("python3", [`${SOLUTIONS}chain.py`], { input: readFileSync(input) }));
      await page.locator(".hand-in input[type=file]").setInputFiles(output);
      await page.locator('.hand-in .verdict[data-right="true"]').waitFor();
      writeFileSync(output, "0\n");
      await page.locator(".hand-in input[type=file]").setInputFiles(output);
      await page.locator('.hand-in .verdict[data-right="false"]').waitFor();
      await well(page, `class-lesson-${look}`);
      await page.goto(new URL(`class/${code_}`, url).href);
      const row = page.locator("#own tr", { has: page.locator('a[href$="05-products"]') });
      await row.waitFor();
      assert.match(await row.innerText(), /✓ 3 \/ 3[\s\S]*✓ 6 \/ 6/);
      const [file] = await Promise.all([page.waitForEvent("download"), page.locator("#own button").first().click()]);
      await file.saveAs(`${home}/mine-${at}.json`);
      await page.locator("#bring").setInputFiles(`${home}/mine-${at}.json`);
      await well(page, `class-own-${look}`);
      const said = execFileSync(HEFU, ["learn", "progress", `${home}/mine-${at}.json`], { encoding: "utf8" });
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
    await page.goto(new URL("class/en/exam", url).href);
    await page.locator("#sheet fieldset").first().waitFor();
    assert.equal(await page.locator("#sheet fieldset").count(), 3);
    await page.locator("#sheet fieldset").first().locator("input").first().check();
    await page.locator("#sheet .verdict", { hasText: "Kept" }).waitFor();
    await well(page, "class-exam-en-light");
    const asked = await page.locator("#sheet legend").allInnerTexts();
    const port = new URL(url).port;
    server.removeAllListeners("exit");
    await new Promise((resolve) => (server.once("exit", resolve), server.kill("SIGKILL")));
    const args = ["learn", "class", "--host", "127.0.0.1", "--port", port, "--drain-seconds", "1", "--per-address", "64", "--model", MODEL];
    server = spawn(HEFU, args, { stdio: ["ignore", "pipe", "ignore"], env: { ...process.env, HEFU_HOME: home, LC_ALL: "C" } });
    await new Promise((resolve) => server.stdout.once("data", resolve));
    await page.reload();
    await page.locator("#sheet fieldset").first().waitFor();
    assert.deepEqual(await page.locator("#sheet legend").allInnerTexts(), asked);
    assert.ok(await page.locator("#sheet fieldset").first().locator("input").first().isChecked());
  });
  for (const { name: look, ...options } of LOOKS) {
    await opened("class", { ...options, ...PHONE }, async (page) => {
      await join(page, `Phone ${look}`);
      await page.goto(new URL("class/exam", url).href);
      await page.locator("#sheet fieldset").first().waitFor();
      await well(page, `class-exam-phone-${look}`);
    });
    for (const [size, more] of [["desktop", {}], ["phone", PHONE]]) {
      await opened("", { ...options, ...more }, async (page) => {
        await page.goto(teacher.replace(/http:\/\/[^/]+/, new URL(url).origin));
        await page.locator("#part-pupils tbody tr").first().waitFor();
        await well(page, `class-teacher-${size}-${look}`);
        await page.screenshot({ path: `${home}/full.png`, fullPage: true });
        await picture(page, `class-teacher-${size}-${look}-whole`);
      });
    }
  }
  await opened("", {}, async (page) => {
    await page.goto(teacher.replace(/http:\/\/[^/]+/, new URL(url).origin));
    await page.locator("#part-exam button").waitFor();
    page.on("dialog", (dialog) => dialog.accept());
    await page.locator("#part-exam button").click();
    await page.locator(".plan").waitFor();
    const [csv] = await Promise.all([page.waitForEvent("download"), page.locator(".reports button").first().click()]);
    await csv.saveAs(`${home}/exam.csv`);
    const lines = readFileSync(`${home}/exam.csv`, "utf8").trim().split("\r\n");
    assert.equal(lines.length, 6);
    assert.ok(lines.some((line) => line.includes("王小梅")));
  });
});
