/** What was stored or comes from a file, taken only as far as it has the shape that the page expects. */
import { sound as soundSettings } from "./settings";
import type { Attachment, Call, Conversation, Failure, FailureKind, Message, Origin, State, Timings, ToolDefinition } from "./types";

const STATES: readonly State[] = ["waiting", "writing", "done", "stopped", "failed"];
const CALLS: readonly Call["state"][] = ["asked", "running", "done", "refused", "failed"];
const FILES: readonly Attachment["kind"][] = ["text", "table", "pdf"];
const FAILURES: readonly FailureKind[] = [
  "unreachable", "no-key", "bad-key", "key", "request", "context", "missing", "busy", "too-large", "loading", "server", "cut",
];

type Given = Record<string, unknown>;

function object(value: unknown): Given | undefined {
  return typeof value === "object" && value && !Array.isArray(value) ? (value as Given) : undefined;
}

const text = (value: unknown) => (typeof value === "string" ? value : undefined);
const count = (value: unknown) => (typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined);

/** Only the members that are there. */
function present<T extends object>(members: T): T {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as T;
}

function each<T>(value: unknown, read: (value: unknown) => T | undefined): T[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const found = value.flatMap((one) => read(one) ?? []);
  return found.length > 0 ? found : undefined;
}

/** A conversation, if it is one. Messages that are none are left out, and answers below them with them. */
export function conversation(value: unknown): Conversation | undefined {
  const given = object(value);
  if (!given || !text(given.id) || !Array.isArray(given.messages)) return undefined;
  const seen = new Set<string>();
  const messages = given.messages.flatMap((one) => {
    const found = message(one);
    if (!found || seen.has(found.id) || (found.parent !== null && !seen.has(found.parent))) return [];
    seen.add(found.id);
    return [found];
  });
  const leaf = text(given.leaf);
  return present({
    id: text(given.id)!,
    title: text(given.title) ?? "",
    named: given.named === true,
    created: count(given.created) ?? 0,
    changed: count(given.changed) ?? 0,
    settings: soundSettings(given.settings),
    messages,
    leaf: leaf && seen.has(leaf) ? leaf : (messages.at(-1)?.id ?? null),
    allowed: each(given.allowed, text),
  });
}

function message(value: unknown): Message | undefined {
  const given = object(value);
  const [id, body] = [text(given?.id), text(given?.text)];
  if (!given || !id || body === undefined || (given.role !== "user" && given.role !== "assistant")) return undefined;
  const parent = text(given.parent) ?? null;
  const shared = { id, parent, role: given.role, text: body, created: count(given.created) ?? 0 } as const;
  if (given.role === "user") return present({ ...shared, files: each(given.files, attachment) });
  return present({
    ...shared,
    reasoning: text(given.reasoning),
    state: STATES.find((state) => state === given.state) ?? "done",
    origin: origin(given.origin),
    failure: failure(given.failure),
    begun: text(given.begun),
    calls: each(given.calls, call),
  });
}

function attachment(value: unknown): Attachment | undefined {
  const given = object(value);
  const [name, body, kind] = [text(given?.name), text(given?.text), FILES.find((kind) => kind === given?.kind)];
  return name !== undefined && body !== undefined && kind ? { name, kind, text: body, size: count(given?.size) ?? 0 } : undefined;
}

function call(value: unknown): Call | undefined {
  const given = object(value);
  const [id, name, body] = [text(given?.id), text(given?.name), text(given?.arguments)];
  const state = CALLS.find((state) => state === given?.state);
  if (!given || id === undefined || name === undefined || body === undefined || !state) return undefined;
  return present({ id, name, arguments: body, state, server: text(given.server), tool: text(given.tool), result: text(given.result) });
}

function failure(value: unknown): Failure | undefined {
  const given = object(value);
  const kind = FAILURES.find((kind) => kind === given?.kind);
  return given && kind
    ? present({ kind, status: count(given.status), sentence: text(given.sentence), retryAfter: count(given.retryAfter) })
    : undefined;
}

function origin(value: unknown): Origin | undefined {
  const given = object(value);
  const [model, seed] = [text(given?.model), count(given?.seed)];
  if (!given || model === undefined || seed === undefined) return undefined;
  return present({
    model,
    seed,
    settings: soundSettings(given.settings),
    id: text(given.id),
    fingerprint: text(given.fingerprint),
    finish: text(given.finish),
    promptTokens: count(given.promptTokens),
    tokens: count(given.tokens),
    timings: timings(given.timings),
    context: count(given.context),
    tools: each(given.tools, definition),
    firstText: count(given.firstText),
    aigc: object(given.aigc),
  });
}

function timings(value: unknown): Timings | undefined {
  const given = object(value);
  if (!given) return undefined;
  const names = ["queue", "cached", "promptTokens", "prompt", "tokens", "answer"] as const;
  const found = names.map((name) => [name, count(given[name])] as const);
  return found.every(([, number]) => number !== undefined) ? (Object.fromEntries(found) as unknown as Timings) : undefined;
}

function definition(value: unknown): ToolDefinition | undefined {
  const inner = object(object(value)?.function);
  const name = text(inner?.name);
  if (name === undefined) return undefined;
  const parameters = object(inner?.parameters) ?? {};
  return { type: "function", function: present({ name, description: text(inner?.description), parameters }) };
}
