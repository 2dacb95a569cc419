// SPDX-License-Identifier: MIT OR Apache-2.0
// The workers of the node: the machines, what each does now and how far it is, what waits and why.
import { ask, badge, bar, button, bytes, duration, h, say, sectorLink, sectorName, table } from "/assets/dom.js";
import { get, may, now, post } from "/assets/api.js";
import { chain, View, workLine } from "/assets/boards.js";

const KINDS = { local: "this node", selkie: "selkie worker", lotus: "lotus-worker" };
const TASKS = { AP: "add piece", PC1: "labels", PC2: "trees and replica", C1: "vanilla proof", C2: "SNARK", UNS: "unseal", GET: "fetch", FIN: "finalize", FUS: "finalize", DC: "data CID" };
const known = (task) => h("span", { title: TASKS[task] }, task);

function state(w) {
  if (!w.answers) return badge("away", "bad");
  if (w.disabled) return badge("drains", "warn");
  if (!w.open) return badge("closed", "warn");
  return badge(w.running.length ? "busy" : "free", w.running.length ? "good" : "");
}

const use = (used, all, text, label) => h("div", { class: "named" }, bar(used, all, label), h("span", { class: "muted" }, text));

function running(w) {
  return h("ul", { class: "jobs" }, w.running.map((t) => h("li", { key: `${t.task}${t.sp_id}/${t.number}` },
    h("span", {}, known(t.task), " ", h("a", { href: sectorLink(t) }, sectorName(t)), t.stage ? ` ${t.stage}` : ""),
    t.total > 0 && bar(t.done, t.total, `progress of ${t.task} of ${sectorName(t)}`),
    h("span", { class: "muted" }, t.total > 0 ? chain(workLine({ ...t, eta_ms: t.left_ms })) : `for ${duration(now() - t.started_ms)}`))));
}

function lever(view, w) {
  if (!may("admin") || w.disabled) return ""; // only its own operator has it take work again
  const open = !w.open, path = `workers/${w.session}`;
  return h("div", { class: "actions small" }, button(open ? "Open" : "Drain", () => ask({
    title: open ? `Give ${w.host} work again` : `Drain ${w.host}`, verb: open ? "Open" : "Drain", danger: !open,
    text: open && w.why ? `It was closed: ${w.why}.` : null,
    preview: async () => (await post(path, { open, dry_run: true })).what,
    send: async () => {
      await post(path, { open });
      say(open ? `${w.host} gets work again.` : `${w.host} gets no new work.`);
      view.load();
    },
  })));
}

customElements.define("slk-workers", class extends View {
  everyMs = 3000;

  fetch() {
    return get("workers");
  }

  render() {
    const { workers, waiting, calls } = this.model;
    const of = (task) => waiting.filter((r) => r.task === task).length;
    const waits = [...new Set(waiting.map((r) => r.task))].map((task) => `${of(task)} ${task}`).join(", ");
    const minutes = (c) => (c.done ? duration(c.ms / c.done) : "–");
    return [h("h1", {}, "Workers"), table("Workers of this node", [
      ["Worker", (w) => h("div", { class: "named" }, w.host, h("span", { class: "muted" }, KINDS[w.kind] ?? w.kind, " ", h("code", { title: w.session }, w.session.slice(0, 8))))],
      ["State", (w) => h("div", { class: "named" }, h("span", {}, state(w)), (w.why || !w.answers) && h("span", { class: "muted" }, w.why, !w.answers && ` (for ${duration(w.silent_ms)})`)), "text"],
      ["Tasks", (w) => w.tasks.map((t, i) => [i > 0 && " ", known(t)])],
      ["Processor", (w) => use(w.cpus_used, w.cpus, `${w.cpus_used} of ${w.cpus}${w.gpus ? `, ${w.gpus} GPU` : ""}`, `processors in use at ${w.host}`)],
      ["Memory", (w) => use(w.memory_used_bytes, w.memory_bytes, `${bytes(w.memory_used_bytes)} of ${bytes(w.memory_bytes)}`, `memory in use at ${w.host}`)],
      ["Now", (w) => (w.running.length ? running(w) : "–"), "wide"],
      ...(may("admin") ? [["", (w) => lever(this, w)]] : []),
    ], workers.map((w) => ({ ...w, key: w.session })), "No worker."),
    h("section", { key: "waiting", "aria-label": "Waiting" }, h("h2", {}, "Waiting"), waits && h("p", { class: "hint" }, waits),
      table("Tasks that wait for a worker", [
        ["Sector", (r) => h("a", { href: sectorLink(r) }, sectorName(r))], ["Task", (r) => known(r.task)],
        ["For", (r) => duration(now() - r.asked_ms)], ["Why", (r) => r.why, "text long"],
      ], waiting.map((r) => ({ ...r, key: `${r.task}${r.sp_id}/${r.number}` })), "Nothing waits for a worker.")),
    calls.length > 0 && h("section", { key: "calls", "aria-label": "Done" }, h("h2", {}, "Done by other processes since the node started"),
      table("Calls", [["Task", (c) => known(c.task)], ["Done", (c) => c.done, "number"], ["Failed", (c) => c.failed, "number"], ["Each took", minutes, "number"]],
        calls.map((c) => ({ ...c, key: c.task })), "")),
    h("p", { class: "hint" }, "Processor and memory are what the tasks are reckoned to take. On another machine, ", h("code", {}, "selkie worker run"), " adds a worker; ", h("code", {}, "selkie auth api-info"), " here prints what it needs.")];
  }
});
