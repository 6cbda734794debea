// The page in a browser, against a server of the tests' own.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { say } from "./browser.mjs";
import { answers, openSettings, scene } from "./scene.mjs";

scene("streams an answer and tells where it came from", { server: { pace: 40 } }, async ({ page, server }) => {
  await say(page, "hello");
  await page.getByText(/You said: hello/).waitFor();
  const [asked] = server.asked;
  assert.deepEqual(asked.messages, [{ role: "user", content: "hello" }]);
  assert.equal(asked.stream, true);
  assert.ok(Number.isSafeInteger(asked.seed));
  assert.deepEqual(Object.keys(asked).sort(), ["messages", "model", "seed", "stream", "stream_options"]);
  // As the server measured it, not as pieces came here.
  assert.equal(await page.locator(".speed").innerText(), "20 tok/s");
  await page.locator(".tally").click();
  const details = await page.locator(".details").innerText();
  for (const fact of ["hefu1-6f1d0c3a9be27754a1c04d9e52b7f380", "chatcmpl-0199c0de-7a11-7000-8000-000000000001", String(asked.seed), "4 tokens, 5 of them", "in 0.50 s", "in 0.30 s · 20 tok/s"]) {
    assert.ok(details.includes(fact), `${fact} in ${details}`);
  }
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Save receipt" }).click()]);
  assert.equal(JSON.parse(await readFile(await download.path(), "utf8")).version, 1);
});

scene("stops an answer, and the server learns of it", { server: { pace: 5 } }, async ({ page, server }) => {
  await say(page, "endless", { wait: false });
  await page.getByText(/word word/).waitFor();
  assert.equal(server.state.open, 1);
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await page.locator(".remark", { hasText: "Stopped." }).waitFor();
  while (server.state.open > 0) await page.waitForTimeout(20);
  const kept = await answers(page).innerText();
  await page.reload();
  assert.equal(await answers(page).locator(".markdown").innerText(), kept.split("\n")[0]);
  await say(page, "endless", { wait: false });
  await page.getByText(/word word/).nth(1).waitFor();
  await page.keyboard.press("Escape");
  await page.locator(".remark").nth(1).waitFor();
});

scene("asks again, keeps both answers, and goes between them", {}, async ({ page, server }) => {
  await say(page, "hello");
  await page.getByRole("button", { name: "Ask again" }).click();
  await page.getByText("2/2").waitFor();
  await page.locator(".composer .send:not(.stop)").waitFor();
  const [first, second] = server.asked;
  assert.notEqual(first.seed, second.seed);
  assert.deepEqual(first.messages, second.messages);
  await page.getByText(`seed ${second.seed};`).waitFor();
  await page.getByRole("button", { name: "Previous version" }).click();
  await page.getByText(`seed ${first.seed};`).waitFor();
});

scene("edits a message and goes on from there, with the first wording kept", {}, async ({ page, server }) => {
  await say(page, "first");
  await say(page, "second");
  await page.getByRole("button", { name: "Edit" }).first().click();
  const field = page.getByRole("textbox", { name: "Edit" });
  assert.equal(await field.inputValue(), "first");
  await field.fill("changed");
  await field.press("Enter");
  await page.getByText(/You said: changed/).waitFor();
  assert.deepEqual(server.asked.at(-1).messages, [{ role: "user", content: "changed" }]);
  assert.equal(await answers(page).count(), 1);
  await page.getByRole("button", { name: "Previous version" }).click();
  await page.getByText(/You said: second/).waitFor();
  await say(page, "third");
  assert.deepEqual(server.asked.at(-1).messages.map(({ role }) => role), ["user", "assistant", "user", "assistant", "user"]);
});

scene("checks an answer against a second one", {}, async ({ page, server }) => {
  await say(page, "hello");
  await page.getByRole("button", { name: "Check" }).click();
  await page.getByText(/They match/).waitFor();
  assert.deepEqual(server.asked[0], server.asked[1]);
  await say(page, "drift");
  await page.getByRole("button", { name: "Check" }).last().click();
  await page.getByText(/They differ, from character 23 on/).waitFor();
});

scene("sends the settings that were made, and no others", {}, async ({ page, server }) => {
  await page.locator(".model select").selectOption("gemma-3-270m");
  await openSettings(page);
  await page.getByLabel("System prompt").fill("Be brief.");
  await page.getByLabel("Temperature").fill("0");
  await page.getByLabel("Top k").fill("7");
  await page.getByLabel("Min p").fill("2");
  await page.getByText("a number from 0 to 1").waitFor();
  // What is wrong is not lost in silence.
  await page.keyboard.press("Escape");
  await page.getByRole("alert").getByText("“Min p” is not used: it must be a number from 0 to 1.").waitFor();
  await page.getByRole("button", { name: "Correct it" }).click();
  assert.equal(await page.evaluate(() => document.activeElement.id), "min_p");
  await page.getByLabel("Min p").fill("");
  await page.getByLabel("Seed").fill("42");
  await page.getByLabel("Max tokens").fill("3");
  await page.keyboard.press("Escape");
  await say(page, "hello");
  const { messages, stream, stream_options, ...rest } = server.asked[0];
  assert.deepEqual(messages, [{ role: "system", content: "Be brief." }, { role: "user", content: "hello" }]);
  assert.deepEqual(rest, { model: "gemma-3-270m", temperature: 0, top_k: 7, seed: 42, max_tokens: 3 });
  await page.getByText(/reached “Max tokens”/).waitFor();
  await page.reload();
  await openSettings(page);
  assert.equal(await page.getByLabel("Top k").inputValue(), "7");
  await page.getByRole("button", { name: "Reset", exact: true }).click();
  await page.keyboard.press("Escape");
  await say(page, "once more");
  assert.deepEqual(Object.keys(server.asked[1]).sort(), ["messages", "model", "seed", "stream", "stream_options"]);
});

scene("keeps conversations: reload, search, rename, delete", {}, async ({ page }) => {
  await say(page, "about ships");
  await page.getByRole("button", { name: "New conversation" }).click();
  await say(page, "about trains");
  await page.reload();
  await page.getByText(/You said: about trains/).waitFor();
  const list = page.getByRole("navigation", { name: "Conversations" });
  assert.equal(await list.getByRole("link", { name: /about/ }).count(), 2);
  await list.getByRole("searchbox").fill("SHIPS");
  assert.deepEqual(await list.locator(".item a").allInnerTexts(), ["about ships"]);
  await list.getByRole("searchbox").fill("nothing of the kind");
  await list.getByText("No conversation has these words.").waitFor();
  await list.getByRole("searchbox").fill("");
  await list.locator(".item", { hasText: "about ships" }).hover();
  await list.getByRole("button", { name: "More for “about ships”" }).click();
  await page.keyboard.press("Enter");
  await list.getByRole("textbox", { name: "New title" }).fill("Seafaring");
  await page.keyboard.press("Enter");
  await list.getByRole("link", { name: "Seafaring" }).click();
  await page.getByText(/You said: about ships/).waitFor();
  await list.getByRole("button", { name: "More for “Seafaring”" }).click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.reload();
  assert.deepEqual(await list.locator(".item a").allInnerTexts(), ["about trains"]);
});

scene("follows what another tab does", {}, async ({ page, context, server }) => {
  await say(page, "hello");
  const other = await context.newPage();
  await other.goto(page.url());
  await other.getByText(/You said: hello/).waitFor();
  await say(page, "second");
  await other.getByText(/You said: second/).waitFor();
  assert.equal(server.asked.length, 2);
});

scene("exports Markdown and JSON", {}, async ({ page }) => {
  await say(page, "label: a/b");
  await page.getByText("Generated by AI").waitFor();
  const save = async (name) => {
    await page.locator(".item").hover();
    await page.getByRole("button", { name: /^More for/ }).click();
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("menuitem", { name, exact: true }).click()]);
    return { name: download.suggestedFilename(), text: await readFile(await download.path(), "utf8") };
  };
  const markdown = await save("Export as Markdown");
  assert.equal(markdown.name, "label a b.md");
  assert.ok(markdown.text.startsWith('---\nAIGC: {"Label":"1","ContentProducer":"hefu-test"}\n---\n\n# label: a/b\n\n*Generated by AI*\n'));
  assert.match(markdown.text, /## You\n\nlabel: a\/b\n\n## Answer\n\nYou said: label/);
  assert.match(markdown.text, /Fingerprint hefu1-6f1d/);
  const json = JSON.parse((await save("Export as JSON")).text);
  assert.equal(json.conversations.length, 1);
  assert.equal(json.AIGC.Label, "1");
  assert.match(json.conversations[0].messages[1].origin.id, /^chatcmpl-/);
});

scene("shows Markdown", {}, async ({ page, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await say(page, "markdown reason");
  const answer = answers(page);
  await answer.getByRole("heading", { name: "Merging two lists" }).waitFor();
  assert.equal(await answer.locator("ol li ul li").innerText(), "nested");
  assert.equal(await answer.locator("td.align-right").last().innerText(), "90 ms");
  assert.equal(await answer.locator("blockquote").innerText(), "Quoted & kept.");
  assert.equal(await answer.getByRole("link").getAttribute("rel"), "noopener noreferrer nofollow");
  assert.equal(await answer.locator(".reasoning").getAttribute("open"), null);
  await answer.locator(".reasoning summary").click();
  await answer.locator(".reasoning strong", { hasText: "Then" }).waitFor();
  await answer.getByRole("button", { name: "Copy code" }).click();
  assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^def merge\(a, b\):\n    while a and b:/);
});

scene("sets formulas, colours code, draws diagrams, numbers footnotes", {}, async ({ page }) => {
  await say(page, "rich");
  const answer = answers(page).locator(".markdown");
  await answer.locator(".katex-display .mfrac").waitFor();
  assert.equal(await answer.locator(".katex-display").count(), 2);
  assert.equal(await answer.locator(".katex").count(), 6);
  assert.match(await answer.locator("p").first().innerText(), /money: \$5 and \$10, and/);
  await answer.getByText("A broken one: $\\frac{1$ stays").waitFor();
  assert.equal(await answer.locator(".katex a").count(), 0);
  // Fonts are the page's own.
  await page.waitForFunction(() => [...document.fonts].some((font) => font.family.startsWith("KaTeX") && font.status === "loaded"));
  await answer.locator(".hljs-keyword", { hasText: "fn" }).waitFor();
  assert.equal(await answer.locator(".hljs-comment").innerText(), "// A comment");
  const picture_ = answer.locator(".drawing img");
  await picture_.waitFor();
  await page.waitForFunction(() => document.querySelector(".drawing img")?.naturalWidth > 100);
  assert.equal(await answer.locator(".diagram").count(), 2);
  await answer.locator(".diagram .remark").waitFor();
  await answer.getByText("this is no diagram", { exact: true }).waitFor();
  await answer.getByRole("button", { name: "Source" }).click();
  await answer.getByText("B -->|yes| C[Good]").waitFor();
  assert.deepEqual(await answer.locator("sup").allInnerTexts(), ["1", "2"]);
  assert.match(await answer.innerText(), /without a note\[\^none\]/);
  assert.equal(await answer.locator(".footnotes li em").innerText(), "first");
  await answer.getByRole("button", { name: "Footnote 2" }).click();
  assert.match(await page.evaluate(() => document.activeElement.textContent), /The second/);
  await answer.getByText("Scroll sideways").waitFor();
  await answer.locator(".table").evaluate((table) => table.scrollTo(1e6, 0));
  await answer.locator(".table-box.more-left:not(.more-right)").waitFor();
});

scene("lets no frame and no worker reach what the page may not", {}, async ({ page, server }) => {
  const reached = await page.evaluate(async () => {
    const attempt = async (what) => what().then(() => "reached", () => "refused");
    const frame = document.createElement("iframe");
    frame.setAttribute("sandbox", "allow-scripts");
    frame.src = "./diagram.html";
    document.body.append(frame);
    await new Promise((resolve) => frame.addEventListener("load", resolve));
    let inside = "reached";
    try {
      void frame.contentWindow.document.body;
    } catch {
      inside = "refused";
    }
    let script = "made";
    try {
      new Worker("https://example.com/x.js");
    } catch {
      script = "refused";
    }
    let html = "parsed";
    try {
      document.createElement("p").innerHTML = "<b>x</b>";
    } catch {
      html = "refused";
    }
    return { inside, script, html, elsewhere: await attempt(() => fetch("http://127.0.0.1:9/")) };
  });
  assert.deepEqual(reached, { inside: "refused", script: "refused", html: "refused", elsewhere: "refused" });
  assert.equal(server.asked.length, 0);
}, { problems: [/Content Security Policy|TrustedScript|trusted/i] });

scene("shows hostile text as text", {}, async ({ page, server }) => {
  await say(page, "hostile");
  const answer = answers(page).locator(".markdown");
  assert.match(await answer.innerText(), /<img src=x onerror="window.hacked=1"> <script>/);
  assert.match(await answer.innerText(), /<div onclick=/);
  assert.equal(await answer.locator("img, script, b, div").count(), 0);
  assert.deepEqual(await answer.locator("a").evaluateAll((links) => links.map((link) => link.href)), ["https://example.com/track.png"]);
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  assert.equal(server.asked.length, 1);
});

scene("says in plain words what failed, and tries again", {}, async ({ page, server }) => {
  await say(page, "busy");
  const failure = page.getByRole("alert");
  await failure.getByText("The server has too much to do.").waitFor();
  await failure.getByText("The queue is full.").waitFor();
  await failure.getByRole("button", { name: /Try again/ }).click();
  await page.getByText(/You said: busy/).waitFor();
  await say(page, "refuse");
  await failure.getByText('"top_k" must be a whole number.').waitFor();
  await say(page, "break");
  await failure.getByText("The connection broke before the answer was complete.").waitFor();
  assert.match(await answers(page).last().innerText(), /^You said:/);
  await say(page, "quota");
  await failure.getByText("The model's memory ran out.").waitFor();
  await server.close();
  await say(page, "anyone there?");
  await failure.getByText("The server cannot be reached.").waitFor();
});

scene("asks for the API key that the server wants", { server: { key: "secret" } }, async ({ page, server }) => {
  const dialog = page.getByRole("dialog", { name: "This server asks for an API key" });
  await dialog.waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), "key");
  assert.equal(await page.locator(".model select").evaluate((select) => select.selectedOptions[0]?.textContent), "No model");
  await dialog.getByLabel("API key").fill("wrong");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText("The server refused the key.").waitFor();
  await dialog.getByLabel("API key").fill("secret");
  await page.keyboard.press("Enter");
  await dialog.waitFor({ state: "detached" });
  await say(page, "hello");
  await page.getByText(/You said: hello/).waitFor();
  server.state.key = "other";
  await say(page, "and now?");
  await page.getByRole("dialog", { name: "API key" }).waitFor();
});

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

scene("fits a phone", { ...PHONE, locale: "zh-CN" }, async ({ page }) => {
  await say(page, "markdown reason");
  await page.locator(".tally").click();
  const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.equal(await overflow(), 0);
  assert.ok(await page.locator(".markdown pre").evaluate((pre) => pre.scrollWidth > pre.clientWidth));
  assert.equal(await page.getByRole("navigation").count(), 0);
  await page.getByRole("button", { name: "显示对话列表" }).click();
  await page.getByRole("link", { name: "markdown reason" }).waitFor();
  assert.equal(await page.locator("main").evaluate((main) => main.inert), true);
  await page.keyboard.press("Escape");
  await page.getByRole("navigation").waitFor({ state: "detached" });
  await page.getByRole("button", { name: "设置" }).click();
  await page.getByRole("dialog").waitFor();
  assert.equal(await overflow(), 0);
});

scene("speaks the browser's language until told otherwise", { locale: "zh-CN" }, async ({ page }) => {
  await page.getByPlaceholder("输入消息").waitFor();
  assert.equal(await page.locator("html").getAttribute("lang"), "zh-CN");
  await page.getByRole("button", { name: "设置" }).click();
  await page.getByLabel("语言").selectOption("en");
  await page.getByLabel("Colours").selectOption("dark");
  await page.keyboard.press("Escape");
  await page.reload();
  await page.getByPlaceholder("Write a message").waitFor();
  assert.equal(await page.locator("html").getAttribute("lang"), "en");
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).colorScheme), "dark");
});

scene("can be used by keyboard alone", {}, async ({ page }) => {
  await page.getByPlaceholder("Write a message").waitFor();
  await page.keyboard.type("line one");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("line two");
  await page.keyboard.press("Enter");
  await page.getByText(/You said: line one/).waitFor();
  await page.locator(".item a").focus();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByRole("menu").waitFor();
  await page.keyboard.press("ArrowUp");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Delete");
  await page.keyboard.press("Escape");
  assert.match(await page.evaluate(() => document.activeElement.ariaLabel), /^More for/);
});
