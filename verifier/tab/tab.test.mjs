// The page that verifies receipts in a tab, in Chromium and from the disk: one receipt that fits, one whose answer was changed
// and signed again, one of another model, one that was damaged. Run by `cargo xtask tab --test`, which names files in the
// environment.
import assert from "node:assert/strict";
import { createHash, createPrivateKey, sign } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const { PAGE, MODEL, RECEIPT, OTHER, FOLDER, KEY, PLAYWRIGHT, CHROMIUM = "/usr/bin/chromium", SCREENSHOT } = process.env;
const { chromium } = createRequire(PLAYWRIGHT)("playwright-core");

/** A receipt with another token at a place of its answer. */
async function changed(index) {
  const tokens = /"output":\[([\d,]+)\]/;
  const text = (await readFile(RECEIPT, "utf8")).replaceAll("\n", "");
  const output = tokens.exec(text)[1].split(",").map(Number);
  output[index] += output[index] > 9 ? -1 : 1;
  return text.replace(tokens, `"output":[${output}]`);
}

/** The instance's key. Its file has the public half too (RFC 5958), which OpenSSL does not read: only the secret half is taken. */
async function key() {
  const data = Buffer.from((await readFile(KEY, "utf8")).replace(/-----[^-]+-----|\s/g, ""), "base64");
  const mark = Buffer.from("04220420", "hex");
  const secret = data.subarray(data.indexOf(mark) + mark.length).subarray(0, 32);
  const head = Buffer.from("302e020100300506032b657004220420", "hex");
  return createPrivateKey({ key: Buffer.concat([head, secret]), format: "der", type: "pkcs8" });
}

/** The same with the digest and the signature that it must have. */
async function signedAgain(text) {
  const body = text.replace(/"digest":"[0-9a-f]{64}",("key":)/, "$1").replace(/"signature":"[0-9a-f]{128}",("version":)/, "$1");
  const digest = createHash("sha256").update(body).digest();
  const signature = sign(null, Buffer.concat([Buffer.from("hefu receipt 1\n"), digest]), await key());
  return text
    .replace(/"digest":"[0-9a-f]{64}",("key":)/, `"digest":"${digest.toString("hex")}",$1`)
    .replace(/"signature":"[0-9a-f]{128}"/, `"signature":"${signature.toString("hex")}"`);
}

test("receipts are examined token by token, without a request", async () => {
  const [lie, damaged] = [`${FOLDER}/lie.json`, `${FOLDER}/damaged.json`];
  await writeFile(lie, await signedAgain(await changed(3)));
  await writeFile(damaged, await changed(0));
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--disable-gpu"], chromiumSandbox: false });
  try {
    const page = await (await browser.newContext({ locale: "en-GB" })).newPage();
    const problems = [];
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
    page.on("request", (request) => /^(file|blob|data):/.test(request.url()) || problems.push(`a request to ${request.url()}`));
    await page.goto(pathToFileURL(PAGE).href);
    await page.locator("#model").setInputFiles(MODEL);
    await page.locator("#receipts").setInputFiles([RECEIPT, lie, OTHER, damaged]);
    await page.locator("#go").click();
    await page.locator("#state", { hasText: "done" }).waitFor({ timeout: 300_000 });
    const cards = page.locator("article");
    assert.equal(await cards.count(), 4);
    assert.equal(await cards.nth(0).locator(".seal").textContent(), "合");
    const said = await cards.nth(0).locator(".verdict").textContent();
    const tokens = JSON.parse(await readFile(RECEIPT, "utf8")).answer.output.length;
    assert.equal(said, `fits: all ${tokens} tokens are those that follow`);
    assert.equal(await cards.nth(0).locator(".fits").count(), tokens);
    for (const [index, verdict] of [/^differs at token 3 /, /^refused: this is not the model/, /^refused: /].entries()) {
      const card = cards.nth(index + 1);
      assert.equal(await card.locator(".seal").textContent(), "不合");
      assert.match(await card.locator(".verdict").textContent(), verdict);
    }
    assert.equal(await cards.nth(1).locator(".fits").count(), 3);
    assert.equal(await cards.nth(1).locator(".differs").count(), 1);
    if (SCREENSHOT) await page.screenshot({ path: SCREENSHOT, fullPage: true });
    // Keys and fingerprints are long words: on a telephone they must break, not widen the page.
    await page.setViewportSize({ width: 390, height: 800 });
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390);
    assert.deepEqual(problems, []);
  } finally {
    await browser.close();
  }
});
