/** Whether a key press sends a message. An Enter that ends the choice of a Chinese character does not. */
export function sends(event: KeyboardEvent, enter: "send" | "line"): boolean {
  if (event.key !== "Enter" || event.isComposing || event.keyCode === 229) return false;
  return event.ctrlKey || event.metaKey || (enter === "send" && !event.shiftKey && !event.altKey);
}
