/** Servers of tools that the person named, and what they offer. */
import { effect, signal } from "@preact/signals";
import type { Call, ToolDefinition } from "../conversation/types";
import { Link } from "../mcp/link";
import { ToolTrouble, type Tool, type Trouble } from "../mcp/protocol";
import { load, parsed, save } from "./preferences";

/** A server that the person named. */
export interface ToolServer {
  /** The address at which it speaks MCP over streamable HTTP. */
  address: string;
  /** Sent to it as `Authorization: Bearer …`. */
  token: string;
  on: boolean;
}

/** What is known of a server that is on. */
export type Standing = { state: "opening" } | { state: "ready"; tools: Tool[] } | { state: "failed"; trouble: Trouble; detail: string };

/** Most characters of a function's name in the API. */
const LONGEST_NAME = 64;

interface Offer {
  server: string;
  tool: Tool;
  definition: ToolDefinition;
}

function stored(value: unknown): ToolServer[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((each: Partial<ToolServer> | null) => {
    const address = typeof each?.address === "string" ? soundAddress(each.address) : undefined;
    return address ? [{ address, token: typeof each?.token === "string" ? each.token : "", on: each?.on === true }] : [];
  });
}

/** An address of the web, without what must not stand in it. */
export function soundAddress(text: string): string | undefined {
  try {
    const url = new URL(text.trim());
    if ((url.protocol !== "http:" && url.protocol !== "https:") || url.username || url.password) return undefined;
    url.hash = "";
    return url.href;
  } catch {
    return undefined;
  }
}

export const servers = signal(stored(parsed(load("tools"))));
effect(() => save("tools", servers.value.length > 0 ? JSON.stringify(servers.value) : ""));
export const standings = signal<Readonly<Record<string, Standing>>>({});

const links = new Map<string, { link: Link; opened: Promise<void> }>();

/** Reaches the servers that are on, and leaves those that are not. */
export function start(): void {
  effect(() => {
    const on = servers.value.filter((server) => server.on);
    for (const address of [...links.keys()]) if (!on.some((server) => server.address === address)) leave(address);
    for (const server of on) if (!links.has(server.address)) reach(server);
  });
}

function reach({ address, token }: ToolServer): void {
  const stand = (standing: Standing) => {
    if (links.has(address)) standings.value = { ...standings.peek(), [address]: standing };
  };
  const link = new Link(address, token);
  const opened = link.open().then(
    (tools) => stand({ state: "ready", tools }),
    (error: unknown) => stand({ state: "failed", ...troubleOf(error) }),
  );
  links.set(address, { link, opened });
  stand({ state: "opening" });
}

function leave(address: string): void {
  links.get(address)?.link.close();
  links.delete(address);
  const { [address]: _, ...rest } = standings.peek();
  standings.value = rest;
}

export function add(address: string, token: string): void {
  leave(address);
  servers.value = [...servers.value.filter((each) => each.address !== address), { address, token, on: true }];
}

export function remove(address: string): void {
  servers.value = servers.value.filter((each) => each.address !== address);
}

export function turn(address: string, on: boolean): void {
  servers.value = servers.value.map((each) => (each.address === address ? { ...each, on } : each));
}

/** Tries a server once more. */
export function retry(address: string): void {
  leave(address);
  servers.value = [...servers.value];
}

/** Everything that the model may call, under names that the API takes, each once. */
function offers(): Offer[] {
  const names = new Set<string>();
  return servers.value.flatMap(({ address }) => {
    const standing = standings.value[address];
    return standing?.state !== "ready" ? [] : standing.tools.map((tool) => offer(address, tool, names));
  });
}

function offer(server: string, tool: Tool, names: Set<string>): Offer {
  const plain = tool.name.replace(/[^a-zA-Z0-9_-]/g, "_").slice(0, LONGEST_NAME);
  let name = plain;
  for (let count = 2; names.has(name); count += 1) name = `${plain.slice(0, LONGEST_NAME - 4)}_${count}`;
  names.add(name);
  const described = tool.description ? { description: tool.description } : {};
  return { server, tool, definition: { type: "function", function: { name, ...described, parameters: tool.inputSchema } } };
}

/** How many tools the model is offered now. */
export function count(): number {
  return offers().length;
}

/** The functions that the model is offered, once servers that are being reached have answered. */
export async function definitions(): Promise<ToolDefinition[]> {
  await Promise.all([...links.values()].map(({ opened }) => opened));
  return offers().map(({ definition }) => definition);
}

/** What is offered now, without waiting. */
export function definitionsNow(): ToolDefinition[] {
  return offers().map(({ definition }) => definition);
}

/** A call with the server and tool that it stands for, if there are such. */
export function found(call: Call): Call {
  const offered = offers().find(({ definition }) => definition.function.name === call.name);
  return offered ? { ...call, server: offered.server, tool: offered.tool.name } : call;
}

export function toolOf(call: Call): Tool | undefined {
  const standing = standings.value[call.server ?? ""];
  return standing?.state === "ready" ? standing.tools.find(({ name }) => name === call.tool) : undefined;
}

/** What a permission is for: this tool of this server as it describes itself now. One that changes is asked about again. */
export function permit(call: Call): string | undefined {
  const tool = toolOf(call);
  return tool && JSON.stringify([call.server, tool.name, tool.description, tool.inputSchema]);
}

/** Makes a call and gives the text of its result. Nobody but the person's consent leads here. */
export async function call(asked: Call): Promise<string> {
  const link = links.get(asked.server ?? "");
  if (asked.tool === undefined) throw new ToolTrouble("refused", `there is no function ${asked.name}`);
  if (!link) throw new ToolTrouble("unreachable", "its server is not turned on");
  let input: unknown;
  try {
    input = JSON.parse(asked.arguments || "{}");
  } catch {
    throw new ToolTrouble("refused", "its arguments are no JSON");
  }
  if (typeof input !== "object" || !input || Array.isArray(input)) throw new ToolTrouble("refused", "its arguments are no JSON object");
  return link.link.call(asked.tool, input as Record<string, unknown>);
}

function troubleOf(error: unknown): { trouble: Trouble; detail: string } {
  return error instanceof ToolTrouble
    ? { trouble: error.kind, detail: error.message === error.kind ? "" : error.message }
    : { trouble: "unreachable", detail: String(error) };
}
