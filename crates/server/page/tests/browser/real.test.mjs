// The page on a real server with a real model. SCREENSHOTS=1 keeps pictures for a person to look at.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { launch, PHONE, picture, say, visit } from "./browser.mjs";
import { HEFU, newHome, QWEN, real, serve } from "./program.mjs";

const { model, skip } = real(QWEN);

let browser, home, keys, key;
before(async () => {
  if (skip) return;
  browser = await launch();
  home = newHome();
  keys = ["--keys", `${home.path}/keys.json`];
  key = execFileSync(HEFU, ["key", "add", "page", ...keys]).toString().trim().split(/\s+/).at(-1);
});
after(async () => {
  await browser?.close();
  home?.remove();
});

function scene(name, { flags = [], ...options }, body) {
  test(name, { skip, timeout: 240_000 }, async () => {
    const server = await serve(["serve", "--port", "0", ...keys, "--model", model, ...flags], { home });
    const { page, context, problems } = await visit(browser, server.url, options);
    page.setDefaultTimeout(100_000);
    try {
      await body({ page, server, context });
      assert.deepEqual(problems, []);
    } catch (error) {
      await picture(page, `failed-${name.replace(/\W+/g, "-")}`);
      throw error;
    } finally {
      await context.close();
      await server.stop();
    }
  });
}

const answer = (page, at = -1) => page.locator(".answer .markdown").nth(at);
const complete = (page) => page.locator(".composer .send:not(.stop)").waitFor();

async function settle(page, system, settings) {
  await page.locator(".head .icon-button").last().click();
  const dialog = page.getByRole("dialog");
  await dialog.locator("textarea").fill(system);
  for (const [label, value] of settings) await dialog.getByLabel(label).fill(value);
  await page.keyboard.press("Escape");
}

for (const [device, options] of [["desktop", {}], ["phone", PHONE]]) {
  for (const [locale, colorScheme] of [["en-GB", "light"], ["zh-CN", "dark"]]) {
    const chinese = locale === "zh-CN";
    const name = `real-${device}-${locale.slice(0, 2)}`;
    scene(`a conversation: ${device}, ${locale}, ${colorScheme}`, { ...options, locale, colorScheme }, async ({ page }) => {
      const word = (zh, en) => (chinese ? zh : en);
      await page.locator(".model select:not([disabled])").waitFor();
      await picture(page, `${name}-1-welcome`);
      await settle(page, word("你用中文简短回答。", "You answer briefly."), [
        [word("温度", "Temperature"), "0.7"], [word("种子", "Seed"), "7"], [word("最大词元数", "Max tokens"), "160"]]);
      await say(page, word("用 Python 写一个合并两个有序列表的函数", "Write a Python function that merges two sorted lists"), { wait: false });
      await answer(page).getByText(/\S/).first().waitFor();
      await picture(page, `${name}-2-streaming`);
      await complete(page);
      const first = await answer(page).innerText();
      assert.ok(first.length > 20, first);
      await picture(page, `${name}-3-answer`);
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0);
      // The same seed once more: the same answer, as a second version beside it.
      await page.getByRole("button", { name: word("重新回答", "Ask again") }).last().click();
      await page.getByText("2/2").waitFor();
      await complete(page);
      assert.equal(await answer(page).innerText(), first);
      await page.locator(".tally").last().click();
      await page.locator(".details").waitFor();
      await picture(page, `${name}-4-details`);
      await page.reload();
      await page.getByText("2/2").waitFor();
      assert.equal(await answer(page).innerText(), first);
    });
  }
}

scene("stops, edits, keeps several conversations and exports them", {}, async ({ page }) => {
  await page.locator(".model select:not([disabled])").waitFor();
  await settle(page, "", [["Temperature", "0"]]);
  await say(page, "Count from 1 to 500 in digits", { wait: false });
  await answer(page).getByText(/\d/).first().waitFor();
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await page.locator(".remark", { hasText: "Stopped." }).waitFor();
  await page.getByRole("button", { name: "Edit" }).first().click();
  await page.getByRole("textbox", { name: "Edit" }).fill("What is 2 + 2? Answer with one digit.");
  await page.getByRole("textbox", { name: "Edit" }).press("Enter");
  await page.getByText("2/2").waitFor();
  await complete(page);
  assert.match(await answer(page).innerText(), /4/);
  await page.getByRole("button", { name: "Check" }).last().click();
  await page.getByText(/They match/).waitFor();
  await page.locator(".tally").last().click();
  const [receipt] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Save receipt" }).click()]);
  assert.match(readFileSync(await receipt.path(), "utf8"), /fingerprint/);
  await page.getByRole("button", { name: "New conversation" }).first().click();
  await settle(page, "", [["Max tokens", "8"]]);
  await say(page, "Say hello.");
  await page.reload();
  const list = page.getByRole("navigation", { name: "Conversations" });
  assert.equal(await list.locator(".item a").count(), 2);
  await picture(page, "real-list");
  await list.locator(".item").first().hover();
  await page.getByRole("button", { name: /^More for/ }).first().click();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("menuitem", { name: "Export as JSON", exact: true }).click()]);
  assert.equal(JSON.parse(readFileSync(await download.path(), "utf8")).conversations.length, 1);
});

scene("asks for the key, and says in words that the server is gone", { flags: ["--require-key"] }, async ({ page, server }) => {
  const dialog = page.getByRole("dialog", { name: "This server asks for an API key" });
  await dialog.waitFor();
  await picture(page, "real-key");
  await dialog.getByLabel("API key").fill("wrong");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText("The server refused the key.").waitFor();
  await dialog.getByLabel("API key").fill(key);
  await page.keyboard.press("Enter");
  await dialog.waitFor({ state: "detached" });
  await settle(page, "", [["Max tokens", "8"]]);
  await say(page, "Say hello.");
  assert.ok(await answer(page).innerText());
  await server.stop();
  await say(page, "Is anyone there?");
  await page.getByRole("alert").getByText("The server cannot be reached.").waitFor();
  await picture(page, "real-gone");
});
