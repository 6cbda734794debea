/**
 * The worker that speaks to one server of tools. Its own policy, which the page's server makes from the worker's address, lets it
 * reach that server alone; the page itself cannot.
 */
import { Session, ToolTrouble } from "./protocol";
import type { Order, Reply } from "./link";

const sessions: { current?: Session } = {};

async function carryOut(order: Order): Promise<unknown> {
  const signal = AbortSignal.timeout(order.milliseconds);
  if (order.what === "open") {
    sessions.current = new Session(order.address, order.token, (input, init) => fetch(input, init));
    return sessions.current.open(signal);
  }
  if (!sessions.current) throw new ToolTrouble("unreachable");
  return sessions.current.call(order.name, order.input, signal);
}

addEventListener("message", async (event: MessageEvent<Order>) => {
  const reply = (said: Omit<Reply, "id">) => postMessage({ id: event.data.id, ...said });
  try {
    reply({ result: await carryOut(event.data) });
  } catch (error) {
    const kind = error instanceof ToolTrouble ? error.kind : "unreachable";
    reply({ trouble: kind, detail: error instanceof Error ? error.message : String(error) });
  }
});
