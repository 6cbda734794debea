/** Servers of tools: which there are, whether they answer, and one more. */
import { useState } from "preact/hooks";
import * as tools from "../store/tools";
import { words } from "../words";
import { Icon } from "./Icon";

export function ToolServers() {
  const w = words.value;
  const [address, setAddress] = useState("");
  const [token, setToken] = useState("");
  const [wrong, setWrong] = useState(false);
  const add = (event: Event) => {
    event.preventDefault();
    const sound = tools.soundAddress(address);
    setWrong(!sound);
    if (!sound) return;
    tools.add(sound, token.trim());
    setAddress("");
    setToken("");
  };
  return (
    <fieldset class="tools">
      <legend>{w.tools}</legend>
      <p class="hint">{w.toolsHint}</p>
      <ul>
        {tools.servers.value.map((server) => (
          <Server key={server.address} server={server} />
        ))}
      </ul>
      <form onSubmit={add}>
        <div class="field">
          <label for="tool-address">{w.toolAddress}</label>
          <input
            id="tool-address"
            type="text"
            inputMode="url"
            autocomplete="off"
            placeholder="http://127.0.0.1:3000/mcp"
            value={address}
            aria-invalid={wrong}
            aria-describedby="tool-address-hint"
            onInput={(event) => setAddress(event.currentTarget.value)}
          />
          <p class="hint wrong" id="tool-address-hint" role="status">
            {wrong ? w.toolBadAddress : ""}
          </p>
        </div>
        <div class="field">
          <label for="tool-token">{w.toolToken}</label>
          <input
            id="tool-token"
            type="password"
            autocomplete="off"
            value={token}
            aria-describedby="tool-token-hint"
            onInput={(event) => setToken(event.currentTarget.value)}
          />
          <p class="hint" id="tool-token-hint">
            {w.toolTokenHint}
          </p>
        </div>
        <button type="submit" class="button" disabled={!address.trim()}>
          {w.toolAdd}
        </button>
      </form>
    </fieldset>
  );
}

function Server({ server }: { server: tools.ToolServer }) {
  const w = words.value;
  const { address } = server;
  return (
    <li>
      <label>
        <input type="checkbox" checked={server.on} aria-label={w.toolOn(address)} onChange={(event) => tools.turn(address, event.currentTarget.checked)} />
        <span>{address}</span>
      </label>
      <button type="button" class="icon-button" title={w.toolRemove(address)} aria-label={w.toolRemove(address)} onClick={() => tools.remove(address)}>
        <Icon name="close" />
      </button>
      <Standing address={address} />
    </li>
  );
}

function Standing({ address }: { address: string }) {
  const w = words.value;
  const standing = tools.standings.value[address];
  if (!standing) return null;
  if (standing.state === "opening") return <p class="hint">{w.toolOpening}</p>;
  if (standing.state === "ready") {
    return (
      <p class="hint" title={standing.tools.map(({ name }) => name).join(", ")}>
        {w.toolCount(standing.tools.length)}
      </p>
    );
  }
  return (
    <p class="hint wrong" role="status">
      {w.toolTroubles[standing.trouble]} {standing.detail}{" "}
      <button type="button" class="link" onClick={() => tools.retry(address)}>
        {w.retry}
      </button>
    </p>
  );
}
