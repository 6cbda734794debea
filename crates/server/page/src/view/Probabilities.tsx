/** An answer's tokens, coloured by how likely each was, and what else was likely in its place. */
import { useState } from "preact/hooks";
import type { Chosen } from "../api/pieces";
import type { Message } from "../conversation/types";
import { forgetProbabilities, probabilities } from "../store/answers";
import { number, words } from "../words";
import { FailureText } from "./FailureText";

/** Shades, by the least probability of each. */
const SHADES = [0.9, 0.6, 0.3, 0.1, 0];

export function Probabilities({ message }: { message: Message }) {
  const w = words.value;
  const known = probabilities.value[message.id];
  const [at, setAt] = useState<number | null>(null);
  if (!known) return null;
  const tokens = known.state === "known" ? known.tokens : [];
  const choose = (index: number) => setAt(at === index ? null : index);
  const token = at === null ? undefined : tokens[at];
  return (
    <section class="probabilities" aria-label={w.probabilities} aria-busy={known.state === "running"}>
      {known.state === "running" && <p class="hint">{w.probabilitiesWait}</p>}
      {known.state === "failed" && <FailureText failure={known.failure} />}
      {known.state === "known" && (
        <>
          <p class="hint">{tokens.length === 0 ? w.probabilitiesNone : w.probabilitiesLegend}</p>
          {!known.same && <p class="finding different">{w.probabilitiesDiffer}</p>}
          <div class="tokens">
            {tokens.map((each, index) => (
              // No button: the text inside one would not break over lines.
              <span
                key={index}
                role="button"
                tabIndex={0}
                class={`token shade-${shadeOf(each)}`}
                aria-pressed={at === index}
                title={percent(each.logprob)}
                onClick={() => choose(index)}
                onKeyDown={(event) => {
                  if (event.key !== "Enter" && event.key !== " ") return;
                  event.preventDefault();
                  choose(index);
                }}
              >
                {visible(each.token)}
              </span>
            ))}
          </div>
          {token && <Choices token={token} />}
        </>
      )}
      {known.state !== "running" && (
        <button type="button" class="link" onClick={() => forgetProbabilities(message.id)}>
          {w.hide}
        </button>
      )}
    </section>
  );
}

function Choices({ token }: { token: Chosen }) {
  const w = words.value;
  const all = token.top.some((each) => each.token === token.token && each.logprob === token.logprob) ? token.top : [token, ...token.top];
  return (
    <table class="likely">
      <tbody>
        {all.map((each, index) => (
          <tr key={index}>
            <td>
              <code>{visible(each.token)}</code>
            </td>
            <td class="align-right">{percent(each.logprob)}</td>
            <td>
              <meter min={0} max={1} value={Math.exp(each.logprob)} aria-hidden="true" />
            </td>
            <td>{each.token === token.token && each.logprob === token.logprob ? w.tokenChosen : ""}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function shadeOf({ logprob }: Chosen): number {
  return SHADES.findIndex((least) => Math.exp(logprob) >= least);
}

function percent(logprob: number): string {
  const share = 100 * Math.exp(logprob);
  return share > 0 && share < 0.01 ? `< ${number(0.01, 2)} %` : `${number(share, share >= 99.995 ? 0 : 2)} %`;
}

/** A token with its white space in sight. */
function visible(token: string): string {
  return token.replace(/\n/g, "⏎\n").replace(/\t/g, "⇥\t").replace(/^ +$/, (spaces) => "␣".repeat(spaces.length)) || "∅";
}
