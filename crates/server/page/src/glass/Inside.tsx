/** What the model computed for a token: the lens, lengths of rows, attention, experts, recurrent states. */
import { useState } from "preact/hooks";
import { key } from "../store/preferences";
import { FailureText } from "../view/FailureText";
import { number } from "../words";
import { at, found, visible as visibleOf } from "./state";
import { percent, visible } from "./Text";
import { values, type Seen, type Trace, type Visible, type Wish } from "./trace";
import { useFetched } from "./use";
import { words } from "./words";

/** Tokens of the lens that are told of each layer. */
const LENS = 3;
/** Values that are read from recurrent states. */
const OF_STATES = ["delta_output", "scan_output", "scanned", "convolved"];

export function Inside() {
  const trace = found.value;
  const list = visibleOf.value;
  if (!trace || !list) return null;
  // What is computed at a position chooses the token after it.
  const row = Math.max(0, at.value - 1);
  return <Row key={`${trace.id} ${row}`} trace={trace} list={list} row={row} />;
}

interface Props {
  trace: Trace;
  list: Visible;
  row: number;
}

function Row({ trace, list, row }: Props) {
  const w = words.value;
  const has = (name: string) => list.data.find((one) => one.name === name);
  const states = OF_STATES.filter(has).slice(0, 1);
  const names = ["block_output", "expert_choices", ...states].filter(has);
  const wishes: Wish[] = names.map((name) => ({ name, positions: [row] }));
  if (has("lens")) wishes.push({ name: "lens", positions: [row], best: LENS });
  const { value, failure } = useFetched((signal) => values(trace, wishes, key.value, signal), []);
  const of = (name: string) => (value ?? []).filter((seen) => seen.name === name);
  return (
    <>
      {failure && <FailureText failure={failure} />}
      {!value && !failure && <p role="status">{w.fetching}</p>}
      {value && <Lens seen={of("lens")} chosen={trace.tokens[row + 1]?.id} />}
      {value && <Norms title={w.norms} seen={of("block_output")} />}
      <Attention trace={trace} list={list} row={row} />
      {value && <Experts seen={of("expert_choices")} />}
      {states.map((name) => value && <States key={name} seen={of(name)} heads={has(name)?.heads ?? 1} />)}
    </>
  );
}

function Lens({ seen, chosen }: { seen: Seen[]; chosen: number | undefined }) {
  const w = words.value;
  if (seen.length === 0) return null;
  return (
    <>
      <h3>{w.lens}</h3>
      <p class="hint">{w.lensLead}</p>
      <div class="wide" tabIndex={0} role="region" aria-label={w.lens}>
        <table>
          <thead>
            <tr>
              <th scope="col">{w.layer}</th>
              <th scope="col">{w.likeliest}</th>
            </tr>
          </thead>
          <tbody>
            {seen.map(({ layer, best }) => (
              <tr key={layer}>
                <th scope="row">{layer}</th>
                <td>
                  <ul class="candidates">
                    {(best?.[0] ?? []).map(({ id, text, share }) => (
                      <li key={id} class={id === chosen ? "own" : undefined}>
                        <code>{visible(text, id)}</code> <span>{percent(share)}</span>
                      </li>
                    ))}
                  </ul>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

const length = (row: number[]) => Math.sqrt(row.reduce((sum, x) => sum + x * x, 0));

/** A list of names with bars. */
export function Bars({ rows, label }: { rows: { name: string; value: number; said: string }[]; label: string }) {
  const most = Math.max(...rows.map(({ value }) => value), Number.MIN_VALUE);
  return (
    <ul class="bars" aria-label={label}>
      {rows.map(({ name, value, said }, index) => (
        <li key={index}>
          <code>{name}</code>
          <span class="bar" aria-hidden="true">
            <i style={{ width: `${(100 * value) / most}%` }} />
          </span>
          <span class="align-right">{said}</span>
        </li>
      ))}
    </ul>
  );
}

function Norms({ title, seen }: { title: string; seen: Seen[] }) {
  const w = words.value;
  if (seen.length === 0) return null;
  const rows = seen.map(({ layer, numbers }) => ({ name: `${w.layer} ${layer}`, value: length(numbers?.[0] ?? []) }));
  return (
    <>
      <h3>{title}</h3>
      <Bars label={title} rows={rows.map((row) => ({ ...row, said: number(row.value, 2) }))} />
    </>
  );
}

function Attention({ trace, list, row }: Props) {
  const w = words.value;
  const place = list.data.find(({ name }) => name === "attention");
  const layers = place?.layers ?? [];
  const [layer, setLayer] = useState(layers[Math.floor(layers.length / 2)] ?? 0);
  const [head, setHead] = useState(0);
  const names = ["attention", "attention_sink"].filter((name) => list.data.some((one) => one.name === name && one.layers.includes(layer)));
  const { value, failure } = useFetched(
    async (signal) => (names.length > 0 ? values(trace, names.map((name) => ({ name, layers: [layer], positions: [row] })), key.value, signal) : []),
    [layer],
  );
  const [seen, sinks] = ["attention", "attention_sink"].map((name) => value?.find((one) => one.name === name));
  const heads = seen?.heads ?? [];
  const all = seen?.numbers?.[0] ?? [];
  const tokens = trace.tokens.length;
  const shares = all.slice(head * tokens, head * tokens + row + 1);
  return (
    <>
      <h3>{w.attention}</h3>
      {layers.length === 0 ? (
        <p class="hint">{w.noAttention}</p>
      ) : (
        <>
          <p class="hint">{w.attentionLead}</p>
          <p class="fields">
            <label>
              {w.layer}{" "}
              <select value={layer} onChange={(event) => setLayer(Number(event.currentTarget.value))}>
                {layers.map((each) => (
                  <option key={each} value={each}>
                    {each}
                  </option>
                ))}
              </select>
            </label>
            <label>
              {w.head}{" "}
              <select value={head} onChange={(event) => setHead(Number(event.currentTarget.value))}>
                {(heads.length > 0 ? heads : [0]).map((each) => (
                  <option key={each} value={each}>
                    {each}
                  </option>
                ))}
              </select>
            </label>
          </p>
        </>
      )}
      {failure && <FailureText failure={failure} />}
      {shares.length > 0 && <Heat trace={trace} shares={shares} sink={sinks?.numbers?.[0]?.[head]} />}
    </>
  );
}

/** The text with each token as strong as its share, and the strongest as a list; before both what the head's sink takes, if it has one. */
function Heat({ trace, shares, sink }: { trace: Trace; shares: number[]; sink: number | undefined }) {
  const w = words.value;
  const most = Math.max(...shares, sink ?? 0, Number.MIN_VALUE);
  const heat = (share: number) => ({ "--heat": `${Math.round((100 * share) / most)}%` });
  const strongest = shares.map((share, position) => ({ share, position })).sort((a, b) => b.share - a.share).slice(0, 6);
  return (
    <>
      {sink !== undefined && <p class="hint">{w.sinkLead(percent(sink), percent(shares.reduce((sum, share) => sum + share, 0)))}</p>}
      <div class="tokens heat" aria-hidden="true">
        {sink !== undefined && (
          <span class="token sink" style={heat(sink)} title={percent(sink)}>
            {w.sink}
          </span>
        )}
        {shares.map((share, position) => (
          <span key={position} class="token" style={heat(share)} title={percent(share)}>
            {trace.tokens[position]?.text.startsWith(" ") && <wbr />}
            {visible(trace.tokens[position]?.text ?? "")}
          </span>
        ))}
      </div>
      <Bars
        label={w.attention}
        rows={[
          ...(sink === undefined ? [] : [{ name: w.sink, value: sink, said: percent(sink) }]),
          ...strongest.map(({ share, position }) => ({ name: `${position} ${visible(trace.tokens[position]?.text ?? "")}`, value: share, said: percent(share) })),
        ]}
      />
    </>
  );
}

function Experts({ seen }: { seen: Seen[] }) {
  const w = words.value;
  if (seen.length === 0) return null;
  return (
    <>
      <h3>{w.experts}</h3>
      <ul class="candidates column">
        {seen.map(({ layer, numbers }) => (
          <li key={layer}>
            <span>{w.label(`${w.layer} ${layer}`)}</span>
            {pairs(numbers?.[0] ?? [])
              .map(([expert, share]) => w.expert(expert, percent(share)))
              .join(w.betweenItems)}
          </li>
        ))}
      </ul>
    </>
  );
}

/** An expert and its weight, one after the other. */
function pairs(row: number[]): [number, number][] {
  return Array.from({ length: row.length / 2 }, (_, at) => [row[2 * at]!, row[2 * at + 1]!]);
}

function States({ seen, heads }: { seen: Seen[]; heads: number }) {
  const w = words.value;
  if (seen.length === 0) return null;
  const of = (row: number[], head: number) => row.slice((head * row.length) / heads, ((head + 1) * row.length) / heads);
  return (
    <>
      <h3>{w.states}</h3>
      <p class="hint">{w.statesLead}</p>
      {seen.map(({ layer, numbers }) => {
        const row = numbers?.[0] ?? [];
        const lengths = Array.from({ length: heads }, (_, head) => length(of(row, head)));
        const title = `${w.layer} ${layer}`;
        return (
          <details key={layer}>
            <summary>{title}</summary>
            <Bars label={title} rows={lengths.map((value, head) => ({ name: `${w.head} ${head}`, value, said: number(value, 3) }))} />
          </details>
        );
      })}
    </>
  );
}
