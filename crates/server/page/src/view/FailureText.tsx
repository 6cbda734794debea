import type { Failure } from "../conversation/types";
import { words } from "../words";

/** A failure in plain words: what happened, what the server says of it, what to do. */
export function FailureText({ failure }: { failure: Failure }) {
  const w = words.value;
  const [what, todo] = w.failures[failure.kind] ?? w.failures.server;
  return (
    <>
      <p>
        <strong>{what}</strong>
      </p>
      {failure.sentence && (
        <p>
          {w.serverSays} <em>{failure.sentence}</em>
        </p>
      )}
      <p>{todo}</p>
    </>
  );
}
