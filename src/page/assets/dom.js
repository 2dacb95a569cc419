// SPDX-License-Identifier: MIT OR Apache-2.0
// Elements as values, the patching of what is on the page to what should be, and texts for people.
// Text from outside only ever becomes a text node or an attribute that is not a program.

const SVG = "http://www.w3.org/2000/svg";
const HANDLERS = ["onclick", "oninput", "onchange", "onsubmit", "onkeydown"];

function build(node, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "style") for (const [key, text] of Object.entries(value)) node.style.setProperty(key, text);
    else if (HANDLERS.includes(name) || name === "value" || name === "data" || name === "checked") node[name] = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...nodes(children));
  return node;
}

function nodes(list) {
  return list.flat(Infinity).filter((n) => n !== null && n !== undefined && n !== false)
    .map((n) => (n instanceof Node ? n : document.createTextNode(String(n))));
}

export const h = (tag, props, ...children) => build(document.createElement(tag), props, children);
export const svg = (tag, props, ...children) => build(document.createElementNS(SVG, tag), props, children);

const keyOf = (node) => (node.nodeType === 1 ? node.getAttribute("key") : null);
const fits = (old, node) => old.nodeType === node.nodeType && old.nodeName === node.nodeName && keyOf(old) === keyOf(node);

function morph(old, node) {
  if (old.nodeType !== 1) {
    if (old.data !== node.data) old.data = node.data;
    return;
  }
  for (const { name } of [...old.attributes]) if (name !== "style" && !node.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of node.attributes) if (name !== "style" && old.getAttribute(name) !== value) old.setAttribute(name, value);
  if (old.style.cssText !== node.style.cssText) old.style.cssText = node.style.cssText;
  for (const name of HANDLERS) if (old[name] !== node[name]) old[name] = node[name];
  if (old.nodeName.includes("-")) {
    if (node.data !== undefined) old.data = node.data; // the element paints itself
    return;
  }
  fill(old, ...node.childNodes);
  if ("value" in node && old !== document.activeElement && old.value !== node.value) old.value = node.value;
}

// Makes the children of parent equal to list, keeping the elements that fit: focus, scrolling and
// what is being typed stay.
export function fill(parent, ...list) {
  let at = parent.firstChild;
  for (const node of nodes(list)) {
    let old = at;
    const key = keyOf(node);
    if (key !== null) while (old && keyOf(old) !== key) old = old.nextSibling;
    if (old && fits(old, node)) {
      if (old === at) at = at.nextSibling;
      else parent.insertBefore(old, at);
      morph(old, node);
    } else {
      parent.insertBefore(node, at);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

// ---- texts ----

const two = (n) => String(n).padStart(2, "0");

export const sectorName = (s) => `f0${s.sp_id}/${s.number}`;
export const sectorLink = (s) => `#/sector/${Number(s.sp_id)}/${Number(s.number)}`;

export function duration(ms) {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return "–";
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 1) return `${Math.max(0, Math.round(ms))} ms`;
  if (s < 60) return `${s} s`;
  if (s < 600) return `${Math.floor(s / 60)} min ${two(s % 60)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 36000) return `${Math.floor(s / 3600)} h ${two(Math.floor((s % 3600) / 60))} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

export function bytes(n) {
  if (n === null || n === undefined) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let at = 0;
  while (n >= 1024 && at < units.length - 1) {
    n /= 1024;
    at++;
  }
  return `${n < 10 && at ? n.toFixed(1) : Math.round(n)} ${units[at]}`;
}

export function clock(ms) {
  const d = new Date(ms);
  const day = d.toDateString() === new Date().toDateString() ? "" : `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} `;
  return `${day}${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

export const day = (ms) => h("time", { datetime: new Date(ms).toISOString(), title: new Date(ms).toLocaleString("en-GB") }, new Date(ms).toISOString().slice(0, 10));
export const when = (ms) => h("time", { datetime: new Date(ms).toISOString(), title: new Date(ms).toLocaleString("en-GB") }, clock(ms));

const SIZES = ["2 KiB", "8 MiB", "512 MiB", "32 GiB", "64 GiB"];
export const proofName = (n) => `${SIZES[n % 5]}${n >= 10 ? " synthetic" : n < 5 ? " V1" : ""}`;

// AttoFIL as a decimal text, for people.
export function fil(atto) {
  if (!/^\d+$/.test(atto ?? "")) return "–";
  const digits = atto.padStart(19, "0");
  if (/^0{5}/.test(digits) && /[1-9]/.test(digits)) return digits.length - digits.search(/[1-9]/) > 9 ? `${Number(digits.slice(0, -9))} nanoFIL` : `${Number(digits)} attoFIL`;
  const fraction = digits.slice(-18, -14).replace(/0+$/, "");
  return `${digits.slice(0, -18)}${fraction ? "." + fraction : ""} FIL`;
}

// ---- pieces ----

export function button(text, onclick, kind = "") {
  return h("button", { type: "button", class: kind, onclick }, text);
}

export function field(label, input, hint) {
  const id = `f-${label.toLowerCase().replace(/[^a-z]+/g, "-")}`;
  input.id = id;
  if (hint) input.setAttribute("aria-describedby", `${id}-hint`);
  return h("div", { class: "field" }, h("label", { for: id }, label), input, hint && h("p", { class: "hint", id: `${id}-hint` }, hint));
}

// columns: [title, row => cell, class]; each cell carries its title for narrow screens.
export function table(caption, columns, rows, empty) {
  if (!rows.length) return h("p", { class: "empty" }, empty);
  return h("div", { class: "scroll" }, h("table", {},
    h("caption", { class: "unseen" }, caption),
    h("thead", {}, h("tr", {}, columns.map(([title, , kind]) => h("th", { scope: "col", class: kind }, title)))),
    h("tbody", {}, rows.map((row, i) => h("tr", { key: row.key ?? row.id ?? i },
      columns.map(([title, cell, kind]) => h("td", { "data-label": title, class: kind }, h("div", {}, cell(row)))))))));
}

export function bar(done, total, label) {
  const share = total > 0 ? Math.min(100, (100 * done) / total) : 0;
  return h("div", { class: "bar", role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": Math.round(share), "aria-label": label },
    h("div", { class: "done", style: { width: `${share.toFixed(1)}%` } }));
}

export const badge = (text, kind) => h("span", { class: `badge ${kind ?? ""}` }, text);

let notes = null;
export function say(text, kind = "good") {
  notes ??= document.body.appendChild(h("div", { class: "toasts", role: "status", "aria-live": "polite" }));
  const note = h("p", { class: `toast ${kind}` }, text);
  notes.append(note);
  setTimeout(() => note.remove(), kind === "bad" ? 12000 : 6000);
}

// Says in the dialog what would be done, again whenever the form has changed; what would be refused cannot
// be sent.
function previewing(form, go, preview) {
  const said = h("p", { class: "preview", role: "status" });
  let asked = 0;
  const look = async () => {
    const mine = ++asked;
    go.disabled = true;
    const good = form.checkValidity();
    let what = "", kind = "";
    try {
      if (good) what = await preview(formData(form));
    } catch (error) {
      what = error.message;
      kind = "refused";
    }
    if (mine !== asked) return;
    said.className = `preview ${kind}`;
    fill(said, what && [h("strong", {}, kind ? "Not now: " : "What happens: "), what]);
    go.disabled = Boolean(kind);
  };
  form.addEventListener("input", () => {
    clearTimeout(form.typing);
    form.typing = setTimeout(look, 250);
    asked++;
    go.disabled = true;
  });
  look();
  return said;
}

const formData = (form) => Object.fromEntries(new FormData(form));

// A modal dialog: the browser keeps the focus inside and gives it back.
// preview(form data) tells what would be done, or throws why it would be refused; send(form data) may throw;
// what it returns, if an element, takes the dialog's place. Without send it only shows something.
export function ask({ title, text, fields = [], verb, danger, preview, send }) {
  const problem = h("p", { class: "problem", role: "alert" });
  const go = h("button", { type: "submit", class: danger ? "danger" : "main" }, verb);
  const close = () => dialog.close();
  const form = h("form", { method: "dialog" },
    h("h2", { id: "dialog-title" }, title), text && h("p", {}, text), fields, problem,
    h("div", { class: "actions" }, button(send ? "Cancel" : "Close", close), send && go));
  if (preview) problem.before(previewing(form, go, preview));
  const dialog = h("dialog", { "aria-labelledby": "dialog-title" }, form);
  form.onsubmit = async (event) => {
    event.preventDefault();
    if (!send) return close();
    go.disabled = true;
    problem.textContent = "";
    try {
      const shown = await send(formData(form));
      if (shown instanceof Node) {
        form.replaceChildren(shown, h("div", { class: "actions" }, button("Close", close, "main")));
        (shown.querySelector("button, textarea, input") ?? form.querySelector("button")).focus();
      } else {
        close();
      }
    } catch (error) {
      problem.textContent = error.message;
      go.disabled = false;
    }
  };
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

// A secret that is shown once, with a button that copies it.
export function secret(label, value) {
  const area = h("textarea", { readonly: true, rows: value.length > 90 ? 4 : 2, spellcheck: "false" }, value);
  const copy = button("Copy", async () => {
    try {
      await navigator.clipboard.writeText(value);
    } catch {
      area.select();
      document.execCommand("copy");
    }
    copy.textContent = "Copied";
  });
  return h("div", { class: "secret" }, field(label, area), copy);
}
