// The lessons on a real server with a real model, as in real.test.mjs: every page in both languages, and each widget against the engine.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { launch, picture } from "./browser.mjs";

const HEFU = process.env.HEFU ?? fileURLToPath(new URL("../../../../../target/release/hefu", import.meta.url));
const MODEL = `${process.env.HEFU_MODELS}/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf`;
const skip = !existsSync(HEFU) ? `there is no program at ${HEFU}` : !existsSync(MODEL) && "HEFU_MODELS names no folder with the model";
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
const DESKTOP = { viewport: { width: 1280, height: 800 } };

let browser, server, home, url;
before(async () => {
  if (skip) return;
  browser = await launch();
  home = mkdtempSync(`${tmpdir()}/hefu-learn-`);
  const arguments_ = ["learn", "--port", "0", "--drain-seconds", "1", "--model", MODEL];
  server = spawn(HEFU, arguments_, { stdio: ["ignore", "pipe", "ignore"], env: { ...process.env, HEFU_HOME: home } });
  const line = await new Promise((resolve, reject) => {
    server.stdout.once("data", (data) => resolve(String(data)));
    server.once("exit", (status) => reject(new Error(`the server ended with status ${status}`)));
  });
  url = line.match(/http:\S+/)[0];
});
after(async () => {
  await browser?.close();
  if (server) await new Promise((resolve) => (server.once("exit", resolve), server.kill("SIGTERM")));
  if (home) rmSync(home, { recursive: true });
});

/** A page that fails the test by any error, any breach of its policy and any request elsewhere. */
async function open(options) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(100_000);
  const problems = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  page.on("request", (request) => request.url().startsWith(new URL(url).origin) || problems.push(`a request to ${request.url()}`));
  return { context, page, problems };
}

const lessons = (page) => page.locator("li[data-lesson] > a").evaluateAll((links) => links.map((link) => link.href));

for (const [device, size] of [["desktop", DESKTOP], ["phone", PHONE]]) {
  for (const [locale, colorScheme] of [["en-GB", "light"], ["zh-CN", "dark"]]) {
    test(`every lesson can be read: ${device}, ${locale}, ${colorScheme}`, { skip, timeout: 240_000 }, async () => {
      const { context, page, problems } = await open({ ...size, locale, colorScheme });
      await page.goto(url);
      assert.equal(await page.locator("html").getAttribute("lang"), locale === "zh-CN" ? "zh-CN" : "en");
      await picture(page, `learn-list-${device}-${locale}`);
      for (const address of await lessons(page)) {
        await page.goto(address);
        for (const place of await page.locator(".widget").all()) assert.ok(await place.locator("label").count(), `${address} has an empty widget`);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.ok(wide <= 0, `${address} is too wide by ${wide}`);
        await picture(page, `learn-${address.split("/").at(-1)}-${device}-${locale}`);
      }
      assert.deepEqual(problems, []);
      await context.close();
    });
  }
}

/** Presses a button of a widget and waits until it can be pressed again. */
async function press(page, button) {
  await button.click();
  await button.and(page.locator(":not(:disabled)")).waitFor();
}

test("every button of every lesson gets an answer from the model", { skip, timeout: 600_000 }, async () => {
  const { context, page, problems } = await open({ ...DESKTOP, locale: "en-GB" });
  await page.goto(url);
  for (const address of await lessons(page)) {
    await page.goto(address);
    for (const button of await page.locator(".widget button").all()) await press(page, button);
    assert.deepEqual(await page.locator(".widget .fault").allInnerTexts(), [], address);
    assert.deepEqual(await page.locator('.widget .verdict[data-right="false"]').allInnerTexts(), [], address);
  }
  assert.deepEqual(problems, []);
  await context.close();
});

test("the token that the page predicts is the one that the engine draws", { skip, timeout: 600_000 }, async () => {
  const { context, page, problems } = await open(DESKTOP);
  await page.goto(`${url}/16-randomness`);
  const widget = page.locator('[data-widget="draw"]');
  for (const temperature of ["0.4", "1.2", "2"]) {
    for (const seed of ["0", "7", "4294967296", "123456789012"]) {
      await widget.locator("input[type=range]").fill(temperature);
      await widget.locator("input[type=number]").fill(seed);
      await press(page, widget.locator("button").last());
      assert.equal(await widget.locator(".verdict").getAttribute("data-right"), "true", `temperature ${temperature}, seed ${seed}`);
    }
  }
  assert.deepEqual(problems, []);
  await context.close();
});

test("right answers are told, and a lesson that was done is marked", { skip, timeout: 240_000 }, async () => {
  const { context, page, problems } = await open({ ...PHONE, locale: "en-GB" });
  await page.goto(`${url}/01-tokens`);
  const questions = page.locator(".questions fieldset");
  await questions.first().locator("input").last().check();
  assert.match(await questions.first().locator(".verdict").innerText(), /Not quite/);
  for (const question of await questions.all()) await question.locator(`input[value="${await question.getAttribute("data-right")}"]`).check();
  assert.match(await questions.last().locator(".verdict").innerText(), /Right/);
  await page.goto(url);
  assert.match(await page.locator('li[data-lesson="01-tokens"]').innerText(), /done/);
  assert.deepEqual(problems, []);
  await context.close();
});
