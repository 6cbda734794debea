/** What went wrong with a request, from what the browser or the server said. */
import type { Failure, FailureKind } from "../conversation/types";

/** The server's word for a conversation that does not fit the context. */
const CONTEXT = "context_length_exceeded";

/** A failure as an exception. */
export class RequestFailed extends Error {
  constructor(readonly failure: Failure) {
    super(failure.sentence ?? failure.kind);
  }
}

/** What a response that is not 2xx says. */
export async function ofResponse(response: Response): Promise<Failure> {
  const text = await response.text().catch(() => "");
  const error = errorIn(text);
  const isContext = (error as { code?: unknown } | null)?.code === CONTEXT;
  const failure: Failure = { kind: isContext ? "context" : kindOf(response.status), status: response.status };
  const seconds = Number(response.headers.get("retry-after"));
  if (Number.isFinite(seconds) && seconds > 0) failure.retryAfter = Math.ceil(seconds);
  const sentence = messageOf(error);
  if (sentence) failure.sentence = sentence;
  return failure;
}

/** What an error inside a stream says. */
export function ofEvent(error: unknown): Failure {
  const word = (error as { code?: unknown } | null)?.code;
  const code = Number(word);
  const kind = word === CONTEXT ? "context" : Number.isInteger(code) && code >= 400 ? kindOf(code) : "server";
  const sentence = messageOf(error);
  return sentence ? { kind, sentence } : { kind };
}

function kindOf(status: number): FailureKind {
  if (status === 401) return "key";
  if (status === 404) return "missing";
  if (status === 413) return "too-large";
  if (status === 429) return "busy";
  if (status === 502 || status === 503 || status === 504) return "loading";
  return status >= 500 ? "server" : "request";
}

/** The error in a body of the usual form `{"error": {"message": …}}`; other bodies only if they are short text. */
function errorIn(body: string): unknown {
  try {
    const parsed = JSON.parse(body) as { error?: unknown };
    return parsed.error ?? parsed;
  } catch {
    const text = body.trim();
    return text && text.length < 300 && !text.startsWith("<") ? text : undefined;
  }
}

function messageOf(error: unknown): string | undefined {
  if (typeof error === "string") return error;
  const message = (error as { message?: unknown } | null)?.message;
  return typeof message === "string" && message ? message : undefined;
}
