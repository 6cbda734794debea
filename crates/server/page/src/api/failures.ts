/** What went wrong with a request, from what the browser or the server said. */
import type { Failure, FailureKind } from "../conversation/types";

/** A failure as an exception. */
export class RequestFailed extends Error {
  constructor(readonly failure: Failure) {
    super(failure.sentence ?? failure.kind);
  }
}

/** What a response that is not 2xx says. */
export async function ofResponse(response: Response): Promise<Failure> {
  const failure: Failure = { kind: kindOf(response.status), status: response.status };
  const seconds = Number(response.headers.get("retry-after"));
  if (Number.isFinite(seconds) && seconds > 0) failure.retryAfter = Math.ceil(seconds);
  const text = await response.text().catch(() => "");
  const sentence = sentenceOf(text);
  if (sentence) failure.sentence = sentence;
  return failure;
}

/** What an error inside a stream says. */
export function ofEvent(error: unknown): Failure {
  const code = Number((error as { code?: unknown; status?: unknown } | null)?.code);
  const failure: Failure = { kind: Number.isInteger(code) && code >= 400 ? kindOf(code) : "server" };
  const sentence = messageOf(error);
  if (sentence) failure.sentence = sentence;
  return failure;
}

function kindOf(status: number): FailureKind {
  if (status === 401) return "key";
  if (status === 404) return "missing";
  if (status === 413) return "too-large";
  if (status === 429) return "busy";
  if (status === 502 || status === 503 || status === 504) return "loading";
  return status >= 500 ? "server" : "request";
}

/** The sentence in a body of the usual form `{"error": {"message": …}}`; other bodies only if they are short text. */
function sentenceOf(body: string): string | undefined {
  try {
    const parsed = JSON.parse(body) as { error?: unknown };
    return messageOf(parsed.error ?? parsed);
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
