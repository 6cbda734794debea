/** What proves the answer: its fingerprint and receipt, and the same computed once more. */
import { useState } from "preact/hooks";
import { RequestFailed } from "../api/failures";
import type { Failure } from "../conversation/types";
import * as exports from "../export";
import { key } from "../store/preferences";
import { CopyButton } from "../view/CopyButton";
import { FailureText } from "../view/FailureText";
import { number } from "../words";
import { asked, found } from "./state";
import { answered, receipt, type Step, type Trace } from "./trace";
import { words } from "./words";

export function Proof() {
  const w = words.value;
  const trace = found.value;
  if (!trace) return null;
  const facts: [string, string | null][] = [
    [w.fingerprint, trace.system_fingerprint],
    [w.seed, trace.seed],
    [w.answerId, trace.id],
  ];
  return (
    <>
      <p class="hint">{w.proofLead}</p>
      <dl class="facts">
        {facts.map(
          ([name, value]) =>
            value && [
              <dt key={name}>{name}</dt>,
              <dd key={`${name} value`}>
                <code>{value}</code> <CopyButton text={value} label={name} />
              </dd>,
            ],
        )}
      </dl>
      <Again trace={trace} />
      {trace.id && <Receipt id={trace.id} />}
    </>
  );
}

/** All numbers that the server has told of the choices, as one text. */
const numbers = (steps: Step[]) => steps.flatMap(({ stages, draw }) => [...stages.flatMap(({ left, best }) => [left, ...best.flatMap(({ id, logit, share }) => [id, logit, share])]), draw?.random, draw?.point, draw?.total]);

function Again({ trace }: { trace: Trace }) {
  const w = words.value;
  const [said, setSaid] = useState<string>();
  const [running, setRunning] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const question = asked.value;
  if (!question) return null;
  const run = async () => {
    setRunning(true);
    setFailure(null);
    setSaid(undefined);
    try {
      const candidates = trace.steps[0]?.stages[0]?.best.length ?? 1;
      const other = await answered({ ...question, seed: Number(trace.seed) }, candidates, key.value);
      const [before, after] = [numbers(trace.steps), numbers(other.steps)];
      const isSame = other.system_fingerprint === trace.system_fingerprint && JSON.stringify(before) === JSON.stringify(after);
      setSaid(isSame ? w.same(number(before.length)) : w.different);
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      // What could not be computed is not different.
      setFailure(error.failure);
    } finally {
      setRunning(false);
    }
  };
  return (
    <>
      <p>
        <button type="button" class="button" disabled={running} onClick={() => void run()}>
          {w.again}
        </button>{" "}
        <span role="status">{running ? w.fetching : said}</span>
      </p>
      {failure && <FailureText failure={failure} />}
    </>
  );
}

function Receipt({ id }: { id: string }) {
  const w = words.value;
  const [text, setText] = useState<string | null>();
  const name = `${exports.fileName(id)}.receipt.json`;
  const show = async () => {
    try {
      setText(await receipt(id, key.value));
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      setText(null);
    }
  };
  return (
    <>
      <h3>{w.receipt}</h3>
      {text === undefined && (
        <button type="button" class="button" onClick={() => void show()}>
          {w.showReceipt}
        </button>
      )}
      {text === null && <p role="alert">{w.noReceipt}</p>}
      {text && (
        <>
          <pre tabIndex={0} role="region" aria-label={w.receipt}>
            <code>{text}</code>
          </pre>
          <button type="button" class="button" onClick={() => exports.save(text, name, "application/json")}>
            {w.saveReceipt}
          </button>
          <h4>{w.verify}</h4>
          <p>{w.verifySteps}</p>
          <pre tabIndex={0}>
            <code>hefu verify {name}</code>
          </pre>
        </>
      )}
    </>
  );
}
