/** The list of keyboard shortcuts. */
import { enterKey } from "../store/preferences";
import { words } from "../words";
import { Dialog } from "./Dialog";
import { named, SHORTCUTS } from "./shortcuts";

export function Help({ close }: { close: () => void }) {
  const w = words.value;
  const sends = enterKey.value === "send";
  const rows: [string, string][] = [
    [w.shortcutNames.send, sends ? "Enter" : named("Mod+Enter")],
    [w.shortcutNames.line, sends ? "Shift+Enter" : "Enter"],
    [w.shortcutNames.last, "↑"],
    [w.shortcutNames.stop, "Esc"],
    ...SHORTCUTS.map(({ name, keys }): [string, string] => [w.shortcutNames[name], keys.map(named).join("  ")]),
  ];
  return (
    <Dialog title={w.shortcuts} place="middle" close={close}>
      <dl class="shortcuts">
        {rows.map(([name, keys]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              {keys.split("  ").map((each) => (
                <kbd key={each}>{each}</kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
