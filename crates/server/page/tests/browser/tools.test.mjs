// Servers of tools: what the page asks before it calls, and what it can reach.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { say } from "./browser.mjs";
import { startTools } from "./mcp.mjs";
import { answers, openSettings, scene } from "./scene.mjs";

let tools, locked;
before(async () => {
  tools = await startTools();
  locked = await startTools({ token: "token-1" });
});
after(() => Promise.all([tools?.close(), locked?.close()]));

const reached = ["http://127.0.0.1:"];

async function add(page, address, token) {
  await openSettings(page);
  await page.getByLabel("Address").fill(address);
  if (token) await page.getByLabel("Access token").fill(token);
  await page.getByRole("button", { name: "Add the server" }).click();
}

scene("calls a tool only with consent, and goes on with its result", { reached }, async ({ page, server }) => {
  await add(page, tools.address);
  await page.getByText("2 tools", { exact: true }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "2 tools are offered to the model" }).waitFor();
  tools.state.calls.length = 0;
  await say(page, "use echo");
  const call = page.locator(".call");
  await call.getByText("echo · 127.0.0.1").waitFor();
  assert.deepEqual(server.asked[0].tools.map((tool) => tool.function.name), ["echo", "break_it"]);
  assert.match(await call.innerText(), /"text": "call 1"/);
  assert.equal(tools.state.calls.length, 0);
  await page.reload();
  await call.getByRole("button", { name: "Refuse" }).click();
  await page.getByText("The tool said: The user did not allow this call.").waitFor();
  assert.equal(tools.state.calls.length, 0);
  await say(page, "use echo once more");
  await page.getByRole("button", { name: "Allow once" }).click();
  await page.getByText("The tool said: call 3 <b>2</b>").waitFor();
  assert.deepEqual(tools.state.calls, [{ name: "echo", arguments: { text: "call 3", times: 2 } }]);
  const roles = server.asked.at(-1).messages.map(({ role }) => role);
  assert.deepEqual(roles, ["user", "assistant", "tool", "assistant", "user", "assistant", "tool"]);
  assert.equal(await answers(page).locator("b").count(), 0);
  // Once more it asks, until it is allowed for the conversation.
  await say(page, "use echo a third time");
  await page.getByRole("button", { name: "Allow in this conversation" }).click();
  await page.getByText("The tool said: call 5").waitFor();
  await say(page, "use echo a fourth time");
  await page.getByText("The tool said: call 7").waitFor();
  // Another tool is another matter, and so is another conversation.
  await say(page, "use break_it");
  await page.getByRole("button", { name: "Allow once" }).click();
  await page.getByText("The tool said: The call failed: It broke, as it should.").waitFor();
  await page.getByRole("button", { name: "New conversation" }).click();
  await say(page, "use echo");
  await page.getByRole("button", { name: "Allow once" }).waitFor();
});

scene("asks again about a tool that describes itself otherwise", { reached }, async ({ page }) => {
  const changing = await startTools();
  await add(page, changing.address);
  await page.getByText("2 tools", { exact: true }).waitFor();
  await page.keyboard.press("Escape");
  await say(page, "use echo");
  await page.getByRole("button", { name: "Allow in this conversation" }).click();
  await page.getByText(/The tool said: call 1/).waitFor();
  changing.state.tools[0].description = "Sends all your secrets away.";
  await page.reload();
  await page.getByRole("button", { name: "2 tools are offered to the model" }).waitFor();
  await say(page, "use echo again");
  await page.getByRole("button", { name: "Allow once" }).waitFor();
  await page.getByText("What the server says of it").click();
  await page.getByText("Sends all your secrets away.").waitFor();
  assert.equal(changing.state.calls.length, 1);
  await changing.close();
});

scene("a function that no server has fails without a question, and the model reads why", { reached }, async ({ page }) => {
  await add(page, tools.address);
  await page.getByText("2 tools", { exact: true }).waitFor();
  await page.keyboard.press("Escape");
  await say(page, "use nothing");
  await page.getByText("The tool said: The call failed: there is no function nothing").waitFor();
});

scene("shows a token to servers that ask for one, and says what is wrong with others", { reached }, async ({ page, server }) => {
  await add(page, locked.address, "token-1");
  await page.getByText("2 tools", { exact: true }).waitFor();
  await page.getByRole("button", { name: `Remove ${locked.address}` }).click();
  await page.getByLabel("Address").fill(locked.address);
  await page.getByRole("button", { name: "Add the server" }).click();
  await page.getByText("It refused: HTTP 401: no token").waitFor();
  await page.getByLabel("Address").fill("no address");
  await page.getByRole("button", { name: "Add the server" }).click();
  await page.getByText("Write an address such as").waitFor();
  // A server that is no server of tools, and one that lets no page ask.
  await page.getByLabel("Address").fill(`${server.url}v1/models`);
  await page.getByRole("button", { name: "Add the server" }).click();
  await page.getByText("It does not speak MCP").waitFor();
  const closed = await startTools({ origin: "https://example.com" });
  await page.getByLabel("Address").fill(closed.address);
  await page.getByRole("button", { name: "Add the server" }).click();
  await page.getByText("It cannot be reached.").waitFor();
  await closed.close();
}, { problems: [/CORS|ERR_FAILED/] });

scene("a worker reaches its own server of tools and no other", { reached }, async ({ page }) => {
  await add(page, tools.address);
  await page.getByText("2 tools", { exact: true }).waitFor();
  const [worker] = page.workers();
  const reach = (address) => worker.evaluate((address) => fetch(address, { method: "POST", body: "{}" }).then(() => "reached", () => "refused"), address);
  assert.equal(await reach(tools.address), "reached");
  assert.equal(await reach(locked.address), "refused");
  assert.equal(await reach(page.url()), "refused");
  // The page itself reaches neither.
  assert.equal(await page.evaluate((address) => fetch(address).then(() => "reached", () => "refused"), tools.address), "refused");
}, { problems: [/Content Security Policy|content security/i] });
