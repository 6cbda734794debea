/** What is known of an answer, folded into a tally: the left half is the model's, the right half the answer's. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import * as client from "../api/client";
import { RequestFailed } from "../api/failures";
import type { Conversation, Message, Origin } from "../conversation/types";
import { NUMBERS } from "../conversation/settings";
import { sent } from "../conversation/sent";
import * as tree from "../conversation/tree";
import * as exports from "../export";
import { speeds } from "../conversation/ends";
import { check, comparisons, probabilities, weigh } from "../store/answers";
import { key, save } from "../store/preferences";
import { number, words, type Words } from "../words";
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
  const speed = speeds(origin).answer;
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
        {speed !== undefined && (
          <span class="speed" title={`${w.decode}: ${w.measuredHint}`}>
            {w.perSecond(rate(speed))}
          </span>
        )}
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
      {open && (
        <Details id={details} origin={origin}>
          {made && (message.text || message.reasoning) && (
            <button
              type="button"
              class="link"
              title={w.probabilitiesHint}
              disabled={probabilities.value[message.id]?.state === "running"}
              onClick={() => void weigh(conversation, message)}
            >
              {w.probabilities}
            </button>
          )}
          {made && origin.finish !== "error" && <LookInside conversation={conversation} message={message} />}
        </Details>
      )}
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

function Details({ id, origin, children }: { id: string; origin: Origin; children: ComponentChildren }) {
  const w = words.value;
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => list.current?.scrollIntoView({ block: "nearest" }), []);
  const set = NUMBERS.filter(({ name }) => name !== "seed" && origin.settings[name] !== undefined);
  return (
    <div class="details" id={id} ref={list}>
      <dl>
        <Fact name={w.model} value={origin.model} />
        <Fact name={w.fingerprint} value={origin.fingerprint} copied hint={w.fingerprintHint} />
        <Fact name={w.answerId} value={origin.id} copied>
          {origin.id && <Receipt id={origin.id} />}
        </Fact>
        <Fact name={w.seed} value={String(origin.seed)} copied />
        {set.map(({ name }) => (
          <Fact key={name} name={w[name]} value={String(origin.settings[name])} />
        ))}
        {origin.promptTokens !== undefined && <Fact name={w.prompt} value={promptOf(origin, w)} />}
        {origin.tokens !== undefined && <Fact name={w.answer} value={w.tokens(number(origin.tokens))} />}
        {origin.timings && <Measured origin={origin} />}
        {origin.firstText !== undefined && <Fact name={w.firstText} value={seconds(origin.firstText)} />}
      </dl>
      {children && <div class="details-more">{children}</div>}
    </div>
  );
}

/** What the server measured: the prompt's part and the answer's part of the time, apart. */
function Measured({ origin }: { origin: Origin }) {
  const w = words.value;
  const { timings } = origin;
  if (!timings) return null;
  const { prompt, answer } = speeds(origin);
  const said = (tokens: number, time: number, speed: number | undefined) =>
    w.measured(number(tokens), seconds(time), speed === undefined ? "" : w.perSecond(rate(speed)));
  return (
    <>
      {timings.queue >= 1 && <Fact name={w.queue} value={seconds(timings.queue)} hint={w.measuredHint} />}
      <Fact name={w.prefill} value={said(timings.promptTokens, timings.prompt, prompt)} hint={w.measuredHint} />
      {timings.tokens > 1 && <Fact name={w.decode} value={said(timings.tokens, timings.answer, answer)} hint={w.measuredHint} />}
    </>
  );
}

function promptOf({ promptTokens, timings }: Origin, w: Words): string {
  const all = number(promptTokens ?? 0);
  return timings?.cached ? w.cachedTokens(all, number(timings.cached)) : w.tokens(all);
}

function seconds(milliseconds: number): string {
  return `${number(milliseconds / 1000, milliseconds < 10_000 ? 2 : 1)} s`;
}

function rate(speed: number): string {
  return number(speed, speed < 10 ? 1 : 0);
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

/** Hands the question over to the glass box. */
function LookInside({ conversation, message }: Props) {
  const w = words.value;
  const { origin } = message;
  const before = tree.pathTo(conversation, message.parent, true);
  // An answer that goes on from another, and one that called tools, were asked for otherwise.
  if (!origin || message.begun !== undefined || origin.tools?.length) return null;
  const { system, ...settings } = origin.settings;
  const messages = [...(system.trim() ? [{ role: "system", content: system }] : []), ...sent(before)];
  return (
    <a class="link" href="./glass" onClick={() => save("glass", JSON.stringify({ ...settings, messages, seed: origin.seed, model: origin.model }))}>
      {w.lookInside}
    </a>
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

/** The part of an identifier that tells it from others: its end for ids, which begin with their time. */
function shortened(text: string | undefined, end = false): string {
  const plain = (text ?? "").replace(/^[a-z]+\d*[-_:]/i, "");
  return end ? plain.slice(-SHOWN) : plain.slice(0, SHOWN);
}
