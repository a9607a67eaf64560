// Helpers that build the page. Text is set as text: nothing from outside becomes markup.

/** The element of the page with this id. */
export const at = (id) => document.getElementById(id);

/** A new element with attributes and children; a string among the children is text. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Sets the text of an element that has no other children, if it is not that already: a selection in it stays. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets or, with null, removes an attribute. */
export function setAttribute(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** A button that copies a text. `what` names it for those who cannot see what it stands beside. */
export function copyButton(what, text) {
  const button = make("button", { type: "button", class: "copy", "aria-label": `Copy ${what}` }, "Copy");
  button.addEventListener("click", async () => {
    const done = await navigator.clipboard.writeText(text()).then(() => "Copied", () => "Not allowed");
    setText(button, done);
    setTimeout(() => setText(button, "Copy"), 1500);
  });
  return button;
}

/** A list in the page: one element an item, known by its key, so that an item's element stays while the item does. */
export function list(parent, keyOf, create) {
  let shown = new Map();
  return (items) => {
    const next = new Map();
    for (const item of items) {
      const entry = shown.get(keyOf(item)) ?? create(item);
      next.set(keyOf(item), entry);
      entry.update(item);
    }
    for (const [key, entry] of shown) if (next.get(key) !== entry) entry.element.remove();
    // An element that is in its place is not touched: a video that is moved stops.
    let place = parent.firstElementChild;
    for (const { element } of next.values()) {
      if (element === place) place = place.nextElementSibling;
      else parent.insertBefore(element, place);
    }
    shown = next;
  };
}

const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const WHOLE = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** A moment as a time of day, the whole date on demand. */
export function moment(iso) {
  const date = new Date(iso);
  return make("time", { datetime: iso, title: WHOLE.format(date) }, TIME.format(date));
}

/** Dollars, with as many digits after the point as there are, two at least. */
export function dollars(amount) {
  const digits = Math.abs(amount).toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 6 });
  return `${amount < 0 ? "−" : ""}$${digits}`;
}
