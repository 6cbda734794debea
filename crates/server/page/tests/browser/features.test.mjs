// What people do with conversations: files, drafts, presets, going on, import, shortcuts, what fills the context.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { say } from "./browser.mjs";
import { answers, openSettings, scene } from "./scene.mjs";

/** A PDF file with these objects, of which the first is the catalogue. */
function pdf(...objects) {
  let body = "%PDF-1.4\n";
  const places = objects.map((object, index) => {
    const at = body.length;
    body += `${index + 1} 0 obj\n${object}\nendobj\n`;
    return at;
  });
  const table = places.map((at) => `${String(at).padStart(10, "0")} 00000 n \n`).join("");
  body += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${table}trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${body.length}\n%%EOF\n`;
  return Buffer.from(body, "latin1");
}

function pdfOf(font, content) {
  return pdf(
    "<< /Type /Catalog /Pages 2 0 R >>",
    "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
    `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
    font,
    "<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light /CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 2 >> /FontDescriptor 7 0 R >>",
    "<< /Type /FontDescriptor /FontName /STSong-Light /Flags 4 /FontBBox [0 0 1000 1000] /ItalicAngle 0 /Ascent 880 /Descent -120 /CapHeight 880 /StemV 93 >>",
  );
}

const LATIN = pdfOf("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>", "BT /F1 12 Tf 20 150 Td (Hello from a PDF) Tj 0 -40 Td (Second paragraph) Tj ET");
// Text in GBK without a table of its own: 你好.
const CHINESE = pdfOf("<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light-GBK-EUC-H /Encoding /GBK-EUC-H /DescendantFonts [6 0 R] >>", "BT /F1 12 Tf 20 150 Td <C4E3BAC3> Tj ET");

const file = (name, mimeType, buffer) => ({ name, mimeType, buffer: Buffer.from(buffer) });
const choose = (page, ...files) => page.locator('.composer input[type="file"]').setInputFiles(files);

scene("attaches files, and sends what is in them", {}, async ({ page, server }) => {
  await choose(
    page,
    file("notes.md", "text/markdown", "# Notes\n```\ncode\n```\n"),
    file("numbers.csv", "text/csv", "name,count\na,1\nb,2\n"),
    file("gbk.csv", "text/csv", [0xd0, 0xd5, 0xc3, 0xfb, 0x2c, 0x31, 0x0a]),
    file("paper.pdf", "application/pdf", LATIN),
    file("论文.pdf", "application/pdf", CHINESE),
    file("picture.png", "image/png", [0x89, 0x50, 0x4e, 0x47, 0, 0, 0, 1]),
    file("nothing.txt", "text/plain", ""),
    file("broken.pdf", "application/pdf", "%PDF-1.4 and nothing more"),
  );
  await page.getByText("“picture.png” was not attached. It has no text that can be read.").waitFor();
  await page.getByText("“nothing.txt” was not attached. It is empty.").waitFor();
  await page.getByText("“broken.pdf” was not attached. It cannot be read.").waitFor();
  const chips = page.locator(".composer .file");
  assert.equal(await chips.count(), 5);
  await page.locator(".composer .file-name", { hasText: "numbers.csv" }).click();
  await page.getByRole("dialog").getByRole("columnheader", { name: "count" }).waitFor();
  await page.getByRole("button", { name: "Text", exact: true }).click();
  assert.match(await page.locator(".contents").innerText(), /a,1/);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Remove numbers.csv" }).click();
  await say(page, "what is this?");
  const [{ content }] = server.asked[0].messages;
  assert.ok(content.startsWith("notes.md\n````\n# Notes\n```\ncode\n```\n````\n\ngbk.csv\n```csv\n姓名,1\n```\n\npaper.pdf\n```\n"), content);
  assert.match(content, /paper\.pdf\n```\nHello from a PDF\n\nSecond paragraph\n```\n\n论文\.pdf\n```\n你好\n```\n\nwhat is this\?$/);
  assert.equal(await page.locator(".question .file").count(), 4);
  assert.equal(await chips.count(), 0);
  // They stay with the message when it is edited, and go when they are removed.
  await page.reload();
  await page.getByRole("button", { name: "Edit" }).click();
  await page.locator(".editing").getByRole("button", { name: "Remove paper.pdf" }).click();
  await page.getByRole("textbox", { name: "Edit" }).press("Enter");
  await page.getByText("2/2").first().waitFor();
  await page.locator(".composer .send:not(.stop)").waitFor();
  assert.ok(!server.asked[1].messages[0].content.includes("Hello from a PDF"));
});

scene("takes files that are dropped and pasted", {}, async ({ page }) => {
  const give = (kind) =>
    page.evaluate((kind) => {
      const data = new DataTransfer();
      data.items.add(new File(["some text"], `${kind}.txt`, { type: "text/plain" }));
      const options = { bubbles: true, cancelable: true };
      const event = kind === "drop" ? new DragEvent("drop", { ...options, dataTransfer: data }) : new ClipboardEvent("paste", { ...options, clipboardData: data });
      document.querySelector("#message").dispatchEvent(event);
    }, kind);
  await give("drop");
  await page.locator(".composer .file", { hasText: "drop.txt" }).waitFor();
  await give("paste");
  await page.locator(".composer .file", { hasText: "paste.txt" }).waitFor();
});

scene("keeps what is written and not sent, for each conversation", {}, async ({ page }) => {
  // Drafts are read while the page starts.
  const written = (text) => page.waitForFunction((text) => document.querySelector("#message").value === text, text);
  await say(page, "hello");
  await page.locator("#message").fill("a thought for later");
  await choose(page, file("later.txt", "text/plain", "later"));
  await page.getByRole("button", { name: "New conversation" }).click();
  await page.locator("#message").fill("another one");
  await page.reload();
  await written("another one");
  await page.locator(".item a").click();
  await page.locator(".composer .file", { hasText: "later.txt" }).waitFor();
  await written("a thought for later");
  await page.locator("#message").press("Enter");
  await page.getByText(/You said: later/).waitFor();
  await page.reload();
  await page.getByText(/You said: later/).waitFor();
  assert.equal(await page.locator("#message").inputValue(), "");
  assert.equal(await page.locator(".composer .file").count(), 0);
});

scene("goes on from an answer that was cut off, and checks both parts", {}, async ({ page, server }) => {
  await openSettings(page);
  await page.getByLabel("Max tokens").fill("3");
  await page.keyboard.press("Escape");
  await say(page, "hello there");
  await page.getByText(/reached “Max tokens”/).waitFor();
  assert.equal(await answers(page).locator(".markdown").innerText(), "You said: hello");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByText("2/2").waitFor();
  await page.locator(".composer .send:not(.stop)").waitFor();
  const { messages, continue_final_message } = server.asked.at(-1);
  assert.equal(continue_final_message, true);
  assert.deepEqual(messages, [{ role: "user", content: "hello there" }]);
  assert.match(await answers(page).locator(".markdown").innerText(), /^You said: hello there \(seed \d+;$/);
  await page.getByText("written after “Continue”").waitFor();
  await page.getByRole("button", { name: "Check" }).click();
  await page.getByText(/They match/).waitFor();
});

scene("an answer that a reload cuts off is stopped, not broken, and can go on", { server: { pace: 20 } }, async ({ page }) => {
  await say(page, "endless", { wait: false });
  await page.getByText(/word word/).waitFor();
  await page.reload();
  await page.locator(".remark", { hasText: "Stopped." }).waitFor();
  assert.equal(await page.getByRole("alert").count(), 0);
  await page.getByRole("button", { name: "Continue" }).waitFor();
});

scene("counts the context, and gives advice that helps when it is full", {}, async ({ page, server }) => {
  server.state.context = 60;
  await page.reload();
  await page.locator("#message").fill("hello there");
  await page.getByText("5 of 60 tokens").waitFor();
  await page.locator("#message").fill("word ".repeat(52));
  await page.locator(".meter.narrow").waitFor();
  await page.locator("#message").fill("word ".repeat(70));
  await page.locator(".meter.over").getByText(/do not fit: the context has 60/).waitFor();
  await page.locator("#message").press("Enter");
  const failure = page.getByRole("alert");
  await failure.getByText("The conversation does not fit the model's context.").waitFor();
  await failure.getByText(/maximum context length is 60 tokens/).waitFor();
  await failure.getByText(/edit an earlier message to go on from there/).waitFor();
  await page.getByRole("button", { name: "New conversation" }).click();
  await say(page, "endless please");
  await page.getByText("The context is full, so the answer ends here, and going on cannot help.", { exact: false }).waitFor();
  assert.equal(await page.getByRole("button", { name: "Continue" }).count(), 0);
});

scene("shows how likely each token was", {}, async ({ page, server }) => {
  await say(page, "hello");
  await page.locator(".tally").click();
  await page.getByRole("button", { name: "Token probabilities" }).click();
  await page.locator(".tokens .token", { hasText: "hello" }).click();
  const { logprobs, top_logprobs, seed, max_tokens } = server.asked[1];
  assert.deepEqual({ logprobs, top_logprobs, seed, max_tokens }, { logprobs: true, top_logprobs: 5, seed: server.asked[0].seed, max_tokens: 7 });
  assert.equal((await page.locator(".token").allInnerTexts()).join("").replace(/\s+/g, " "), (await answers(page).locator(".markdown").innerText()).replace(/\s+/g, " "));
  assert.match(await page.locator(".likely").innerText(), /99\.00 %.*chosen/s);
  await page.locator(".token.shade-2").first().waitFor();
  await page.getByRole("button", { name: "Hide", exact: true }).click();
  assert.equal(await page.locator(".probabilities").count(), 0);
});

scene("keeps settings as presets", {}, async ({ page, server }) => {
  await openSettings(page);
  await page.getByLabel("System prompt").fill("Speak like a pirate.");
  await page.getByLabel("Temperature").fill("0.5");
  await page.getByRole("button", { name: "Save as a preset…" }).click();
  await page.getByLabel("Name of the preset").fill("Pirate");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Delete the preset" }).waitFor();
  await page.keyboard.press("Escape");
  await page.reload();
  await say(page, "one");
  await page.getByRole("button", { name: "New conversation" }).click();
  await openSettings(page);
  await page.getByRole("button", { name: "Reset", exact: true }).click();
  assert.equal(await page.getByLabel("System prompt").inputValue(), "");
  await page.getByLabel("Preset", { exact: true }).selectOption("Pirate");
  assert.equal(await page.getByLabel("Temperature").inputValue(), "0.5");
  await page.keyboard.press("Escape");
  await say(page, "two");
  assert.deepEqual(server.asked[1].messages[0], { role: "system", content: "Speak like a pirate." });
  assert.equal(server.asked[1].temperature, 0.5);
});

scene("imports what was exported, once, and refuses other files", {}, async ({ page }) => {
  await say(page, "about ships");
  await page.getByRole("button", { name: "Import and export" }).click();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("menuitem", { name: "Export all conversations as JSON" }).click()]);
  const exported = await readFile(await download.path());
  const give = (name, buffer) => page.locator('.sidebar input[type="file"]').setInputFiles({ name, mimeType: "application/json", buffer: Buffer.from(buffer) });
  await give("hefu.json", exported);
  await page.getByText("Everything in this file is here already.").waitFor();
  await page.locator(".item").hover();
  await page.getByRole("button", { name: /^More for/ }).click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await give("hefu.json", exported);
  await page.getByText("Imported: 1.").waitFor();
  await page.getByRole("link", { name: "about ships" }).click();
  await page.getByText(/You said: about ships/).waitFor();
  await page.reload();
  await page.getByText(/You said: about ships/).waitFor();
  for (const [contents, sentence] of [["no", "It is no JSON file."], ['{"a":1}', "It was not exported by this page."], ['{"format":"hefu-conversations","version":2,"conversations":[]}', "A newer version"], ['{"format":"hefu-conversations","version":1,"conversations":[{"id":3}]}', "It has no conversation"]]) {
    await give("x.json", contents);
    await page.getByText(sentence, { exact: false }).waitFor();
  }
  const hostile = { format: "hefu-conversations", version: 1, conversations: [{ id: "x", title: "<img src=x onerror=window.hacked=1>", messages: [{ id: "a", parent: null, role: "user", text: "hi" }, { id: "b", parent: "a", role: "assistant", text: "hostile", origin: { model: 5 }, calls: [{ id: 1 }], failure: { kind: "nonsense" } }, { id: "c", parent: "nowhere", role: "user", text: "lost" }], leaf: "c" }] };
  await give("hostile.json", JSON.stringify(hostile));
  await page.getByText("Imported: 1.").waitFor();
  await page.getByRole("link", { name: "<img src=x" }).click();
  await page.locator(".answer", { hasText: "hostile" }).waitFor();
  assert.equal(await page.evaluate(() => window.hacked), undefined);
});

scene("folds long messages until they are wanted", { server: { pace: 0 } }, async ({ page, server }) => {
  const long = "a line of text, which is long\n".repeat(1000);
  // Typing so much would take the browser long.
  await page.locator("#message").evaluate((field, long) => ((field.value = long), field.dispatchEvent(new Event("input", { bubbles: true }))), long);
  await page.locator("#message").press("Enter");
  await page.locator(".composer .send:not(.stop)").waitFor();
  const said = page.locator(".said");
  await said.getByRole("button", { name: "Show all 29,999 characters" }).waitFor();
  assert.ok((await said.innerText()).length < 1500);
  assert.equal(server.asked.length, 1);
  await said.getByRole("button").click();
  assert.ok((await said.innerText()).length > 25_000);
  await said.getByRole("button", { name: "Show less" }).click();
  assert.ok((await said.innerText()).length < 1500);
  await say(page, "second");
  await answers(page).first().locator(".folded").waitFor();
  await answers(page).first().getByRole("button", { name: /^Show all/ }).click();
  assert.equal(await page.locator(".folded").count(), 0);
});

scene("has shortcuts, and a list of them", {}, async ({ page, context, server }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await say(page, "hello");
  await page.keyboard.press("Control+/");
  const help = page.getByRole("dialog", { name: "Keyboard shortcuts" });
  await help.getByText("Ctrl+Shift+O").waitFor();
  await page.keyboard.press("Escape");
  await help.waitFor({ state: "detached" });
  await page.keyboard.press("Alt+C");
  await page.waitForFunction(async () => (await navigator.clipboard.readText()).startsWith("You said: hello"));
  await page.keyboard.press("Alt+R");
  await page.getByText("2/2").waitFor();
  await page.locator(".composer .send:not(.stop)").waitFor();
  await page.locator("#message").focus();
  await page.keyboard.press("ArrowUp");
  assert.equal(await page.getByRole("textbox", { name: "Edit" }).inputValue(), "hello");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+b");
  await page.getByRole("navigation").waitFor({ state: "detached" });
  await page.keyboard.press("Control+k");
  await page.waitForFunction(() => document.activeElement.id === "search");
  await page.keyboard.press("Control+Shift+O");
  await page.getByText("Two halves of one tally.").waitFor();
  await page.locator("body").evaluate(() => document.activeElement.blur());
  await page.keyboard.press("/");
  await page.waitForFunction(() => document.activeElement.id === "message");
  assert.equal(await page.locator("#message").inputValue(), "");
  await page.keyboard.press("Control+,");
  await page.getByRole("dialog", { name: "Settings" }).waitFor();
  assert.equal(server.asked.length, 2);
});

scene("a key that cannot be one strands nobody", { server: { key: "secret" } }, async ({ page }) => {
  const dialog = page.getByRole("dialog", { name: "This server asks for an API key" });
  await dialog.getByLabel("API key").fill("密钥");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText("A key has Latin letters, digits and signs only").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("alert").getByText("This server asks for an API key.").waitFor();
  // An older page stored such a key.
  await page.evaluate(() => localStorage.setItem("hefu.key", "密钥"));
  await page.reload();
  await page.getByRole("dialog", { name: "API key" }).getByLabel("API key").fill("secret");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal(await page.getByRole("alert").count(), 0);
  await say(page, "hello");
  await page.getByText(/You said: hello/).waitFor();
  // A wrong key does not take the place of a right one.
  await openSettings(page);
  await page.getByRole("button", { name: "Change the API key" }).click();
  await page.locator("#key").fill("wrong");
  await page.keyboard.press("Enter");
  await page.getByText("The server refused the key.").waitFor();
  assert.equal(await page.evaluate(() => localStorage.getItem("hefu.key")), "secret");
});

scene("says the server's sentences in Chinese", { locale: "zh-CN" }, async ({ page, server }) => {
  server.state.context = 10;
  await page.reload();
  await say(page, "word ".repeat(30));
  const failure = page.getByRole("alert");
  await failure.getByText("提示词过长：有 33 个词元，而此模型的上下文最多 10 个").waitFor();
  server.state.context = 32768;
  await say(page, "refuse");
  await failure.getByText("服务器的说明（英文）：").waitFor();
});
