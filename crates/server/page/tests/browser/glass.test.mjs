// The glass box on a real server with a real model, as in real.test.mjs, and axe-core over all pages: chat, lessons, glass box.
import assert from "node:assert/strict";
import { test } from "node:test";
import { faults, LOOKS, PHONE, picture, say, wide } from "./browser.mjs";
import { QWEN, real, withModel } from "./program.mjs";

const { model, skip } = real(process.env.GLASS_MODEL ?? QWEN);

const { own, open } = withModel("serve", { model, skip });

/** Asks a question and waits for the answer's tokens. */
async function look(page, question, tokens = "24") {
  const form = page.locator("form.glass-ask");
  await form.locator("textarea").fill(question);
  await form.locator('input[type="text"]').nth(0).fill("0.8");
  await form.locator('input[type="text"]').nth(1).fill("7");
  await form.locator('input[type="text"]').nth(2).fill(tokens);
  await form.locator("button[type=submit]").click();
  await page.locator(".tokens [role=option]:not(.prompt)").first().waitFor();
}

const VIEWS = ["why", "inside", "number", "whatif", "cost", "proof"];

for (const [device, options] of [["desktop", {}], ["phone", PHONE]]) {
  for (const { name, ...looks } of LOOKS) {
    test(`every view: ${device}, ${name}`, { skip, timeout: 400_000 }, () =>
      open("glass", { ...options, ...looks }, async (page) => {
        await look(page, looks.locale === "zh-CN" ? "什么是质数？" : "What is a prime number?");
        await page.locator(".tokens [role=option]:not(.prompt)").nth(4).click();
        for (const view of VIEWS) {
          const tab = page.locator(`#tab-${view}`);
          if ((await tab.count()) === 0) continue;
          await tab.click();
          if (view === "why") {
            await page.locator("#glass-view .button").first().click();
            await page.locator(".sliders").waitFor();
          }
          if (view === "inside") for (const part of [".heat", "#glass-view table"]) await page.locator(part).waitFor();
          if (view === "number") await page.locator(".equal").waitFor();
          if (view === "whatif") {
            await page.locator(".others button").first().click();
            await page.locator(".limb").nth(1).waitFor();
            await page.locator(".edits button[type=submit]").click();
            await page.locator("#glass-view table").waitFor();
          }
          if (view === "cost") {
            await page.locator("#glass-view .button").click();
            await page.locator("#glass-view .button:not(:disabled)").waitFor();
            await page.locator("#glass-view table.steps").waitFor();
          }
          if (view === "proof") {
            await page.locator("#glass-view .button").last().click();
            await page.locator("#glass-view pre").first().waitFor();
          }
          assert.ok((await wide(page)) <= 0, `${view} is too wide by ${await wide(page)}`);
          assert.deepEqual(await faults(page), [], view);
          await picture(page, `glass-${device}-${name}-${view}`);
        }
      }));
  }
}

test("the page's choice is the engine's, and other settings have other winners", { skip, timeout: 400_000 }, () =>
  open("glass", {}, async (page) => {
    await look(page, "Name a colour.", "8");
    const tokens = page.locator(".tokens [role=option]:not(.prompt)");
    for (let at = 0; at < (await tokens.count()); at++) {
      await tokens.nth(at).click();
      await page.locator("#glass-view .button").first().click();
      await page.locator(".sliders").waitFor();
      assert.equal(await page.locator("#glass-view .different").count(), 0, `token ${at}`);
    }
    await tokens.first().click();
    await page.locator("#glass-view .button").first().click();
    // Of a line of many seeds, some choose otherwise.
    await page.locator(".sliders input[type=range]").first().fill("2");
    const seed = page.locator(".sliders input[type=number]");
    let others = 0;
    for (let number = 0; number < 40 && others === 0; number++) {
      await seed.fill(String(number));
      others += await page.locator(".verdict.other").count();
    }
    assert.ok(others > 0, "no seed chooses otherwise");
    await page.locator(".verdict .link").click();
    assert.equal(await page.locator(".verdict.other").count(), 0);
  }));

test("a branch goes on from another token, and an edited model says that it is one", { skip, timeout: 400_000 }, () =>
  open("glass", {}, async (page) => {
    await look(page, "Name a colour.", "8");
    await page.locator("#tab-whatif").click();
    const other = (await page.locator(".others button").first().innerText()).replace(/[\d.,]+ %$|< [\d.,]+ %$/, "").trim();
    await page.locator(".others button").first().click();
    await page.locator(".limb").nth(1).waitFor();
    assert.ok((await page.locator('.limb[aria-pressed="true"]').innerText()).includes(other));
    await page.locator(".limb").first().click();
    for (const kind of ["layer", "head", "steer", "patch"]) {
      await page.locator(".edits select").first().selectOption(kind);
      await page.locator(".edits select").nth(1).selectOption("2");
      await page.locator(".edits button[type=submit]").click();
      await page.locator("#glass-view table").waitFor();
      await page.locator(".edits button[type=submit]:not(:disabled)").waitFor();
      assert.match(await page.locator("#glass-view .hint code").innerText(), /\+edited-[0-9a-f]{16}$/, kind);
    }
    const count = await page.locator(".limb").count();
    await page.locator(".edits button[type=button]").click();
    await page.locator(".limb").nth(count).waitFor();
    await page.locator("#tab-proof").click();
    assert.match(await page.locator(".facts code").first().innerText(), /\+edited-/);
    assert.equal(await page.locator("#glass-view h3").count(), 0, "an edited answer has a receipt");
  }));

test("the keyboard goes from token to token and from view to view", { skip, timeout: 200_000 }, () =>
  open("glass", {}, async (page) => {
    await look(page, "Name a colour.", "6");
    const chosen = page.locator("[role=option][aria-selected=true]");
    await chosen.focus();
    const label = await chosen.getAttribute("aria-label");
    await page.keyboard.press("ArrowRight");
    assert.notEqual(await chosen.getAttribute("aria-label"), label);
    assert.ok(await chosen.evaluate((at) => at === document.activeElement));
    await page.locator("#tab-why").focus();
    await page.keyboard.press("ArrowLeft");
    assert.equal(await page.locator("#tab-proof").getAttribute("aria-selected"), "true");
    await page.getByRole("button", { name: "Compute once more and compare" }).click();
    await page.getByText(/^The same:/).waitFor();
  }));

test("an answer of the chat page is looked into", { skip, timeout: 300_000 }, () =>
  open("", {}, async (page) => {
    await page.locator(".model select:not([disabled])").waitFor();
    await page.locator(".head .icon-button").last().click();
    await page.getByRole("dialog").getByLabel("Max tokens").fill("12");
    await page.keyboard.press("Escape");
    await say(page, "Name a colour.");
    const text = await page.locator(".answer .markdown").last().innerText();
    await page.locator(".tally").last().click();
    assert.deepEqual(await faults(page), []);
    await page.getByRole("link", { name: "Look inside" }).click();
    await page.locator(".tokens [role=option]:not(.prompt)").first().waitFor();
    const tokens = await page.locator(".tokens [role=option]:not(.prompt)").allInnerTexts();
    const plain = (text) => text.replace(/[␣⏎\s]/g, "").replace(/<\|im_end\|>/g, "");
    assert.ok(plain(tokens.join("")).startsWith(plain(text).slice(0, 8)), `${tokens.join("")} is not ${text}`);
  }));

for (const { name, ...looks } of LOOKS.slice(0, 2)) {
  test(`no serious fault by axe: chat and lessons, ${name}`, { skip, timeout: 400_000 }, () =>
    open("", looks, async (page) => {
      await page.locator(".model select:not([disabled])").waitFor();
      assert.deepEqual(await faults(page), [], "chat");
      await page.goto(new URL("learn", own.server.url).href);
      const lessons = await page.locator("li[data-lesson] > a").evaluateAll((links) => links.map((link) => link.href));
      assert.deepEqual(await faults(page), [], "list of lessons");
      for (const address of lessons) {
        await page.goto(address);
        assert.deepEqual(await faults(page), [], address);
      }
    }));
}
