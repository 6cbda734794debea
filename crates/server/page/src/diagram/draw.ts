/** Asking the frame for drawings. It has no origin, no network and no way to the page but the messages here. */

/** After so many milliseconds a diagram is not waited for any more, and the frame that draws it is thrown away. */
const LONGEST = 15_000;

interface Order {
  id: number;
  text: string;
  dark: boolean;
  resolve: (svg: string) => void;
  reject: (reason: Error) => void;
}

let frame: HTMLIFrameElement | undefined;
let ready = false;
let last = 0;
let timer = 0;
let orders: Order[] = [];

/** The drawing of a diagram, as the text of an SVG file. */
export function draw(text: string, dark: boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    orders.push({ id: ++last, text, dark, resolve, reject });
    if (orders.length === 1) next();
  });
}

/** Hands the first order to the frame. */
function next(): void {
  const order = orders[0];
  if (!order) return;
  timer ||= window.setTimeout(() => finish(order.id, undefined, "it took too long"), LONGEST);
  if (!frame) {
    frame = document.createElement("iframe");
    frame.setAttribute("sandbox", "allow-scripts");
    frame.className = "diagram-frame";
    frame.tabIndex = -1;
    frame.title = "Mermaid";
    frame.ariaHidden = "true";
    frame.src = "./diagram.html";
    document.body.append(frame);
  } else if (ready) {
    frame.contentWindow?.postMessage({ id: order.id, text: order.text, dark: order.dark }, "*");
  }
}

function finish(id: number, svg: string | undefined, wrong: string): void {
  const order = orders[0];
  if (order?.id !== id) return;
  clearTimeout(timer);
  timer = 0;
  orders = orders.slice(1);
  if (svg !== undefined) order.resolve(svg);
  else {
    order.reject(new Error(wrong));
    // What went wrong may have left something behind.
    frame?.remove();
    frame = undefined;
    ready = false;
  }
  next();
}

addEventListener("message", (event: MessageEvent<{ ready?: boolean; id?: unknown; svg?: unknown; wrong?: unknown } | null>) => {
  if (!frame || event.source !== frame.contentWindow || typeof event.data !== "object" || !event.data) return;
  const { id, svg, wrong } = event.data;
  if (event.data.ready === true) {
    ready = true;
    next();
  } else if (typeof id === "number") {
    finish(id, typeof svg === "string" ? svg : undefined, typeof wrong === "string" ? wrong : "");
  }
});
