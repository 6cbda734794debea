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
  | "key"
  | "request"
  | "missing"
  | "busy"
  | "too-large"
  | "loading"
  | "server"
  | "cut";

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
  /** Milliseconds from the request to the first text. */
  firstText?: number;
  /** Milliseconds from the first to the last text. */
  writing?: number;
  /** The label for generated content that the server gave, word for word. */
  aigc?: Record<string, unknown>;
}

export type State = "waiting" | "writing" | "done" | "stopped" | "failed";

/** One message. Messages form a tree: what was edited or asked again has the same parent. */
export interface Message {
  id: string;
  parent: string | null;
  role: "user" | "assistant";
  text: string;
  reasoning?: string;
  created: number;
  /** Only for answers. */
  state?: State;
  origin?: Origin;
  failure?: Failure;
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
}
