/** A Mermaid diagram as a picture, with its source behind a button. */
import { useEffect, useState } from "preact/hooks";
import { draw } from "../diagram/draw";
import { dark } from "../store/preferences";
import { CopyButton } from "../view/CopyButton";
import { words } from "../words";
import { Coloured } from "./Code";

type Drawing = { state: "drawing" } | { state: "drawn"; address: string } | { state: "wrong"; reason: string };

/** `whole`: whether its last line is there. */
export function Diagram({ text, whole }: { text: string; whole: boolean }) {
  const w = words.value;
  const [drawing, setDrawing] = useState<Drawing>({ state: "drawing" });
  const [asSource, setAsSource] = useState(false);
  const isDark = dark.value;
  useEffect(() => {
    if (!whole) return;
    let address = "";
    let left = false;
    draw(text, isDark).then(
      (svg) => {
        if (left) return;
        address = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
        setDrawing({ state: "drawn", address });
      },
      (error: Error) => left || setDrawing({ state: "wrong", reason: error.message }),
    );
    return () => {
      left = true;
      URL.revokeObjectURL(address);
    };
  }, [text, whole, isDark]);
  const drawn = drawing.state === "drawn" && !asSource;
  return (
    <figure class="code diagram">
      <figcaption>
        <span>mermaid</span>
        <span class="figure-actions">
          {drawing.state === "drawn" && (
            <button type="button" class="icon-button labelled" aria-pressed={asSource} onClick={() => setAsSource(!asSource)}>
              {asSource ? w.picture : w.source}
            </button>
          )}
          <CopyButton text={text} label={w.copyCode} />
        </span>
      </figcaption>
      {drawn ? (
        <div class="drawing" tabIndex={0}>
          <img src={drawing.address} alt={w.diagram(text.trim().split(/\s/, 1)[0] ?? "")} />
        </div>
      ) : (
        <Coloured text={text} language="" />
      )}
      {drawing.state === "wrong" && (
        <p class="remark">
          {w.noDiagram} <code>{drawing.reason.split("\n", 1)[0]}</code>
        </p>
      )}
    </figure>
  );
}
