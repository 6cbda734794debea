// The built program with a real model, for the tests that need both. HEFU names another program, HEFU_MODELS the folder of the models,
// as for the tests in Rust; without them these tests say so and pass.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { launch, opened } from "./browser.mjs";

export const HEFU = process.env.HEFU ?? fileURLToPath(new URL("../../../../../target/release/hefu", import.meta.url));
export const GEMMA = "gemma-3-270m-q4_k_m.gguf";
export const QWEN = "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf";

/** A model's file, and why tests with it are left out, if they are. */
export function real(name) {
  const model = `${process.env.HEFU_MODELS}/${name}`;
  const skip = !existsSync(HEFU) ? `there is no program at ${HEFU}` : !existsSync(model) && "HEFU_MODELS names no folder with the model";
  return { model, skip };
}

/** A tiny model of the repository, and why tests with it are left out, if they are. */
export function tiny(name) {
  const model = fileURLToPath(new URL(`../../../../../golden/models/${name}.gguf`, import.meta.url));
  return { model, skip: !existsSync(HEFU) && `there is no program at ${HEFU}` };
}

/** A new folder for what the program keeps. */
export function newHome() {
  const path = mkdtempSync(`${tmpdir()}/hefu-page-`);
  return { path, remove: () => rmSync(path, { recursive: true }) };
}

/**
 * A server by a command of the program, once it has said so many lines: `said`. `url` is its first page, `stop` ends it and waits.
 */
export async function serve(command, { home, lines = 1 }) {
  const env = { ...process.env, HEFU_HOME: home.path, LC_ALL: "C" };
  const child = spawn(HEFU, [...command, "--drain-seconds", "1"], { stdio: ["ignore", "pipe", "ignore"], env });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const said = await new Promise((resolve, reject) => {
    let text = "";
    child.stdout.on("data", (data) => (text += data).split("\n").length > lines && resolve(text));
    child.once("exit", (status) => reject(new Error(`the server ended with status ${status}`)));
  });
  return { said, url: `${new URL(said.match(/http:\S+/)[0]).origin}/`, stop: (signal = "SIGTERM") => (child.kill(signal), ended) };
}

/**
 * A browser, and a server by a command of the program with a model, from before the first test until after the last, unless they are
 * left out. `open` opens a page of the server.
 */
export function withModel(command, { model, skip }) {
  const own = {};
  before(async () => {
    if (skip) return;
    own.browser = await launch();
    own.home = newHome();
    own.server = await serve([command, "--port", "0", "--model", model], { home: own.home });
  });
  after(async () => {
    await own.browser?.close();
    await own.server?.stop();
    own.home?.remove();
  });
  return { own, open: (path, options, body) => opened(own.browser, own.server, path, options, body) };
}
