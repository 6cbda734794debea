/** The page's icons: lines on a 20 by 20 grid, in the colour of the text. */
const PATHS = {
  list: "M3 5h14M3 10h14M3 15h9",
  plus: "M10 4v12M4 10h12",
  search: "M9 3.500a5.500 5.500 0 1 0 0 11 5.500 5.500 0 0 0 0-11M13 13l4 4",
  more: "M4.500 10h.01M10 10h.01M15.500 10h.01",
  settings: "M3 6h7M14 6h3M3 14h3M10 14h7M12 4v4M8 12v4",
  copy: "M7 7V3.500h9.500V13H13M3.500 7H13v9.500H3.500z",
  done: "M4 10.500l4 4L16 6",
  edit: "M4 16l.8-3.600L13.500 3.700l2.800 2.800L7.600 15.200z",
  again: "M16 10a6 6 0 1 1-2-4.500M14.500 2v4h-4",
  stop: "M6 6h8v8H6z",
  send: "M10 16.500V4M4.500 9.500L10 4l5.500 5.500",
  close: "M5 5l10 10M15 5L5 15",
  left: "M12 4.500L6.500 10l5.500 5.500",
  right: "M8 4.500l5.500 5.500L8 15.500",
  down: "M10 4v11.500M4.500 10.500L10 16l5.500-5.500",
  check: "M3.500 4H8v3h3v3H8v6H3.500zM11.500 4h5v12h-5v-3h2v-6h-2z",
  attach: "M16 9.500l-6 6a3.700 3.700 0 0 1-5.200-5.200l6.600-6.600a2.400 2.400 0 0 1 3.400 3.400l-6.500 6.500a1.100 1.100 0 0 1-1.600-1.600l5.800-5.800",
  file: "M5 2.500h6.500L15.500 6.500v11H5zM11 2.500V7h4.500",
  "go-on": "M4 4.500v11l6-5.500zM11 4.500v11l6-5.500z",
  keyboard: "M2.500 5.500h15v9h-15zM5.500 8.500h.01M8.500 8.500h.01M11.500 8.500h.01M14.500 8.500h.01M6.500 11.500h7",
  tool: "M12.500 3.500a4 4 0 0 0-3.800 5.300L3.500 14l2.500 2.500 5.200-5.200a4 4 0 0 0 5.100-5.100L13.800 8.700 11.300 6.200l2.500-2.500a4 4 0 0 0-1.300-.2z",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class={`icon icon-${name}`} viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The page's sign: two halves of a tally, which stand apart while an answer is made and close when it is there. */
export function Sign({ apart = false }: { apart?: boolean }) {
  return (
    <svg class={apart ? "sign apart" : "sign"} viewBox="0 0 32 32" width="32" height="32" aria-hidden="true" focusable="false">
      <path class="sign-left" d="M15.500 3v6.500h4v6h-4v6h4V29H9a6 6 0 0 1-6-6V9a6 6 0 0 1 6-6z" />
      <path class="sign-right" d="M17 3h6a6 6 0 0 1 6 6v14a6 6 0 0 1-6 6h-2V20h-4v-3h4V8h-4z" />
    </svg>
  );
}
