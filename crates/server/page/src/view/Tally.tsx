/** What is known of an answer, folded into a tally: the left half is the model's, the right half the answer's. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import * as client from "../api/client";
import { RequestFailed } from "../api/failures";
import type { Conversation, Message, Origin } from "../conversation/types";
import { NUMBERS } from "../conversation/settings";
import * as exports from "../export";
import { check, comparisons } from "../store/answers";
import { key } from "../store/preferences";
import { number, words } from "../words";
import { CopyButton } from "./CopyButton";
import { FailureText } from "./FailureText";
import { Icon } from "./Icon";

/** Characters of a fingerprint or id that are shown in the folded tally. */
const SHOWN = 6;

interface Props {
  conversation: Conversation;
  message: Message;
}

export function Tally({ conversation, message, children }: Props & { children: ComponentChildren }) {
  const w = words.value;
  const [open, setOpen] = useState(false);
  const origin = message.origin;
  if (!origin) return null;
  const made = message.state === "done" || message.state === "stopped";
  const comparison = comparisons.value[message.id];
  const speed = speedOf(origin);
  const details = `details-${message.id}`;
  return (
    <footer class="origin">
      <div class="origin-row">
        <button
          type="button"
          class={`tally tally-${comparison?.state ?? (made ? "closed" : "apart")}`}
          aria-expanded={open}
          aria-controls={details}
          title={w.details}
          onClick={() => setOpen(!open)}
        >
          <span class="unseen">{w.details}: </span>
          <span class="half left">{shortened(origin.fingerprint) || origin.model || "·"}</span>
          <span class="half right">{shortened(origin.id, true) || "·"}</span>
        </button>
        {speed !== undefined && <span class="speed">{w.perSecond(number(speed, speed < 10 ? 1 : 0))}</span>}
        {children}
        {made && origin.finish !== "error" && (message.text || message.reasoning) && (
          <button
            type="button"
            class="icon-button labelled"
            title={w.checkHint}
            disabled={comparison?.state === "running"}
            onClick={() => void check(conversation, message)}
          >
            <Icon name="check" />
            {comparison?.state === "running" ? w.checking : w.check}
          </button>
        )}
      </div>
      <Finding message={message} />
      {open && <Details id={details} origin={origin} />}
    </footer>
  );
}

/** What a check found. */
function Finding({ message }: { message: Message }) {
  const w = words.value;
  const comparison = comparisons.value[message.id];
  let said: ComponentChildren = null;
  if (comparison?.state === "same") {
    const kept = comparison.fingerprint;
    said = <p class={kept ? "finding same" : "finding different"}>{kept ? w.same : w.sameOtherFingerprint}</p>;
  } else if (comparison?.state === "different") {
    said = <p class="finding different">{w.different(number(comparison.at))}</p>;
  } else if (comparison?.state === "failed") {
    said = (
      <div class="finding different">
        <p>{w.checkFailed}</p>
        <FailureText failure={comparison.failure} />
      </div>
    );
  }
  return <div role="status">{said}</div>;
}

function Details({ id, origin }: { id: string; origin: Origin }) {
  const w = words.value;
  const seconds = (milliseconds: number) => `${number(milliseconds / 1000, 2)} s`;
  const list = useRef<HTMLDListElement>(null);
  useEffect(() => list.current?.scrollIntoView({ block: "nearest" }), []);
  const set = NUMBERS.filter(({ name }) => name !== "seed" && origin.settings[name] !== undefined);
  return (
    <dl class="details" id={id} ref={list}>
      <Fact name={w.model} value={origin.model} />
      <Fact name={w.fingerprint} value={origin.fingerprint} copied hint={w.fingerprintHint} />
      <Fact name={w.answerId} value={origin.id} copied>
        {origin.id && <Receipt id={origin.id} />}
      </Fact>
      <Fact name={w.seed} value={String(origin.seed)} copied />
      {set.map(({ name }) => (
        <Fact key={name} name={w[name]} value={String(origin.settings[name])} />
      ))}
      {origin.promptTokens !== undefined && <Fact name={w.prompt} value={w.tokens(number(origin.promptTokens))} />}
      {origin.tokens !== undefined && <Fact name={w.answer} value={w.tokens(number(origin.tokens))} />}
      {origin.firstText !== undefined && <Fact name={w.firstText} value={seconds(origin.firstText)} />}
    </dl>
  );
}

interface FactProps {
  name: string;
  value: string | undefined;
  copied?: boolean;
  hint?: string;
  children?: ComponentChildren;
}

function Fact({ name, value, copied, hint, children }: FactProps) {
  if (!value) return null;
  return (
    <div>
      <dt title={hint}>{name}</dt>
      <dd>
        <span>{value}</span>
        {copied && <CopyButton text={value} label={words.value.copyValue(name)} />}
        {children}
      </dd>
    </div>
  );
}

/** Fetches the receipt of an answer and saves it as a file. */
function Receipt({ id }: { id: string }) {
  const w = words.value;
  const [missing, setMissing] = useState(false);
  const fetch = async () => {
    try {
      exports.save(await client.receipt(id, key.value), `${exports.fileName(id)}.receipt.json`, "application/json");
      setMissing(false);
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      setMissing(true);
    }
  };
  return (
    <>
      <button type="button" class="link" onClick={() => void fetch()}>
        {w.receipt}
      </button>
      {missing && <span role="alert">{w.receiptMissing}</span>}
    </>
  );
}

/** Tokens per second after the first one. */
function speedOf(origin: Origin): number | undefined {
  const { tokens, writing } = origin;
  return tokens !== undefined && tokens > 1 && writing ? ((tokens - 1) * 1000) / writing : undefined;
}

/** The part of an identifier that tells it from others: its end for ids, which begin with their time. */
function shortened(text: string | undefined, end = false): string {
  const plain = (text ?? "").replace(/^[a-z]+\d*[-_:]/i, "");
  return end ? plain.slice(-SHOWN) : plain.slice(0, SHOWN);
}
