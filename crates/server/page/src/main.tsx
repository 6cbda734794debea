import "./style/base.css";
import "./style/page.css";
import "./style/thread.css";
import "./style/markdown.css";
import "./style/controls.css";
import { effect, signal } from "@preact/signals";
import { render } from "preact";
import { start } from "./store/conversations";
import { colours } from "./store/preferences";
import { look } from "./store/server";
import { Page } from "./view/Page";

const dark = matchMedia("(prefers-color-scheme: dark)");
const system = signal(dark.matches);
dark.addEventListener("change", () => (system.value = dark.matches));
effect(() => {
  const chosen = colours.value === "auto" ? (system.value ? "dark" : "light") : colours.value;
  document.documentElement.dataset.colours = chosen;
});

void start();
void look();
const root = document.getElementById("page");
if (root) render(<Page />, root);
