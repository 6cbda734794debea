/** Sentences of the server in the page's language. */

/**
 * The server's sentences and what they are in Chinese; `{}` stands for what differs from one to the next, in the same order in both.
 * A test holds the English to the server's source. The first that fits is taken, so those that fit much come last.
 */
export const SENTENCES: readonly (readonly [string, string])[] = [
  ["this server needs an API key, in the header Authorization: Bearer KEY", "此服务器需要 API 密钥，放在 Authorization: Bearer 请求头中。"],
  ["the API key is not known here, or was revoked", "此服务器不认识这个 API 密钥，或密钥已被吊销。"],
  ["there is no model {} here; the models are {}", "这里没有模型 {}，现有模型：{}。"],
  ["{} could not be loaded; the server's log says more", "{} 未能加载，详情见服务器日志。"],
  ["{} has stopped; the server's log says more", "{} 已停止，详情见服务器日志。"],
  ["others are being answered, and measuring would keep them waiting; try again in a moment", "正在回答其他请求，测量会让它们等待，请稍后再试。"],
  ["the model stopped; the server's log says more", "模型已停止，详情见服务器日志。"],
  ["the answer ended without a result; the server's log says more", "回答没有结果就结束了，详情见服务器日志。"],
  ["the model could not be loaded in the time that a request has", "模型未能在一个请求允许的时间内加载完。"],
  [
    "{} needs {} bytes of memory, but all models together may take {}; the server needs a larger --memory-budget or a smaller --context",
    "{} 需要 {} 字节内存，而全部模型一共只能用 {} 字节。需要调大服务器的 --memory-budget，或调小 --context。",
  ],
  [
    "{} has no chat template, so it cannot hold a conversation; use /v1/completions, or start the server with --template",
    "{} 没有对话模板，不能对话（多半是基础模型）。请另选模型，或用 --template 启动服务器。",
  ],
  ["the last message cannot be continued, because the model's template changes or leaves out its text", "模型的模板会改动或略去最后一条消息，因此不能接着写。"],
  [
    "the prompt has {} tokens, but the server takes at most {} (--max-prompt-tokens)",
    "提示词有 {} 个词元，而服务器最多接受 {} 个（--max-prompt-tokens）。",
  ],
  [
    "the prompt is too long: it has {} tokens, but this model's maximum context length is {} tokens, and the answer needs at least one of them; shorten the prompt or start the server with a larger --context",
    "提示词过长：有 {} 个词元，而此模型的上下文最多 {} 个，其中至少要留一个给回答。请缩短提示词，或调大 --context 后重启服务器。",
  ],
  [
    "the prompt is too long: its {} bytes are at least {} tokens, but this model's maximum context length is {} tokens, and a prompt may have {} of them; shorten the prompt or start the server with a larger {}",
    "提示词过长：{} 字节至少有 {} 个词元，而此模型的上下文最多 {} 个，提示词可占其中 {} 个。请缩短提示词，或调大 {} 后重启服务器。",
  ],
  [
    "{} tokens with {} alternatives each are {} log-probabilities, but one request may have {}; ask for fewer alternatives, choices or tokens (max_tokens)",
    "{} 个词元各带 {} 个候选，共 {} 个对数概率，而一个请求最多 {} 个。",
  ],
  [
    "max_tokens is {}, but the server allows at most {} (--max-answer-tokens)",
    "最大词元数设为 {}，而服务器最多允许 {}（--max-answer-tokens）。",
  ],
  ["the body is larger than the {} bytes that the server takes (--max-body-bytes)", "请求超过服务器接受的 {} 字节（--max-body-bytes）。"],
  ["the body did not come within {} s (--read-seconds)", "请求内容没有在 {} 秒内到齐（--read-seconds）。"],
  ["the memory for large requests is in use (--request-memory); try again in a moment", "用于大请求的内存（--request-memory）已占满，请稍后再试。"],
  ["the server is stopping; ask another or try again later", "服务器正在停止，请稍后再试。"],
  ["pages of {} may not ask this server; allow them with --cors-origin {}", "此服务器不接受来自 {} 的页面。可用 --cors-origin {} 允许。"],
  ["this server is not asked under the name {}; allow it with --allow-host {}", "此服务器不以 {} 的名义应答。可用 --allow-host {} 允许。"],
  ["this server makes no receipts; its log says why, or --receipts 0", "此服务器不出具回执，原因见其日志，或是设了 --receipts 0。"],
  [
    "the answer cannot be recorded, and what is not recorded is not answered: {}",
    "回答无法记录，而不能记录的一律不回答：{}",
  ],
  ["{} requests are waiting already, as many as may; try again later", "已有 {} 个请求在排队，达到上限，请稍后再试。"],
  ["the answer took longer than the {} s that the server allows (--request-seconds)", "回答用时超过服务器允许的 {} 秒（--request-seconds）。"],
  ["prompt and answer have {} tokens, but a trace may have {}", "提示词与回答共 {} 个词元，而查看最多 {} 个。"],
  ["{} traces wait already; try again in a moment", "已有 {} 个查看请求在排队，请稍后再试。"],
  ["the trace took longer than the server allows", "查看用时超过服务器允许的时间。"],
  ["the chat template refuses this conversation: {}", "对话模板不接受这样的对话：{}"],
  ["the chat template failed in line {}: {}", "对话模板在第 {} 行出错：{}"],
  ["{} is {}, but must be {}", "{} 的值是 {}，应为 {}。"],
];

const known = SENTENCES.map(([english, chinese]) => [new RegExp(`^${english.split("{}").map(escaped).join("(.*?)")}$`, "s"), chinese] as const);

/** A sentence of the server in a language, if it is known there. English is what the server speaks. */
export function translated(sentence: string, language: string): string | undefined {
  if (language === "en") return sentence;
  for (const [pattern, chinese] of known) {
    const parts = pattern.exec(sentence);
    if (!parts) continue;
    let at = 0;
    return chinese.replace(/\{\}/g, () => parts[++at] ?? "");
  }
  return undefined;
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
