import type { Failure } from "../conversation/types";
import { words } from "../words";
import { translated } from "../words/server";

/** A failure in plain words: what happened, what the server says of it, what to do. */
export function FailureText({ failure }: { failure: Failure }) {
  const w = words.value;
  const [what, todo] = w.failures[failure.kind] ?? w.failures.server;
  const sentence = failure.sentence && translated(failure.sentence, w.code);
  return (
    <>
      <p>
        <strong>{what}</strong>
      </p>
      {failure.sentence && (
        <p>
          {sentence ? w.serverSays : w.serverSaysEnglish} <em lang={sentence ? w.code : "en"}>{sentence ?? failure.sentence}</em>
        </p>
      )}
      <p>{todo}</p>
    </>
  );
}
