/** The page's side of the worker that speaks to one server of tools. */
import { worker } from "../workers";
import { ToolTrouble, type Tool, type Trouble } from "./protocol";
import file from "./tools?worker&url";

/** How long a server may take to say which tools it has, and for one call, in milliseconds. */
const OPENING = 15_000;
const CALLING = 120_000;

export type Order =
  | { id: number; milliseconds: number; what: "open"; address: string; token: string }
  | { id: number; milliseconds: number; what: "call"; name: string; input: Record<string, unknown> };

export interface Reply {
  id: number;
  result?: unknown;
  trouble?: Trouble;
  detail?: string;
}

type WithoutId<T> = T extends unknown ? Omit<T, "id"> : never;

export class Link {
  private readonly worker: Worker;
  private last = 0;
  private readonly waiting = new Map<number, { resolve: (value: unknown) => void; reject: (reason: Error) => void }>();

  constructor(
    private readonly address: string,
    private readonly token: string,
  ) {
    // The policy of the worker is made from what stands here; it is an origin, which needs no escapes.
    this.worker = worker(`${file}?to=${new URL(address).origin}`);
    this.worker.addEventListener("message", (event: MessageEvent<Reply>) => this.take(event.data));
    this.worker.addEventListener("error", () => this.fail());
  }

  open(): Promise<Tool[]> {
    return this.send({ what: "open", milliseconds: OPENING, address: this.address, token: this.token }) as Promise<Tool[]>;
  }

  call(name: string, input: Record<string, unknown>): Promise<string> {
    return this.send({ what: "call", milliseconds: CALLING, name, input }) as Promise<string>;
  }

  close(): void {
    this.worker.terminate();
    this.fail();
  }

  private send(order: WithoutId<Order>): Promise<unknown> {
    const id = ++this.last;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, ...order });
    });
  }

  private take({ id, result, trouble, detail }: Reply): void {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if (trouble) waiting?.reject(new ToolTrouble(trouble, detail));
    else waiting?.resolve(result);
  }

  private fail(): void {
    for (const { reject } of this.waiting.values()) reject(new ToolTrouble("unreachable"));
    this.waiting.clear();
  }
}
