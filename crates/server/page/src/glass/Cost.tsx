/** What the answer took: time as the server measured it, and what one token takes, operation by operation. */
import { useState } from "preact/hooks";
import { RequestFailed } from "../api/failures";
import type { Failure } from "../conversation/types";
import { key } from "../store/preferences";
import { FailureText } from "../view/FailureText";
import { number } from "../words";
import { Bars } from "./Inside";
import { found, visible } from "./state";
import { measured, type Measured, type MeasuredStep, type Trace, type Visible } from "./trace";
import { words } from "./words";

/** Operations that are told one by one. */
const TOLD = 12;

type Operation = NonNullable<Visible["operations"]>[number];

export function Cost() {
  const trace = found.value;
  if (!trace) return null;
  const operations = visible.value?.operations ?? [];
  const bytes = operations.reduce((sum, { weight_bytes }) => sum + weight_bytes, 0);
  return (
    <>
      <Times trace={trace} bytes={bytes} />
      <Steps />
      {operations.length > 0 && <Work operations={operations} bytes={bytes} />}
    </>
  );
}

/** Bytes in a unit in which they are not nothing. */
function size(bytes: number): string {
  if (bytes < 1e5) return `${number(bytes / 1e3, 1)} kB`;
  return bytes < 1e9 ? `${number(bytes / 1e6, 1)} MB` : `${number(bytes / 1e9, 2)} GB`;
}

/** What was measured of every step, and what measures it. */
function Steps() {
  const w = words.value;
  const [running, setRunning] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const list = visible.value;
  if (list?.measured === undefined) return null;
  const run = async () => {
    setRunning(true);
    setFailure(null);
    try {
      const found = await measured(list.model, key.value);
      // Meanwhile another model may have been asked.
      if (visible.value?.model === list.model) visible.value = { ...visible.value, measured: found };
    } catch (error) {
      setFailure(error instanceof RequestFailed ? error.failure : { kind: "server" });
    }
    setRunning(false);
  };
  return (
    <>
      <h3>{w.steps}</h3>
      {list.measured ? <StepTable of={list.measured} /> : <p class="hint">{w.stepsNone}</p>}
      {failure && <FailureText failure={failure} />}
      <button type="button" class="button" disabled={running} onClick={() => void run()}>
        {list.measured ? w.measureAgain : w.measure}
      </button>{" "}
      <span role="status">{running && w.measuring}</span>
    </>
  );
}

function StepTable({ of: { isa, threads, prompt, steps, faults, limits, all, operations } }: { of: Measured }) {
  const w = words.value;
  const billions = (rate: number) => number(rate / 1e9, 1);
  const milliseconds = (seconds: number) => `${number((1e3 * seconds) / steps, 3)} ms`;
  const name = ({ operation }: MeasuredStep) => ({ all: w.whole, rest: w.betweenSteps })[operation] ?? <code>{operation}</code>;
  return (
    <>
      <p class="hint">{w.stepsLead(`${prompt}–${prompt + steps - 1}`)}</p>
      <p>{w.limitsWere(billions(limits.read_bytes), billions(limits.int8_multiply_adds), billions(limits.f32_multiply_adds), isa, String(threads))}</p>
      {faults.length > 0 && <p class="different">{w.faults}</p>}
      <div class="wide" tabIndex={0} role="region" aria-label={w.steps}>
        <table class="steps">
          <thead>
            <tr>
              <th scope="col">{w.step}</th>
              {[w.time, w.limit, w.shareOfLimit, w.bytes].map((head) => (
                <th key={head} scope="col" class="align-right">
                  {head}
                </th>
              ))}
              <th scope="col">{w.boundBy}</th>
            </tr>
          </thead>
          <tbody>
            {[all, ...operations].map((one) => (
              <tr key={one.operation}>
                <th scope="row">{name(one)}</th>
                <td class="align-right">{milliseconds(one.seconds)}</td>
                <td class="align-right">{milliseconds(one.limit_seconds)}</td>
                <td class="align-right">{number(100 * one.achieved, 1)} %</td>
                <td class="align-right">{size(one.bytes / steps)}</td>
                <td>{w.bounds[one.bound]}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {operations.some(({ achieved }) => achieved > 1) && <p class="hint">{w.above}</p>}
    </>
  );
}

/** A time in a unit in which it is not nothing. */
const lasted = (milliseconds: number) => (milliseconds < 1e3 ? `${number(milliseconds, 1)} ms` : `${number(milliseconds / 1e3, 2)} s`);

function Times({ trace: { timings }, bytes }: { trace: Trace; bytes: number }) {
  const w = words.value;
  if (!timings) return <p class="hint">{w.costNone}</p>;
  const { cache_n = 0, prompt_n = 0, prompt_ms = 0, predicted_n = 0, predicted_ms = 0 } = timings;
  // The first token comes with the prompt.
  const rate = predicted_ms > 0 ? (1e3 * (predicted_n - 1) * bytes) / predicted_ms : 0;
  return (
    <>
      <h3>{w.costTimes}</h3>
      <dl class="facts">
        <dt>{w.costCached}</dt>
        <dd>{number(cache_n)}</dd>
        <dt>{w.costPrompt}</dt>
        <dd>
          {w.costOf(prompt_n, number(prompt_n), lasted(prompt_ms))}
        </dd>
        <dt>{w.costAnswer}</dt>
        <dd>
          {w.costOf(predicted_n, number(predicted_n), lasted(predicted_ms))}
        </dd>
      </dl>
      {rate > 0 && <p>{w.costRate(size(rate))}</p>}
    </>
  );
}

/** Operations of one name in all layers, together. */
function together(operations: Operation[]): Operation[] {
  const all = new Map<string, Operation>();
  for (const { name, weight_bytes, multiply_adds } of operations) {
    const before = all.get(name);
    all.set(name, { layer: null, name, weight_bytes: weight_bytes + (before?.weight_bytes ?? 0), multiply_adds: multiply_adds + (before?.multiply_adds ?? 0) });
  }
  return [...all.values()].sort((a, b) => b.weight_bytes - a.weight_bytes || b.multiply_adds - a.multiply_adds);
}

function Work({ operations, bytes }: { operations: Operation[]; bytes: number }) {
  const w = words.value;
  const all = together(operations).slice(0, TOLD);
  const sums = operations.reduce((sum, { multiply_adds }) => sum + multiply_adds, 0);
  const part = (own: number) => (bytes > 0 ? own / bytes : 0);
  return (
    <>
      <h3>{w.costWork}</h3>
      <p class="hint">{w.costLead}</p>
      <p>{w.inAll(size(bytes), number(sums / 1e6, 1))}</p>
      <Bars
        label={w.bytes}
        rows={all.map(({ name, weight_bytes }) => ({ name, value: weight_bytes, said: `${size(weight_bytes)} · ${number(100 * part(weight_bytes), 1)} %` }))}
      />
    </>
  );
}
