/** Why a token was chosen: every clause of sampling, the draw, and what other settings would have chosen. */
import { useMemo, useState } from "preact/hooks";
import { key } from "../store/preferences";
import { FailureText } from "../view/FailureText";
import { number, words as page } from "../words";
import { random } from "../../../../lessons/page/exact.js";
import { explain, reigns, type Parameters } from "./sampling";
import { found, step } from "./state";
import { percent, quoted, visible } from "./Text";
import { logits, type Step, type Told, type Trace } from "./trace";
import { useFetched } from "./use";
import { words } from "./words";

/** Seeds that are tried. */
const SEEDS = 1000;
/** Candidates that are told. */
const TOLD = 5;

export function Why() {
  const w = words.value;
  const own = step.value;
  if (!found.value) return null;
  if (!own) return <p class="hint">{w.ofPrompt}</p>;
  return (
    <>
      <h3>{w.clauses}</h3>
      <Clauses step={own} />
      <Try key={`${found.value.id} ${own.position}`} trace={found.value} step={own} />
    </>
  );
}

function Candidates({ best, chosen }: { best: Told[]; chosen: number }) {
  return (
    <ul class="candidates">
      {best.slice(0, TOLD).map((one) => (
        <li key={one.id} class={one.id === chosen ? "own" : undefined}>
          <code>{visible(one.text, one.id)}</code> <span>{percent(one.share)}</span>
        </li>
      ))}
    </ul>
  );
}

function Clauses({ step: { stages, draw, id } }: { step: Step }) {
  const w = words.value;
  const text = (wanted: number) => stages.flatMap(({ best }) => best).find((one) => one.id === wanted)?.text ?? `#${wanted}`;
  return (
    <>
      <div class="wide" tabIndex={0} role="region" aria-label={w.clauses}>
        <table>
          <thead>
            <tr>
              <th scope="col">{w.clause}</th>
              <th scope="col" class="align-right">
                {w.left}
              </th>
              <th scope="col">{w.best}</th>
            </tr>
          </thead>
          <tbody>
            {stages.map(({ clause, name, left, best }) => (
              <tr key={clause}>
                <th scope="row">
                  <small>{clause}</small> {w.clauseNames[name] ?? name}
                </th>
                <td class="align-right">{number(left)}</td>
                <td>
                  <Candidates best={best} chosen={id} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p>
        <small>S16</small> <strong>{w.label(w.clauseNames.temperature!)}</strong>
        {draw ? w.drawn(percent(Number(BigInt(draw.point)) / Number(BigInt(draw.total)))) : w.drawGreedy}
      </p>
      {draw && <Line stretches={draw.stretches.map(({ id, weight }) => ({ id, text: text(id), share: Number(weight) / Number(draw.total) }))} point={Number(draw.point) / Number(draw.total)} chosen={id} />}
    </>
  );
}

/** The line of weights, with the random point on it. */
function Line({ stretches, point, chosen }: { stretches: { id: number; text: string; share: number }[]; point: number; chosen: number }) {
  const w = words.value;
  const said = stretches.map(({ id, text, share }) => `${visible(text, id)} ${percent(share)}`).join(w.betweenItems);
  return (
    <div class="line" role="img" aria-label={`${w.label(w.lineOf)}${said}${w.betweenItems}${w.drawn(percent(point))}`}>
      {stretches.map(({ id, text, share }) => (
        <span key={id} class={id === chosen ? "own" : undefined} style={{ width: `${100 * share}%` }} title={`${visible(text, id)} ${percent(share)}`}>
          {share > 0.06 && <bdi>{visible(text)}</bdi>}
        </span>
      ))}
      <i style={{ left: `${100 * point}%` }} />
    </div>
  );
}

type Slider = "temperature" | "top_k" | "top_p" | "min_p" | "typical_p" | "repetition_penalty";
const SLIDERS: readonly { name: Slider; most: number; least: number; step: number }[] = [
  { name: "temperature", least: 0, most: 2, step: 0.05 },
  { name: "top_k", least: 0, most: 100, step: 1 },
  { name: "top_p", least: 0, most: 1, step: 0.01 },
  { name: "min_p", least: 0, most: 1, step: 0.01 },
  { name: "typical_p", least: 0.01, most: 1, step: 0.01 },
  { name: "repetition_penalty", least: 0.5, most: 2, step: 0.05 },
];

function Try({ trace, step: own }: { trace: Trace; step: Step }) {
  const w = words.value;
  const [wanted, setWanted] = useState(false);
  const { value, failure } = useFetched(async (signal) => (wanted ? logits(trace, own.position, key.value, signal) : undefined), [wanted]);
  return (
    <>
      <h3>{w.try}</h3>
      <p class="hint">{w.tryLead}</p>
      {!wanted && (
        <button type="button" class="button" onClick={() => setWanted(true)}>
          {w.tryStart}
        </button>
      )}
      {failure && <FailureText failure={failure} />}
      {wanted && !value && !failure && <p role="status">{w.fetching}</p>}
      {value && <Sliders trace={trace} step={own} logits={value} />}
    </>
  );
}

/** A 32-bit number without the digits that only 64 bits have. */
const short = (x: number) => Number(Math.fround(x).toPrecision(7));

function Sliders({ trace, step: own, logits }: { trace: Trace; step: Step; logits: Float32Array }) {
  const w = words.value;
  const before: Parameters = useMemo(() => ({ ...trace.parameters, seed: trace.seed }), [trace]);
  const [settings, setSettings] = useState(before);
  const history = useMemo(() => trace.tokens.slice(0, own.position).map(({ id }) => id), [trace, own]);
  const chosen = useMemo(() => explain(logits, history, settings, TOLD), [logits, settings]);
  const first = useMemo(() => explain(logits, history, before, TOLD), [logits]);
  const all = useMemo(() => reigns(logits, history, settings), [logits, settings.seed, settings.top_k, settings.top_p, settings.min_p, settings.typical_p, settings.repetition_penalty]);
  const names = useMemo(() => namesOf(trace, own), [trace, own]);
  const text = (id: number) => names.get(id) ?? `#${id}`;
  const set = (change: Partial<Parameters>) => setSettings({ ...settings, ...change });
  if (!chosen) return null;
  return (
    <>
      <p class={first?.id === own.id ? "hint" : "different"}>{first?.id === own.id ? w.agrees : w.disagrees}</p>
      <div class="sliders">
        {SLIDERS.map(({ name, least, most, step }) => (
          <label key={name}>
            <span>{name === "typical_p" || name === "repetition_penalty" ? w.clauseNames[name === "typical_p" ? name : "penalties"] : page.value[name]}</span>
            <input type="range" min={least} max={most} step={step} value={short(settings[name])} onInput={(event) => set({ [name]: Math.fround(event.currentTarget.valueAsNumber) })} />
            <output>{number(short(settings[name]), step < 1 ? 2 : 0)}</output>
          </label>
        ))}
        <label>
          <span>{w.seed}</span>
          <input type="number" min={0} step={1} value={settings.seed} onInput={(event) => /^\d{1,19}$/.test(event.currentTarget.value) && set({ seed: event.currentTarget.value })} />
        </label>
      </div>
      <p class={chosen.id === own.id ? "verdict" : "verdict other"} aria-live="polite">
        {chosen.id === own.id ? w.wins(quoted(text(chosen.id), chosen.id)) : w.otherWins(quoted(text(chosen.id), chosen.id))}{" "}
        <button type="button" class="link" onClick={() => setSettings(before)}>
          {w.reset}
        </button>
      </p>
      {chosen.draw && (
        <Line
          stretches={chosen.draw.stretches.slice(0, 40).map(({ id, weight }) => ({ id, text: text(id), share: weight / Number(chosen.draw!.total) }))}
          point={Number(chosen.draw.point) / Number(chosen.draw.total)}
          chosen={chosen.id}
        />
      )}
      <h4>{w.reigns}</h4>
      <ul class="reigns">
        {all.map(({ from, to, id }) => (
          <li key={from} class={id === own.id ? "own" : undefined}>
            {w.reign(number(from, 2), number(to, 2), quoted(text(id), id))}
          </li>
        ))}
      </ul>
      <Seeds logits={logits} history={history} settings={settings} text={text} chosen={own.id} />
    </>
  );
}

interface SeedsProps {
  logits: Float32Array;
  history: number[];
  settings: Parameters;
  text: (id: number) => string;
  chosen: number;
}

/** How often each token would come by the seeds from 0 on. */
function Seeds({ logits, history, settings, text, chosen }: SeedsProps) {
  const w = words.value;
  // Without XTC, which draws too, a seed only moves the point on the same line.
  const line = settings.temperature > 0 && settings.xtc.probability === 0 ? explain(logits, history, settings, 0)?.draw : undefined;
  if (!line) return null;
  const counts = countsOf(line.stretches, line.total, history.length);
  return (
    <>
      <h4>{w.seeds}</h4>
      <ul class="candidates">
        {counts.slice(0, 8).map(([id, count]) => (
          <li key={id} class={id === chosen ? "own" : undefined}>
            <code>{visible(text(id), id)}</code> <span>{number(count)}</span>
          </li>
        ))}
      </ul>
    </>
  );
}

function countsOf(stretches: { id: number; weight: number }[], total: bigint, position: number): [number, number][] {
  const ends: bigint[] = [];
  let end = 0n;
  for (const { weight } of stretches) ends.push((end += BigInt(weight)));
  const counts = new Map<number, number>();
  for (let seed = 0; seed < SEEDS; seed++) {
    const point = (random(BigInt(seed), BigInt(position)) * total) >> 64n;
    const id = stretches[ends.findIndex((end) => end > point)]!.id;
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1]);
}

/** The texts of tokens that the server has told. */
function namesOf(trace: Trace, own: Step): Map<number, string> {
  const names = new Map(trace.tokens.map(({ id, text }) => [id, text]));
  for (const step of [...trace.steps, own]) for (const { best } of step.stages) for (const { id, text } of best) names.set(id, text);
  return names;
}
