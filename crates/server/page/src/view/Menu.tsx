import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { Icon } from "./Icon";

export interface MenuItem {
  label: string;
  act: () => void;
  danger?: boolean;
}

/** A button that opens a short list of things to do; arrow keys move in it, Escape closes it. `labelled`: its label is in sight. */
export function Menu({ label, items, labelled = false }: { label: string; items: MenuItem[]; labelled?: boolean }) {
  const [place, setPlace] = useState<{ top: number; right: number } | null>(null);
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);

  // Before the next key can come: it must find the focus in the list.
  useLayoutEffect(() => {
    if (!place) return;
    list.current?.querySelector("button")?.focus();
    const away = (event: Event) => {
      if (!list.current?.contains(event.target as Node) && !button.current?.contains(event.target as Node)) setPlace(null);
    };
    addEventListener("pointerdown", away);
    addEventListener("resize", away);
    addEventListener("scroll", away, true);
    return () => {
      removeEventListener("pointerdown", away);
      removeEventListener("resize", away);
      removeEventListener("scroll", away, true);
    };
  }, [place]);

  const close = () => {
    setPlace(null);
    button.current?.focus();
  };
  const toggle = () => {
    const at = button.current?.getBoundingClientRect();
    if (place || !at) return setPlace(null);
    // The list opens upwards where there is no room below.
    const height = 12 + 40 * items.length;
    const top = at.bottom + height > innerHeight ? Math.max(8, at.top - height) : at.bottom + 4;
    setPlace({ top, right: Math.max(8, document.documentElement.clientWidth - at.right) });
  };
  const keys = (event: KeyboardEvent) => {
    const buttons = [...(list.current?.querySelectorAll("button") ?? [])];
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    if (event.key === "Escape" || event.key === "Tab") {
      event.stopPropagation();
      close();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      buttons[(at + step + buttons.length) % buttons.length]?.focus();
    }
  };

  return (
    <>
      <button
        ref={button}
        type="button"
        class={labelled ? "icon-button labelled" : "icon-button"}
        title={label}
        aria-label={label}
        aria-haspopup="menu"
        aria-expanded={place !== null}
        onClick={toggle}
      >
        <Icon name="more" />
        {labelled && label}
      </button>
      {place && (
        <div ref={list} class="menu" role="menu" aria-label={label} style={place} onKeyDown={keys}>
          {items.map((item) => (
            <button
              key={item.label}
              type="button"
              role="menuitem"
              class={item.danger ? "danger" : undefined}
              onClick={() => {
                close();
                item.act();
              }}
            >
              {item.label}
            </button>
          ))}
        </div>
      )}
    </>
  );
}
