/** Calls of tools that an answer asks for: what would be sent where, and what came back. Nothing is sent before the person agrees. */
import type { Call, Conversation, Message } from "../conversation/types";
import { Coloured } from "../markdown/Code";
import { allow, refuse } from "../store/answers";
import { toolOf } from "../store/tools";
import { words } from "../words";

interface Props {
  conversation: Conversation;
  message: Message;
}

export function Calls({ conversation, message }: Props) {
  const w = words.value;
  if (!message.calls) return null;
  return (
    <ul class="calls" aria-label={w.calls}>
      {message.calls.map((call) => (
        <li key={call.id} class={`call call-${call.state}`}>
          <header>
            <strong>{call.server && call.tool ? w.callOf(call.tool, new URL(call.server).host) : call.name}</strong>
            <span>{message.state === "writing" ? "" : w.callStates[call.state]}</span>
          </header>
          {call.state === "asked" && message.state === "done" && <Question conversation={conversation} message={message} call={call} />}
          <Coloured text={pretty(call.arguments)} language="json" />
          {call.result !== undefined && (
            <details open={call.state === "failed"}>
              <summary>{w.callResult}</summary>
              <pre tabIndex={0}>{call.result}</pre>
            </details>
          )}
        </li>
      ))}
    </ul>
  );
}

function Question({ conversation, message, call }: Props & { call: Call }) {
  const w = words.value;
  const tool = toolOf(call);
  return (
    <div class="consent">
      <p>{tool ? w.callQuestion : w.callUnknown}</p>
      {tool?.description && (
        <details>
          <summary>{w.callDescription}</summary>
          <p>{tool.description}</p>
        </details>
      )}
      <div class="choices">
        <button type="button" class="button" onClick={() => refuse(conversation.id, message, call)}>
          {w.callRefuse}
        </button>
        {tool && (
          <>
            <button type="button" class="button" onClick={() => void allow(conversation.id, message, call, true)}>
              {w.callAlways}
            </button>
            <button type="button" class="button main" onClick={() => void allow(conversation.id, message, call, false)}>
              {w.callAllow}
            </button>
          </>
        )}
      </div>
    </div>
  );
}

/** Arguments as they are read best; what is no JSON stands as the model wrote it. */
function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
