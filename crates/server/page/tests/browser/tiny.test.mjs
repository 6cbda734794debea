// The glass box on a tiny model with experts and attention sinks: its numbers against the engine's, and all of it by the keyboard alone.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { faults, LOOKS, PHONE, picture, wide } from "./browser.mjs";
import { HEFU, tiny, withModel } from "./program.mjs";

const { model, skip } = tiny("tiny-gpt-oss");
const PROMPT = "the end of the in and the other";
const TOKENS = 6;

const { own, open } = withModel("serve", { model, skip });
const opened = (options, body) => open("glass", options, body);

test("a diagram is drawn, whose frame asks for its scripts without an origin", { skip, timeout: 120_000 }, () =>
  open("", {}, async (page) => {
    const message = { id: "a".repeat(24), parent: null, role: "user", text: "Draw.", created: 1 };
    const text = "```mermaid\ngraph TD; A-->B\n```";
    const answer = { ...message, id: "b".repeat(24), parent: message.id, role: "assistant", text, state: "done" };
    const talk = { id: "c".repeat(24), title: "Drawn", named: true, created: 1, changed: 1, settings: {}, messages: [message, answer], leaf: answer.id };
    const file = JSON.stringify({ format: "hefu-conversations", version: 1, conversations: [talk] });
    await page.getByRole("button", { name: "Import and export" }).click();
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.getByRole("menuitem", { name: /^Import conversations/ }).click()]);
    await chooser.setFiles({ name: "talk.json", mimeType: "application/json", buffer: Buffer.from(file) });
    await page.getByRole("link", { name: "Drawn" }).click();
    await page.locator(".drawing, .diagram .remark").first().waitFor();
    assert.equal(await page.locator(".diagram .remark").count(), 0);
    await page.waitForFunction(() => document.querySelector(".drawing img")?.naturalWidth > 20);
  }));

/** Has the model go on with a text. */
async function look(page) {
  const form = page.locator("form.glass-ask");
  await form.locator("textarea").fill(PROMPT);
  for (const [at, value] of ["0.8", "7", String(TOKENS)].entries()) await form.locator('input[type="text"]').nth(at).fill(value);
  await form.locator("input[type=checkbox]").check();
  await form.locator("button[type=submit]").click();
  await page.locator(".tokens [role=option]:not(.prompt)").first().waitFor();
}

/** What `hefu trace` says of the same answer. */
function traced(...flags) {
  const asked = ["--raw", "--seed", "7", "--temperature", "0.8", "--max-tokens", String(TOKENS), "--json", "--model", model];
  return JSON.parse(execFileSync(HEFU, ["trace", ...asked, ...flags, PROMPT], { env: { ...process.env, HEFU_HOME: own.home.path }, encoding: "utf8" }));
}

/** As the page says it in English. */
const percent = (share) => (share > 0 && 100 * share < 0.01 ? "< 0.01 %" : `${(100 * share).toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 })} %`);

for (const { name, ...looks } of LOOKS) {
  for (const [device, size] of [["desktop", {}], ["phone", PHONE]]) {
    test(`a sink has a column of its own: ${device}, ${name}`, { skip, timeout: 120_000 }, () =>
      opened({ ...size, ...looks }, async (page) => {
        const word = looks.locale === "zh-CN" ? "汇" : "sink";
        await look(page);
        await page.locator("#tab-inside").click();
        await page.locator(".heat .sink").waitFor();
        assert.equal(await page.locator(".heat .sink").innerText(), word);
        assert.equal(await page.locator(".heat + .bars li").first().locator("code").innerText(), word);
        assert.ok((await wide(page)) <= 0, "too wide");
        assert.deepEqual(await faults(page), []);
        await page.locator(".heat").scrollIntoViewIfNeeded();
        await picture(page, `sink-${device}-${name}`);
      }));
  }
}

test("shares of positions and sinks are the engine's, for every layer, head and token", { skip, timeout: 200_000 }, () =>
  opened({ locale: "en-GB" }, async (page) => {
    await look(page);
    const { tokens, values } = traced("--value", "attention", "--value", "attention_sink");
    const of = (name, layer) => values.find((one) => one.name === name && one.layer === layer);
    let compared = 0;
    const options = page.locator(".tokens[role=listbox] [role=option]");
    assert.equal(await options.count(), tokens.length);
    for (const chosen of [tokens.length - 1, tokens.length - 4, 3]) {
      await options.nth(chosen).click();
      await page.locator("#tab-inside").click();
      const [layers, heads] = [page.locator("#glass-view select").first(), page.locator("#glass-view select").nth(1)];
      for (const layer of (await layers.locator("option").allInnerTexts()).map(Number)) {
        await layers.selectOption(String(layer));
        await page.locator(".heat").waitFor();
        for (const head of (await heads.locator("option").allInnerTexts()).map(Number)) {
          await heads.selectOption(String(head));
          const row = of("attention", layer).numbers[chosen - 1].slice(head * tokens.length, head * tokens.length + chosen);
          const sink = of("attention_sink", layer).numbers[chosen - 1][head];
          await page.waitForFunction((count) => document.querySelectorAll(".heat .token").length === count, row.length + 1);
          const said = await page.locator(".heat .token").evaluateAll((all) => all.map((one) => one.title));
          assert.deepEqual(said, [sink, ...row].map(percent), `token ${chosen}, layer ${layer}, head ${head}`);
          assert.ok(Math.abs(row.reduce((sum, share) => sum + share, sink) - 1) < 1e-5);
          compared += said.length;
        }
      }
    }
    assert.ok(compared > 100, `only ${compared} numbers were compared`);
  }));

test("no two candidates look alike, though most are but parts of characters", { skip, timeout: 120_000 }, () =>
  opened({ locale: "en-GB" }, async (page) => {
    await look(page);
    for (const row of await page.locator("#glass-view tbody tr").all()) {
      const names = await row.locator("code").allInnerTexts();
      assert.equal(new Set(names).size, names.length, names.join(" "));
    }
  }));

test("the times and shares of limits are those that the server measured, and are kept", { skip, timeout: 120_000 }, () =>
  opened({ locale: "en-GB" }, async (page) => {
    await look(page);
    await page.locator("#tab-cost").click();
    const button = page.locator("#glass-view .button");
    assert.equal(await button.innerText(), "Measure");
    const [response] = await Promise.all([page.waitForResponse((one) => one.url().endsWith("/v1/cost")), button.click()]);
    const { measured } = await response.json();
    const fixed = (value, digits) => value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
    const size = (bytes) => (bytes < 1e5 ? `${fixed(bytes / 1e3, 1)} kB` : `${fixed(bytes / 1e6, 1)} MB`);
    const names = { all: "All", rest: "between the steps" };
    const expected = [measured.all, ...measured.operations].map(({ operation, seconds, limit_seconds, achieved, bytes }) => {
      assert.equal(achieved, seconds > 0 ? limit_seconds / seconds : 0);
      const each = [seconds, limit_seconds].map((time) => `${fixed((1e3 * time) / measured.steps, 3)} ms`);
      return [names[operation] ?? operation, ...each, `${fixed(100 * achieved, 1)} %`, size(bytes / measured.steps)];
    });
    const rows = () => page.locator("table.steps tbody tr").evaluateAll((all) => all.map((row) => [...row.cells].slice(0, 5).map((cell) => cell.textContent)));
    await page.locator("table.steps").waitFor();
    assert.deepEqual(await rows(), expected);
    assert.ok(expected.length > 8, `only ${expected.length} steps`);
    assert.deepEqual(await faults(page), []);
    await picture(page, "steps");
    await page.reload();
    await look(page);
    await page.locator("#tab-cost").click();
    assert.deepEqual(await rows(), expected);
    assert.equal(await button.innerText(), "Measure again");
  }));

/** What a screen reader is told of the element that has the focus, and whether the focus can be seen. */
async function focused(page, reader) {
  const { result } = await reader.send("Runtime.evaluate", { expression: "document.activeElement" });
  const { nodes } = await reader.send("Accessibility.getPartialAXTree", { objectId: result.objectId, fetchRelatives: false });
  const at = await page.evaluate(() => {
    const own = document.activeElement;
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(own);
    const box = own.getBoundingClientRect();
    return {
      tag: own.tagName.toLowerCase(),
      id: own.id,
      isSeen: (outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || boxShadow !== "none",
      isInSight: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
      inView: own.closest("#glass-view") !== null,
      box: JSON.stringify([box, innerWidth, innerHeight, own.isConnected]),
    };
  });
  return { ...at, role: nodes[0]?.role?.value, name: nodes[0]?.name?.value ?? "" };
}

/** Presses Tab and says where the focus is then. Everything that has it must have a name and be seen. */
async function next(page, reader) {
  await page.keyboard.press("Tab");
  let at = await focused(page, reader);
  if (at.tag === "body") return at;
  // The browser brings it into sight with the next frame.
  for (let frames = 0; !at.isInSight && frames < 30; frames++) {
    await page.waitForTimeout(20);
    at = await focused(page, reader);
  }
  const what = `${at.role} <${at.tag} id="${at.id}"> “${at.name}”`;
  assert.ok(at.name.trim(), `${what} has no name`);
  assert.ok(at.isSeen, `the focus of ${what} cannot be seen`);
  assert.ok(at.isInSight, `${what} has the focus out of sight: ${at.box}`);
  return at;
}

/** Goes on by Tab to what `is`. */
async function tabTo(page, reader, is) {
  for (let steps = 0; steps < 80; steps++) {
    const at = await next(page, reader);
    if (is(at)) return at;
  }
  throw new Error(`Tab does not lead to ${is}`);
}

for (const [locale, question, use, others] of [["en-GB", "Question", "Answer and look inside", "Another token here"], ["zh-CN", "问题", "作答并查看内部", "此处换一个词元"]]) {
  test(`all seven views by the keyboard alone: ${locale}`, { skip, timeout: 200_000 }, () =>
    opened({ locale }, async (page) => {
      const reader = await page.context().newCDPSession(page);
      await reader.send("Accessibility.enable");
      const skipping = await next(page, reader);
      assert.equal(skipping.role, "link");
      await page.keyboard.press("Enter");
      await tabTo(page, reader, ({ name }) => name === question);
      await page.keyboard.press("Control+A");
      await page.keyboard.type(PROMPT);
      for (const value of ["0.8", "7", String(TOKENS)]) {
        await tabTo(page, reader, ({ role }) => role === "textbox");
        await page.keyboard.press("Control+A");
        await page.keyboard.type(value);
      }
      await tabTo(page, reader, ({ role }) => role === "checkbox");
      await page.keyboard.press("Space");
      await tabTo(page, reader, ({ role, name }) => role === "button" && name === use);
      await page.keyboard.press("Enter");
      await page.locator(".tokens [role=option]:not(.prompt)").first().waitFor();
      const token = await tabTo(page, reader, ({ role }) => role === "option");
      await page.keyboard.press("ArrowRight");
      await page.keyboard.press("ArrowRight");
      const other = await focused(page, reader);
      assert.ok(other.role === "option" && other.name !== token.name && other.isSeen, "the arrow keys do not go from token to token");
      await tabTo(page, reader, ({ role }) => role === "tab");
      const views = [];
      for (let view = 0; view < 6; view++) {
        const { id, name } = await focused(page, reader);
        views.push(id);
        const controls = await walk(page, reader);
        assert.ok(id === "tab-cost" || controls.length > 0, `${name} has nothing that the keyboard reaches`);
        await page.locator(`#${id}`).focus();
        await page.keyboard.press("ArrowRight");
      }
      assert.deepEqual(views, ["why", "inside", "number", "whatif", "cost", "proof"].map((view) => `tab-${view}`));
      // What if, by keys: another token, and the answer that it leads to.
      await page.locator("#tab-whatif").focus();
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: others }).waitFor();
      await tabTo(page, reader, ({ role, inView }) => role === "button" && inView);
      await page.keyboard.press("Enter");
      await page.locator(".limb").nth(1).waitFor();
    }));
}

/** The controls of the view that is shown, in the order of Tab; buttons that fetch something are pressed on the way. */
async function walk(page, reader) {
  const controls = [];
  // What is still being fetched moves what has the focus.
  await page.waitForLoadState("networkidle");
  await page.waitForTimeout(300);
  for (let steps = 0; steps < 80; steps++) {
    const at = await next(page, reader);
    if (!at.inView) break;
    controls.push(at);
    const isFetching = at.role === "button" && /^(Fetch|Show|取得|显示)/.test(at.name);
    if (isFetching) {
      await page.keyboard.press("Enter");
      await page.locator("#glass-view .sliders, #glass-view pre").first().waitFor();
    }
  }
  return controls;
}
