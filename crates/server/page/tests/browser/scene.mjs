// A test with a server and a page of its own; any problem of the page fails it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, picture, visit } from "./browser.mjs";
import { start } from "./mock.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** `problems`: what the page is expected to complain about. */
export function scene(name, { server: serverOptions, ...options }, body, { problems: expected = [] } = {}) {
  test(name, { timeout: 120_000 }, async () => {
    const server = await start(serverOptions);
    const { page, context, problems } = await visit(browser, server.url, options);
    try {
      await body({ page, context, server });
      assert.deepEqual(problems.filter((problem) => !expected.some((each) => each.test(problem))), []);
    } catch (error) {
      await picture(page, `failed-${name.replace(/\W+/g, "-")}`);
      throw error;
    } finally {
      await context.close();
      await server.close();
    }
  });
}

export const answers = (page) => page.locator(".answer");
export const openSettings = (page) => page.getByRole("button", { name: "Settings", exact: true }).click();
