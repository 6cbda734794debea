/** What if: another token at a place, a layer or a head switched off, a vector added, a value from another text put in its place. */
import { useState } from "preact/hooks";
import { RequestFailed } from "../api/failures";
import type { Failure } from "../conversation/types";
import { key } from "../store/preferences";
import { FailureText } from "../view/FailureText";
import { asked, at, branches, found, grow, show, step, visible as visibleOf, type Branch } from "./state";
import { percent, quoted, visible } from "./Text";
import { branch, changed, rowOf, type Edit, type Step, type Trace, type Visible } from "./trace";
import { words } from "./words";

/** Tokens of a branch. */
const TOKENS = 24;
/** What a layer hands on. */
const OUTPUT = "block_output";
/** What the heads of a layer give. */
const HEADS = "attention_output";

/** Work that asks the server, with what went wrong. */
function useWork(): [boolean, Failure | undefined, (work: () => Promise<void>) => void] {
  const [running, setRunning] = useState(false);
  const [failure, setFailure] = useState<Failure>();
  const run = (work: () => Promise<void>) => {
    setRunning(true);
    setFailure(undefined);
    work()
      .catch((error: unknown) => setFailure(error instanceof RequestFailed ? error.failure : { kind: "server" }))
      .finally(() => setRunning(false));
  };
  return [running, failure, run];
}

export function WhatIf() {
  const trace = found.value;
  const list = visibleOf.value;
  if (!trace || !list) return null;
  return (
    <>
      <Others key={`others ${trace.id} ${at.value}`} trace={trace} />
      <Tree />
      <Edits key={`edits ${trace.id}`} trace={trace} list={list} />
    </>
  );
}

/** Other tokens that could stand at the chosen place. */
function Others({ trace }: { trace: Trace }) {
  const w = words.value;
  const [running, failure, run] = useWork();
  const why = step.value;
  if (!why) return <p>{w.ofPrompt}</p>;
  const choose = (id: number) =>
    run(async () => {
      const prompt = [...trace.tokens.slice(0, at.value).map((token) => token.id), id];
      grow(await branch(asked.value ?? {}, trace, prompt, TOKENS, [], key.value), at.value, "");
    });
  const own = trace.tokens[at.value]?.id;
  return (
    <>
      <h3>{w.others}</h3>
      <p class="hint">{w.othersLead}</p>
      <p class="others">
        {(why.stages[0]?.best ?? [])
          .filter(({ id }) => id !== own)
          .map(({ id, text, share }) => (
            <button key={id} type="button" class="button" disabled={running} onClick={() => choose(id)}>
              <bdi>{visible(text, id)}</bdi> <small>{percent(share)}</small>
            </button>
          ))}
      </p>
      <p role="status" class="hint">
        {running ? w.growing : ""}
      </p>
      {failure && <FailureText failure={failure} />}
    </>
  );
}

function Tree() {
  const w = words.value;
  const all = branches.value;
  if (all.length < 2) return null;
  return (
    <>
      <h3 id="glass-tree">{w.tree}</h3>
      <div class="tree" role="region" aria-labelledby="glass-tree" tabIndex={0}>
        <Limb all={all} of={null} />
      </div>
    </>
  );
}

function Limb({ all, of }: { all: Branch[]; of: number | null }) {
  const w = words.value;
  const own = all.map((each, index) => ({ each, index })).filter(({ each }) => each.parent === of);
  if (own.length === 0) return null;
  return (
    <ul>
      {own.map(({ each, index }) => {
        const { trace, from, note } = each;
        const start = of === null ? trace.prompt_tokens : from;
        const text = trace.tokens
          .slice(start)
          .map((token) => token.text)
          .join("");
        const isShown = found.value === trace;
        return (
          <li key={index}>
            <button type="button" class="limb" aria-pressed={isShown} onClick={() => show(index)}>
              {note && <b>{note}</b>} {of !== null && !note && <small>{w.fromPosition(String(from))}</small>} <bdi>{visible(text)}</bdi>
            </button>
            <Limb all={all} of={index} />
          </li>
        );
      })}
    </ul>
  );
}

type Kind = "layer" | "head" | "steer" | "patch";

interface Form {
  kind: Kind;
  layer: number;
  head: number;
  strength: string;
  towards: string;
  away: string;
}

/** The edits that a form stands for. What texts bring is read from the model first. */
async function editsOf(form: Form, trace: Trace, position: number): Promise<Edit[]> {
  const layers = [form.layer];
  const row = (text: string) => rowOf(trace.model, text, OUTPUT, form.layer, key.value);
  switch (form.kind) {
    case "layer":
      return [{ off: "layer", layers }];
    case "head":
      return [{ off: HEADS, layers, heads: [form.head] }];
    case "steer": {
      const [to, from] = [await row(form.towards), await row(form.away)];
      const strength = Number(form.strength) || 0;
      return [{ add: OUTPUT, layers, numbers: to.map((number, index) => Math.fround(strength * (number - (from[index] ?? 0)))) }];
    }
    case "patch":
      return [{ put: OUTPUT, layers, positions: [position - 1], numbers: await row(form.towards) }];
  }
}

function Edits({ trace, list }: { trace: Trace; list: Visible }) {
  const w = words.value;
  const outputs = list.data.find(({ name }) => name === OUTPUT)?.layers ?? [];
  const headed = list.data.find(({ name, heads }) => name === HEADS && heads > 1);
  const [form, setForm] = useState<Form>({ kind: "layer", layer: outputs[0] ?? 0, head: 0, strength: "1", towards: w.usualTowards, away: w.usualAway });
  const [after, setAfter] = useState<{ step: Step | undefined; at: number; fingerprint: string }>();
  const [running, failure, run] = useWork();
  const kinds: Kind[] = [...(outputs.length ? (["layer"] as const) : []), ...(headed ? (["head"] as const) : []), ...(outputs.length ? (["steer", "patch"] as const) : [])];
  if (kinds.length === 0) return null;
  const set = (change: Partial<Form>) => setForm({ ...form, ...change });
  const layers = form.kind === "head" ? headed!.layers : outputs;
  const effect = () =>
    run(async () => {
      const position = at.value;
      const other = await changed(trace, await editsOf(form, trace, position), position, key.value);
      setAfter({ step: other.steps[0], at: position, fingerprint: other.system_fingerprint });
    });
  const answer = () =>
    run(async () => {
      const edits = await editsOf(form, trace, at.value);
      const prompt = trace.tokens.slice(0, trace.prompt_tokens).map(({ id }) => id);
      grow(await branch(asked.value ?? {}, trace, prompt, TOKENS, edits, key.value), trace.prompt_tokens, w.edited(w.kinds[form.kind], String(form.layer)));
    });
  return (
    <>
      <h3>{w.edits}</h3>
      <p class="hint">{w.editsLead}</p>
      <form class="edits" onSubmit={(event) => (event.preventDefault(), effect())}>
        <label>
          <span>{w.change}</span>
          <select value={form.kind} onChange={(event) => set({ kind: event.currentTarget.value as Kind })}>
            {kinds.map((kind) => (
              <option key={kind} value={kind}>
                {w.kinds[kind]}
              </option>
            ))}
          </select>
        </label>
        <label>
          <span>{w.layer}</span>
          <select value={form.layer} onChange={(event) => set({ layer: Number(event.currentTarget.value) })}>
            {layers.map((layer) => (
              <option key={layer} value={layer}>
                {layer}
              </option>
            ))}
          </select>
        </label>
        {form.kind === "head" && (
          <label>
            <span>{w.head}</span>
            <select value={form.head} onChange={(event) => set({ head: Number(event.currentTarget.value) })}>
              {Array.from({ length: headed!.heads }, (_, head) => (
                <option key={head} value={head}>
                  {head}
                </option>
              ))}
            </select>
          </label>
        )}
        {(form.kind === "steer" || form.kind === "patch") && <Words name={form.kind === "steer" ? w.towards : w.ofText} value={form.towards} set={(towards) => set({ towards })} />}
        {form.kind === "steer" && <Words name={w.away} value={form.away} set={(away) => set({ away })} />}
        {form.kind === "steer" && <Words name={w.strength} value={form.strength} set={(strength) => set({ strength })} />}
        <p>
          <button type="submit" class="button main" disabled={running || !step.value}>
            {w.effect}
          </button>{" "}
          <button type="button" class="button" disabled={running} onClick={answer}>
            {w.answerEdited}
          </button>
        </p>
      </form>
      <p role="status" class="hint">
        {running ? w.growing : ""}
      </p>
      {failure && <FailureText failure={failure} />}
      {after && <Effect before={trace.steps.find(({ position }) => position === after.at)} after={after.step} fingerprint={after.fingerprint} />}
    </>
  );
}

function Words({ name, value, set }: { name: string; value: string; set: (value: string) => void }) {
  return (
    <label>
      <span>{name}</span> <input type="text" autocomplete="off" value={value} onInput={(event) => set(event.currentTarget.value)} />
    </label>
  );
}

/** The likeliest tokens before and after, by the model's own logits. */
function Effect({ before, after, fingerprint }: { before: Step | undefined; after: Step | undefined; fingerprint: string }) {
  const w = words.value;
  if (!before || !after) return null;
  const [own, other] = [before.stages[0]?.best ?? [], after.stages[0]?.best ?? []];
  const shares = (list: typeof own) => new Map(list.map(({ id, share }) => [id, share]));
  const [then, now] = [shares(own), shares(other)];
  const tokens = [...new Map([...other, ...own].map(({ id, text }) => [id, text])).entries()];
  const cell = (share: number | undefined) => (share === undefined ? w.fewer : percent(share));
  const [first, second] = [own[0], other[0]];
  return (
    <>
      <p role="status">{first && second && (first.id === second.id ? w.stillFirst(quoted(second.text, second.id)) : w.nowFirst(quoted(second.text, second.id), quoted(first.text, first.id)))}</p>
      <div class="wide" tabIndex={0} role="region" aria-label={w.effect}>
        <table>
          <thead>
            <tr>
              <th scope="col">{w.token}</th>
              <th scope="col">{w.before}</th>
              <th scope="col">{w.after}</th>
            </tr>
          </thead>
          <tbody>
            {tokens.map(([id, text]) => (
              <tr key={id}>
                <th scope="row">
                  <code>{visible(text, id)}</code>
                </th>
                <td>{cell(then.get(id))}</td>
                <td>{cell(now.get(id))}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="hint">
        {w.label(w.fingerprint)}
        <code>{fingerprint}</code>
      </p>
    </>
  );
}
