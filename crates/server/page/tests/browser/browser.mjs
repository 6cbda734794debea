// Chromium for the tests: any that CHROMIUM names or that the system has.
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { chromium } from "playwright-core";

const PLACES = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const FLAGS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const SCREENSHOTS = new URL("../screenshots/", import.meta.url);

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
