/** Something that is fetched for what is chosen, again when that changes. */
import { useEffect, useState } from "preact/hooks";
import { RequestFailed } from "../api/failures";
import type { Failure } from "../conversation/types";

export interface Fetched<T> {
  value?: T;
  failure?: Failure;
}

/** What `fetch` gives for these dependencies; nothing while it is on its way. */
export function useFetched<T>(fetch: (signal: AbortSignal) => Promise<T>, dependencies: readonly unknown[]): Fetched<T> {
  const [state, setState] = useState<Fetched<T>>({});
  useEffect(() => {
    const own = new AbortController();
    setState({});
    fetch(own.signal).then(
      (value) => own.signal.aborted || setState({ value }),
      (error: unknown) => {
        if (own.signal.aborted) return;
        setState({ failure: error instanceof RequestFailed ? error.failure : { kind: "server" } });
      },
    );
    return () => own.abort();
  }, dependencies);
  return state;
}
