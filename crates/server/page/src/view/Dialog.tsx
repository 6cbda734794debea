import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import { words } from "../words";
import { Icon } from "./Icon";

interface Props {
  title: string;
  /** `side` stands at the edge of the window, `middle` in its middle, `wide` there too with room for contents. */
  place: "side" | "middle" | "wide";
  close: () => void;
  children: ComponentChildren;
}

/** A modal dialog: the browser keeps the focus inside, and Escape or a click beside it closes it. */
export function Dialog({ title, place, close, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useLayoutEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    dialog.current?.showModal();
    return () => before?.focus?.();
  }, []);
  const onPointerDown = (event: PointerEvent) => {
    if (event.target === dialog.current) close();
  };
  return (
    <dialog
      ref={dialog}
      class={`dialog dialog-${place}`}
      aria-labelledby={id}
      onClose={close}
      onCancel={(event) => {
        // The browser would close it; whether it closes is decided by who opened it.
        event.preventDefault();
        close();
      }}
      onPointerDown={onPointerDown}
    >
      <div class="dialog-inside">
        <header>
          <h2 id={id}>{title}</h2>
          <button type="button" class="icon-button" title={words.value.close} aria-label={words.value.close} onClick={close}>
            <Icon name="close" />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}
