// Draws diagrams for the page, in a frame of no origin that can reach nothing: a drawing is a text that goes back to the page,
// which shows it as a picture and never as part of itself.
"use strict";

const WHAT_FITS = { maxTextSize: 20000, maxEdges: 400 };
let count = 0;

async function draw({ text, dark }) {
  mermaid.initialize({
    ...WHAT_FITS,
    startOnLoad: false,
    securityLevel: "strict",
    suppressErrorRendering: true,
    theme: dark ? "dark" : "neutral",
    htmlLabels: false,
    fontFamily: "system-ui, sans-serif",
    flowchart: { useMaxWidth: false, htmlLabels: false },
    class: { useMaxWidth: false, htmlLabels: false },
    ...Object.fromEntries(
      ["sequence", "gantt", "journey", "timeline", "state", "er", "pie", "quadrantChart", "requirement", "gitGraph", "xyChart", "sankey", "block", "packet", "kanban", "radar"].map(
        (kind) => [kind, { useMaxWidth: false }],
      ),
    ),
  });
  count += 1;
  const { svg } = await mermaid.render(`diagram-${count}`, text);
  const drawn = new DOMParser().parseFromString(svg, "text/html").querySelector("svg");
  return new XMLSerializer().serializeToString(drawn);
}

addEventListener("message", async (event) => {
  if (event.source !== parent) return;
  const { id } = event.data;
  try {
    parent.postMessage({ id, svg: await draw(event.data) }, "*");
  } catch (error) {
    parent.postMessage({ id, wrong: String(error?.message ?? error) }, "*");
  }
});
parent.postMessage({ ready: true }, "*");
