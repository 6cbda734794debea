/** Server-sent events, as the HTML standard defines the stream; only `data` matters here. */

/** Cuts a stream of text pieces into the data of its events. */
export class EventReader {
  private rest = "";
  private data: string[] = [];

  /** Takes the next piece and gives the data of each event that it completes. */
  push(piece: string): string[] {
    const events: string[] = [];
    this.rest += piece;
    // A carriage return at the end may be half of a line end.
    const usable = this.rest.endsWith("\r") ? this.rest.length - 1 : this.rest.length;
    const lines = this.rest.slice(0, usable).split(/\r\n|\n|\r/);
    this.rest = (lines.pop() ?? "") + this.rest.slice(usable);
    for (const line of lines) {
      if (line === "") {
        if (this.data.length > 0) events.push(this.data.join("\n"));
        this.data = [];
      } else if (line.startsWith("data:")) {
        this.data.push(line.slice(line[5] === " " ? 6 : 5));
      }
    }
    return events;
  }
}

/** The data of each event of a response's body. */
export async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const cutter = new EventReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      yield* cutter.push(done ? decoder.decode() : decoder.decode(value, { stream: true }));
      if (done) return;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
