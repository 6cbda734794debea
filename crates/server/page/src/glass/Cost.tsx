/** What the answer took: time as the server measured it, and what one token takes, operation by operation. */
import { number } from "../words";
import { Bars } from "./Inside";
import { found, visible } from "./state";
import type { Trace, Visible } from "./trace";
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
      {operations.length > 0 && <Work operations={operations} bytes={bytes} />}
    </>
  );
}

const seconds = (milliseconds: number) => `${number(milliseconds / 1000, 2)} s`;

function Times({ trace: { timings }, bytes }: { trace: Trace; bytes: number }) {
  const w = words.value;
  if (!timings) return <p class="hint">{w.costNone}</p>;
  const { cache_n = 0, prompt_n = 0, prompt_ms = 0, predicted_n = 0, predicted_ms = 0 } = timings;
  // The first token comes with the prompt.
  const rate = predicted_ms > 0 ? ((predicted_n - 1) * bytes) / predicted_ms / 1e6 : 0;
  return (
    <>
      <h3>{w.costTimes}</h3>
      <dl class="facts">
        <dt>{w.costCached}</dt>
        <dd>{number(cache_n)}</dd>
        <dt>{w.costPrompt}</dt>
        <dd>
          {number(prompt_n)} · {seconds(prompt_ms)}
        </dd>
        <dt>{w.costAnswer}</dt>
        <dd>
          {number(predicted_n)} · {seconds(predicted_ms)}
        </dd>
      </dl>
      {rate > 0 && <p>{w.costRate(number(rate, 2))}</p>}
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
  const megabytes = (bytes: number) => `${number(bytes / 1e6, 1)} MB`;
  const part = (own: number) => (bytes > 0 ? own / bytes : 0);
  return (
    <>
      <h3>{w.costWork}</h3>
      <p class="hint">{w.costLead}</p>
      <p>
        {w.whole}: {megabytes(bytes)}, {number(sums / 1e6, 1)} M {w.sums}
      </p>
      <Bars
        label={w.bytes}
        rows={all.map(({ name, weight_bytes }) => ({ name, value: weight_bytes, said: `${megabytes(weight_bytes)} · ${number(100 * part(weight_bytes), 1)} %` }))}
      />
    </>
  );
}
