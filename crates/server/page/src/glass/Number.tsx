/** Down to the number: one number of a product, from the bytes of its row of weights to the last bit of the sum. */
import { useMemo, useState } from "preact/hooks";
import { key } from "../store/preferences";
import { FailureText } from "../view/FailureText";
import { number } from "../words";
import { product } from "./product";
import { at, found, visible } from "./state";
import { values, weightRow, type Product, type Trace, type WeightRow } from "./trace";
import { useFetched } from "./use";
import * as exact from "../../../../lessons/page/exact.js";
import { words } from "./words";

/** Steps of the sum that are told at its beginning, and at its end. */
const [FIRST, LAST] = [8, 2];

export function NumberView() {
  const trace = found.value;
  const products = visible.value?.products ?? [];
  if (!trace || products.length === 0) return null;
  const row = Math.max(0, at.value - 1);
  return <Choose key={`${trace.id} ${row}`} trace={trace} products={products} row={row} />;
}

function Choose({ trace, products, row }: { trace: Trace; products: Product[]; row: number }) {
  const w = words.value;
  const layers = [...new Set(products.map(({ layer }) => layer))];
  const [layer, setLayer] = useState(layers[0] ?? null);
  const [name, setName] = useState(products[0]!.name);
  const [output, setOutput] = useState(0);
  const own = products.filter((one) => one.layer === layer);
  const chosen = own.find((one) => one.name === name) ?? own[0];
  if (!chosen) return null;
  return (
    <>
      <p class="hint">{w.numberLead}</p>
      <p class="fields">
        <label>
          {w.layer}{" "}
          <select value={layer ?? ""} onChange={(event) => setLayer(event.currentTarget.value === "" ? null : Number(event.currentTarget.value))}>
            {layers.map((each) => (
              <option key={each} value={each ?? ""}>
                {each ?? "–"}
              </option>
            ))}
          </select>
        </label>
        <label>
          {w.value}{" "}
          <select value={chosen.name} onChange={(event) => setName(event.currentTarget.value)}>
            {own.map((each) => (
              <option key={each.name} value={each.name}>
                {each.name}
              </option>
            ))}
          </select>
        </label>
        <label>
          {w.whichNumber(number(chosen.rows - 1))}{" "}
          <input type="number" min={0} max={chosen.rows - 1} value={output} onInput={(event) => setOutput(Math.min(chosen.rows - 1, Math.max(0, Math.trunc(event.currentTarget.valueAsNumber || 0))))} />
        </label>
      </p>
      <Followed key={`${chosen.weight} ${chosen.layer} ${chosen.name} ${output}`} trace={trace} product={chosen} row={row} output={Math.min(output, chosen.rows - 1)} />
    </>
  );
}

interface Props {
  trace: Trace;
  product: Product;
  row: number;
  output: number;
}

function Followed({ trace, product: own, row, output }: Props) {
  const w = words.value;
  const fetched = useFetched(async (signal) => {
    const place = (name: string, layer: number | null) => ({ name, positions: [row], ...(layer === null ? {} : { layers: [layer] }) });
    const [seen, weights, bias] = await Promise.all([
      values(trace, [place(own.input, own.input_layer), place(own.name, own.layer)], key.value, signal),
      weightRow(trace.model, own.weight, output, key.value, signal),
      own.bias === null ? undefined : weightRow(trace.model, own.bias, 0, key.value, signal),
    ]);
    const of = (name: string, layer: number | null) => seen.find((one) => one.name === name && one.layer === layer)?.numbers?.[0] ?? [];
    return { x: of(own.input, own.input_layer).map(Math.fround), weights, bias: bias?.numbers[output], result: Math.fround(of(own.name, own.layer)[output] ?? NaN) };
  }, []);
  if (fetched.failure) return <FailureText failure={fetched.failure} />;
  if (!fetched.value) return <p role="status">{w.fetching}</p>;
  return <Sum {...fetched.value} />;
}

function Sum({ x, weights, bias, result }: { x: number[]; weights: WeightRow; bias: number | undefined; result: number }) {
  const w = words.value;
  const sum = useMemo(() => product(x, weights, bias === undefined ? undefined : Math.fround(bias)), [x, weights, bias]);
  const isSame = exact.hex(sum.result) === exact.hex(result);
  const { steps } = sum;
  const told = steps.length > FIRST + LAST ? [...steps.slice(0, FIRST), null, ...steps.slice(-LAST)] : steps;
  return (
    <>
      <Bytes weights={weights} />
      {sum.blocks && (
        <>
          <h3>{w.activations}</h3>
          <p class="hint">{w.activationsLead}</p>
          <Row label="x" numbers={x.slice(0, 8).map(short)} />
          <Row label="d" numbers={[short(sum.blocks[0]!.d)]} />
          <Row label="q" numbers={sum.blocks[0]!.q.slice(0, 16).map(String)} />
        </>
      )}
      <h3>{w.chain}</h3>
      <p class="hint">{sum.blocks ? w.chainLead : w.chainFloat}</p>
      <div class="wide" tabIndex={0} role="region" aria-label={w.chain}>
        <table class="chain">
          <thead>
            <tr>
              {(sum.blocks ? w.chainHeads : w.chainFloatHeads).map((head) => (
                <th key={head} scope="col">
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {told.map((step, index) =>
              step === null ? (
                <tr key="between">
                  <td colSpan={5}>{w.between(number(steps.length - FIRST - LAST))}</td>
                </tr>
              ) : (
                <tr key={index}>
                  <th scope="row">{step.name}</th>
                  <td>
                    <code>{typeof step.a === "number" ? short(step.a) : step.a}</code>
                  </td>
                  <td>
                    <code>{short(step.b)}</code>
                  </td>
                  <td>
                    <code>{short(step.sum)}</code>
                  </td>
                  <td>
                    <code>{exact.hex(step.sum)}</code>
                  </td>
                </tr>
              ),
            )}
          </tbody>
        </table>
      </div>
      {bias !== undefined && (
        <p>
          {w.label(w.bias)}
          <code>{short(bias)}</code>
        </p>
      )}
      <p class={isSame ? "verdict equal" : "verdict other"} role="status">
        {isSame ? w.equal(exact.hex(sum.result), short(sum.result)) : w.unequal(exact.hex(sum.result), exact.hex(result))}
      </p>
    </>
  );
}

const short = (x: number) => String(Number(Math.fround(x).toPrecision(7)));

function Row({ label, numbers }: { label: string; numbers: string[] }) {
  return (
    <p class="row">
      <code>{label}</code> {numbers.join("  ")}
    </p>
  );
}

/** The first block as bytes, and what they stand for. */
function Bytes({ weights }: { weights: WeightRow }) {
  const w = words.value;
  const { tensor, format, bytes, block_bytes, sub_blocks, numbers } = weights;
  const first = bytes.slice(0, 2 * block_bytes).match(/../g) ?? [];
  const shown = sub_blocks.length > 0 ? first : (bytes.slice(0, 32).match(/../g) ?? []);
  const sub = sub_blocks[0];
  return (
    <>
      <h3>{w.bytesOf(tensor, format)}</h3>
      <p class="bytes">
        {shown.join(" ")}
      </p>
      {sub ? (
        <>
          <Row label="w" numbers={sub.integers.slice(0, 16).map(String)} />
          <Row label="s" numbers={[short(sub.scale)]} />
          {sub.minimum !== null && <Row label="m" numbers={[short(sub.minimum)]} />}
          <p class="hint">{w.worth}</p>
          <Row label={sub.minimum === null ? "s·w" : "s·w − m"} numbers={numbers.slice(0, 8).map(short)} />
        </>
      ) : (
        <Row label="w" numbers={numbers.slice(0, 8).map(short)} />
      )}
    </>
  );
}
