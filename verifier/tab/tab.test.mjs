// The page that verifies receipts in a tab, in Chromium and from the disk: one receipt that fits, one whose answer was changed
// and signed again, one that was damaged. Run by `cargo xtask tab --test`, which names files in the environment.
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const { PAGE, MODEL, RECEIPT, OTHER, FOLDER, PLAYWRIGHT, CHROMIUM = "/usr/bin/chromium", SCREENSHOT } = process.env;
const { chromium } = createRequire(PLAYWRIGHT)("playwright-core");

test("receipts are examined token by token, without a request", async () => {
  const damaged = `${FOLDER}/damaged.json`;
  await writeFile(damaged, (await readFile(RECEIPT, "utf8")).replace(/("output":\[)(\d+)/, (_, head, id) => `${head}${Number(id) + 1}`));
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--disable-gpu"], chromiumSandbox: false });
  try {
    const page = await (await browser.newContext({ locale: "en-GB" })).newPage();
    const problems = [];
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
    page.on("request", (request) => /^(file|blob|data):/.test(request.url()) || problems.push(`a request to ${request.url()}`));
    await page.goto(pathToFileURL(PAGE).href);
    await page.locator("#model").setInputFiles(MODEL);
    await page.locator("#receipts").setInputFiles([RECEIPT, OTHER, damaged]);
    await page.locator("#go").click();
    await page.locator("#state", { hasText: "done" }).waitFor({ timeout: 300_000 });
    const cards = page.locator("article");
    assert.equal(await cards.count(), 3);
    assert.equal(await cards.nth(0).locator(".seal").textContent(), "合");
    const said = await cards.nth(0).locator(".verdict").textContent();
    const tokens = JSON.parse(await readFile(RECEIPT, "utf8")).answer.output.length;
    assert.equal(said, `fits: all ${tokens} tokens are those that follow`);
    assert.equal(await cards.nth(0).locator(".fits").count(), tokens);
    assert.equal(await cards.nth(1).locator(".seal").textContent(), "不合");
    assert.match(await cards.nth(1).locator(".verdict").textContent(), /refused|differs/);
    assert.equal(await cards.nth(2).locator(".seal").textContent(), "不合");
    assert.match(await cards.nth(2).locator(".verdict").textContent(), /^refused: /);
    if (SCREENSHOT) await page.screenshot({ path: SCREENSHOT, fullPage: true });
    assert.deepEqual(problems, []);
  } finally {
    await browser.close();
  }
});
