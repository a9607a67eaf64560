// The shown account, its balance, and its ledger.

import { at, copyButton, dollars, list, make, moment, setAttribute, setText } from "./dom.js";

const fill = list(at("ledger-list"), (entry) => entry.seq, create);
const choices = list(at("account"), (choice) => choice.id, choose);

/** Calls `changed` with the account that somebody chose, or an empty string for the one that was used last. */
export function choosing(changed) {
  at("account").addEventListener("change", (event) => changed(event.target.value));
}

at("account-facts").after(" ", copyButton("the wallet’s id", () => shown));
let shown = "";

/** Shows the account that the answer is about, and offers the others. */
export function show(data) {
  const latest = { id: "", text: "The one used last" };
  const others = data.accounts.map((account) => ({ id: account.account_id, text: `${account.account_id} · ${count(account.jobs, "job")}` }));
  choices([latest, ...others]);
  at("account-choice").hidden = data.accounts.length < 2;

  const account = data.accounts.find((account) => account.account_id === data.account);
  at("wallet").hidden = !account;
  if (!account) return;
  setText(at("balance"), dollars(account.balance_usd));
  shown = account.account_id;
  setText(at("account-facts"), `${account.account_id}, ${count(account.keys, "key")}.`);
  setAttribute(at("topup"), "href", account.checkout);
  fill(data.ledger);
}

const count = (number, what) => `${number} ${what}${number === 1 ? "" : "s"}`;

function choose({ id }) {
  const element = make("option", { value: id });
  return { element, update: ({ text }) => setText(element, text) };
}

function create(entry) {
  const element = make("tr", {},
    make("td", {}, moment(entry.created_at)),
    make("td", {}, entry.kind, make("span", { class: "under" }, entry.reference)),
    make("td", { class: "number" }, dollars(entry.amount_usd)),
    make("td", { class: "number" }, dollars(entry.balance_micros / 1e6)));
  // The ledger is only ever added to.
  return { element, update() {} };
}
