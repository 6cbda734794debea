// The lessons on a real server with a real model, as in real.test.mjs: every page in both languages, and each widget against the engine.
import assert from "node:assert/strict";
import { test } from "node:test";
import { LOOKS, PHONE, picture, wide } from "./browser.mjs";
import { QWEN, real, withModel } from "./program.mjs";

const { model, skip } = real(QWEN);

const { own, open } = withModel("learn", { model, skip });

const lessons = (page) => page.locator("li[data-lesson] > a").evaluateAll((links) => links.map((link) => link.href));

for (const [device, size] of [["desktop", {}], ["phone", PHONE]]) {
  for (const { name, ...looks } of LOOKS.slice(0, 2)) {
    test(`every lesson can be read: ${device}, ${name}`, { skip, timeout: 240_000 }, () =>
      open("learn", { ...size, ...looks }, async (page) => {
        assert.equal(await page.locator("html").getAttribute("lang"), looks.locale === "zh-CN" ? "zh-CN" : "en");
        await picture(page, `learn-list-${device}-${name}`);
        for (const address of await lessons(page)) {
          await page.goto(address);
          for (const place of await page.locator(".widget").all()) assert.ok(await place.locator("label").count(), `${address} has an empty widget`);
          assert.ok((await wide(page)) <= 0, `${address} is too wide by ${await wide(page)}`);
          await picture(page, `learn-${address.split("/").at(-1)}-${device}-${name}`);
        }
      }));
  }
}

/** Presses a button of a widget and waits until it can be pressed again. */
async function press(page, button) {
  await button.click();
  await button.and(page.locator(":not(:disabled)")).waitFor();
}

test("every button of every lesson gets an answer from the model", { skip, timeout: 600_000 }, () =>
  open("learn", { locale: "en-GB" }, async (page) => {
    for (const address of await lessons(page)) {
      await page.goto(address);
      for (const button of await page.locator(".widget button").all()) await press(page, button);
      assert.deepEqual(await page.locator(".widget .fault").allInnerTexts(), [], address);
      assert.deepEqual(await page.locator('.widget .verdict[data-right="false"]').allInnerTexts(), [], address);
    }
  }));

test("the token that the page predicts is the one that the engine draws", { skip, timeout: 600_000 }, () =>
  open("learn/16-randomness", {}, async (page) => {
    const widget = page.locator('[data-widget="draw"]');
    for (const temperature of ["0.4", "1.2", "2"]) {
      for (const seed of ["0", "7", "4294967296", "123456789012"]) {
        await widget.locator("input[type=range]").fill(temperature);
        await widget.locator("input[type=number]").fill(seed);
        await press(page, widget.locator("button").last());
        assert.equal(await widget.locator(".verdict").getAttribute("data-right"), "true", `temperature ${temperature}, seed ${seed}`);
      }
    }
  }));

test("right answers are told, and a lesson that was done is marked", { skip, timeout: 240_000 }, () =>
  open("learn/01-tokens", { ...PHONE, locale: "en-GB" }, async (page) => {
    const questions = page.locator(".questions fieldset");
    await questions.first().locator("input").last().check();
    assert.match(await questions.first().locator(".verdict").innerText(), /Not quite/);
    for (const question of await questions.all()) await question.locator(`input[value="${await question.getAttribute("data-right")}"]`).check();
    assert.match(await questions.last().locator(".verdict").innerText(), /Right/);
    await page.goto(new URL("learn", own.server.url).href);
    assert.match(await page.locator('li[data-lesson="01-tokens"]').innerText(), /done/);
  }));
