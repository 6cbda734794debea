import "./style/base.css";
import "./style/page.css";
import "./style/thread.css";
import "./style/markdown.css";
import "./style/controls.css";
import { effect } from "@preact/signals";
import { render } from "preact";
import { start } from "./store/conversations";
import { dark } from "./store/preferences";
import { look } from "./store/server";
import * as tools from "./store/tools";
import { Page } from "./view/Page";

effect(() => {
  document.documentElement.dataset.colours = dark.value ? "dark" : "light";
});

void start();
void look();
tools.start();
const root = document.getElementById("page");
if (root) render(<Page />, root);
