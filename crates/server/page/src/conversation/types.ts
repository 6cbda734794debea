/** What the page knows of a conversation: plain data, as it is stored and exported. */

/** What was asked for. A value that is missing is left to the server. */
export interface Settings {
  model: string;
  system: string;
  temperature?: number;
  top_p?: number;
  top_k?: number;
  min_p?: number;
  seed?: number;
  max_tokens?: number;
}

/** Why an answer is not complete, in the server's words where it said something. */
export interface Failure {
  kind: FailureKind;
  /** HTTP status, where there was one. */
  status?: number;
  /** The server's own sentence. */
  sentence?: string;
  /** Seconds after which the server wants to be asked again. */
  retryAfter?: number;
}

export type FailureKind =
  | "unreachable"
  | "no-key"
  | "bad-key"
  | "key"
  | "request"
  | "context"
  | "missing"
  | "busy"
  | "too-large"
  | "loading"
  | "server"
  | "cut";

/** What the server measured: times in milliseconds. */
export interface Timings {
  queue: number;
  /** Tokens of the prompt that were computed before, for an earlier answer. */
  cached: number;
  /** Tokens of the prompt that were computed now, and how long that took. */
  promptTokens: number;
  prompt: number;
  /** Tokens of the answer, and the time from the first to the last. */
  tokens: number;
  answer: number;
}

/** A function that the model may call, as the API describes it. */
export interface ToolDefinition {
  type: "function";
  function: { name: string; description?: string; parameters: Record<string, unknown> };
}

/** What is known about how an answer came about. */
export interface Origin {
  /** The answer's id, which is also its receipt's. */
  id?: string;
  model: string;
  /** What decides every bit of the answer besides prompt, settings and seed. */
  fingerprint?: string;
  settings: Settings;
  /** The seed that was sent; always there, so that every answer can be asked for again. */
  seed: number;
  finish?: string;
  promptTokens?: number;
  tokens?: number;
  timings?: Timings;
  /** Most tokens of prompt and answer together, where the server said it. */
  context?: number;
  /** The functions that the model could call. */
  tools?: ToolDefinition[];
  /** Milliseconds from the request to the first text. */
  firstText?: number;
  /** The label for generated content that the server gave, word for word. */
  aigc?: Record<string, unknown>;
}

export type State = "waiting" | "writing" | "done" | "stopped" | "failed";

/** A file that goes with a message, as the text that the model reads. */
export interface Attachment {
  name: string;
  kind: "text" | "table" | "pdf";
  text: string;
  /** Bytes of the file. */
  size: number;
}

/** A call of a tool that the model asks for, and what became of it. */
export interface Call {
  id: string;
  /** The function's name, as the model wrote it, and its arguments, as JSON or whatever the model wrote in its place. */
  name: string;
  arguments: string;
  /** The address of the server that has the tool, and the tool's name there; missing where no server offers it. */
  server?: string;
  tool?: string;
  state: "asked" | "running" | "done" | "refused" | "failed";
  result?: string;
}

/** One message. Messages form a tree: what was edited or asked again has the same parent. */
export interface Message {
  id: string;
  parent: string | null;
  role: "user" | "assistant";
  text: string;
  reasoning?: string;
  created: number;
  /** Only for questions. */
  files?: Attachment[];
  /** Only for answers. */
  state?: State;
  origin?: Origin;
  failure?: Failure;
  /** The text of an earlier answer that this one goes on from; its own text begins with it. */
  begun?: string;
  calls?: Call[];
}

export interface Conversation {
  id: string;
  title: string;
  /** Whether a person chose the title. */
  named: boolean;
  created: number;
  changed: number;
  settings: Settings;
  /** In the order in which they came to be; parents before children. */
  messages: Message[];
  /** The message that the path on show ends with. */
  leaf: string | null;
  /** The tools that may be called without a question, by server, name and description together. */
  allowed?: string[];
}
