// Chromium for the tests: any that CHROMIUM names or that the system has.
import { existsSync, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const PLACES = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const FLAGS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const SCREENSHOTS = new URL("../screenshots/", import.meta.url);
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
/** Both languages in both colours. */
export const LOOKS = [["en-GB", "light"], ["zh-CN", "dark"], ["en-GB", "dark"], ["zh-CN", "light"]].map(([locale, colorScheme]) => ({
  name: `${locale.slice(0, 2)}-${colorScheme}`,
  locale,
  colorScheme,
}));

export function launch() {
  const executablePath = PLACES.find((place) => place && existsSync(place));
  if (!executablePath) throw new Error("no Chromium: install it, or name one with CHROMIUM");
  return chromium.launch({ executablePath, args: FLAGS, chromiumSandbox: false });
}

/**
 * A page in a new profile, which fails the test by `problems` on any error of the page, any breach of its content policy,
 * and any request to another host than those `reached`.
 */
export async function visit(browser, url, { reached = [], ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-GB", acceptDownloads: true, ...options });
  const page = await context.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error" && !message.text().includes("Failed to load resource")) problems.push(message.text());
  });
  page.on("request", (request) => {
    if (![url, "blob:", ...reached].some((each) => request.url().startsWith(each))) problems.push(`a request to ${request.url()}`);
  });
  await page.goto(url);
  return { page, context, problems };
}

/** Sends a message and waits until the answer is complete. */
export async function say(page, text, { wait = true } = {}) {
  await page.locator("#message").fill(text);
  await page.locator(".composer .send:not(:disabled)").waitFor();
  await page.locator("#message").press("Enter");
  if (wait) await page.locator(".composer .send:not(.stop)").waitFor();
}

/** Keeps a picture of the page for a person to look at, when SCREENSHOTS is set. */
export async function picture(page, name) {
  if (!process.env.SCREENSHOTS) return;
  await mkdir(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: new URL(`${name}.png`, SCREENSHOTS).pathname });
}

/** Serious faults and worse that axe finds. The page's rules forbid scripts from elsewhere, so axe comes in by the debugger. */
export async function faults(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return violations.filter(({ impact }) => impact === "serious" || impact === "critical").map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(" | ")}`);
}

/** By how much a page is wider than its window. */
export const wide = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

/** A page of a server that `body` does something with; any problem fails the test. */
export async function opened(browser, server, path, options, body) {
  const { page, context, problems } = await visit(browser, server.url, { reached: ["data:"], ...options });
  page.setDefaultTimeout(200_000);
  try {
    await page.goto(new URL(path, server.url).href);
    await body(page);
    if (problems.length > 0) throw new Error(problems.join("; "));
  } finally {
    await context.close();
  }
}
