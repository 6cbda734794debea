import "./style/base.css";
import "./style/controls.css";
import "./glass/glass.css";
import { effect } from "@preact/signals";
import { render } from "preact";
import { Glass } from "./glass/Glass";
import { dark } from "./store/preferences";

effect(() => {
  document.documentElement.dataset.colours = dark.value ? "dark" : "light";
});

const root = document.getElementById("page");
if (root) render(<Glass />, root);
