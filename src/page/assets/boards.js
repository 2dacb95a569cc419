// SPDX-License-Identifier: MIT OR Apache-2.0
// The node at a glance: pipeline, running work, throughput, disks; nodes, messages, alerts.
import { badge, bar, button, bytes, clock, duration, fil, fill, h, say, sectorLink, sectorName, svg, table, when } from "/assets/dom.js";
import { get, live, may, now, post } from "/assets/api.js";

const SLOW_MS = 20000; // for what changes without an entry in the timeline

// A view paints itself from what it fetched and from the live overview; it fetches anew when the
// node's timeline has grown.
export class View extends HTMLElement {
  everyMs = SLOW_MS;

  connectedCallback() {
    this.off = live.on((overview) => this.follow(overview));
    this.slow = setInterval(() => this.load(), this.everyMs);
    this.load();
  }

  disconnectedCallback() {
    this.off();
    clearInterval(this.slow);
    clearTimeout(this.again);
  }

  follow(overview) {
    const grown = this.seen !== undefined && this.seen !== overview.board.event_id;
    this.seen = overview.board.event_id;
    this.overview = overview;
    if (grown && !this.again) this.again = setTimeout(() => { this.again = 0; this.load(); }, 500);
    this.paint();
  }

  async load() {
    try {
      this.model = await this.fetch();
      this.problem = "";
    } catch (error) {
      this.problem = error.message;
    }
    if (this.isConnected) this.paint();
  }

  async fetch() {
    return {};
  }

  paint() {
    if (!this.overview || !this.model) {
      fill(this, this.problem ? [h("h1", {}, "Nothing to show"), h("p", { class: "problem", role: "alert" }, this.problem)] : h("p", { class: "loading" }, "Loading"));
      return;
    }
    fill(this, this.problem && h("p", { class: "problem", role: "alert" }, this.problem), ...[this.render()].flat());
  }
}

// ---- the pipeline ----

const STAGES = {
  provider: [
    { title: "Ticket", states: ["ordered"], says: "ordered, waiting for its ticket" },
    { title: "PC1", states: ["ticketed"], says: "labels (SDR)" },
    { title: "PC2", states: ["labeled"], says: "trees and replica" },
    { title: "Sealed", states: ["sealed"], says: "kept for the client, C1 on request" },
    { title: "Finalized", states: ["finalized"], says: "layers dropped" },
    { title: "Cleaned", states: ["cleaned"], says: "done", end: true },
  ],
  client: [
    { title: "Order", states: ["new"], says: "looking for a provider" },
    { title: "Sealing", states: ["ordered"], says: "at the provider" },
    { title: "Fetch", states: ["sealed"], says: "transfer" },
    { title: "Verify", states: ["fetched"], says: "replica checked here" },
    { title: "Pre-commit", states: ["verified", "precommit_sent"], says: "deposit and message" },
    { title: "Seed", states: ["precommitted"], says: "waiting for randomness" },
    { title: "Prove", states: ["seeded", "vanilla"], says: "C1 and C2" },
    { title: "Commit", states: ["proven", "commit_sent"], says: "message" },
    { title: "Proving", states: ["proving"], says: "on chain", end: true },
  ],
};

export const stageOf = (role, state) => STAGES[role].find((s) => s.states.includes(state));
export const stagesOf = (role) => STAGES[role];
const TRANSFERS = ["sealed", "cache"]; // stages counted in bytes

export function rateText(work) {
  if (!work.rate) return "";
  if (TRANSFERS.includes(work.stage)) return `${bytes(work.rate)}/s`;
  if (!work.total) return "";
  const share = (100 * work.rate) / work.total;
  return share >= 1 ? `${share.toFixed(0)} %/s` : share * 60 >= 1 ? `${(share * 60).toFixed(0)} %/min` : `${(share * 3600).toFixed(1)} %/h`;
}

export const stepName = (step) => step.replace(/^\w+\./, "").replaceAll("_", " ");

export function workLine(work) {
  const share = work.total > 0 ? `${Math.floor((100 * work.done) / work.total)} %` : "";
  return [share, rateText(work), work.eta_ms ? `${duration(work.eta_ms)} left` : ""].filter(Boolean);
}

// A chain of short texts that breaks only between them.
export const chain = (texts) => texts.map((t, i) => [i > 0 && " · ", h("span", { class: "whole" }, t)]);

function workCard(work) {
  return h("a", { class: "work", href: sectorLink(work), key: `${work.role}${work.sp_id}/${work.number}` },
    h("span", { class: "name" }, `f0${work.sp_id}/`, h("wbr"), work.number), h("span", { class: "what" }, work.stage?.replaceAll("_", " ") ?? stepName(work.step)),
    work.total > 0 && bar(work.done, work.total, `progress of ${sectorName(work)}`),
    h("span", { class: "rate" }, work.total > 0 ? chain(workLine(work)) : `for ${duration(now() - work.started_ms)}`));
}

function column(stage, role, states, running) {
  const sum = (what) => stage.states.reduce((n, s) => n + (states[s]?.[what] ?? 0), 0);
  const count = sum("count"), failed = sum("failed");
  const here = running.filter((w) => w.role === role && stage.states.includes(w.state));
  const link = `#/sectors?role=${role}&state=${stage.states.join(",")}`;
  return h("li", { key: stage.title, class: `stage ${count ? "" : "idle"} ${stage.end ? "end" : ""}` },
    h("a", { class: "head", href: link, title: stage.says },
      h("span", { class: "title" }, stage.title), h("span", { class: "count" }, count),
      h("span", { class: "unseen" }, ` sectors ${stage.says}`)),
    failed > 0 && h("a", { class: "failed", href: `${link}&failed=1` }, `${failed} failed`),
    here.slice(0, 3).map(workCard), here.length > 3 && h("a", { class: "more", href: link }, `and ${here.length - 3} more`));
}

function pipeline(role, states, running) {
  const name = role === "provider" ? "Sealing for partners" : "Our sectors";
  return h("section", { key: role, "aria-label": name }, h("h2", {}, name),
    h("ol", { class: "pipeline" }, STAGES[role].map((stage) => column(stage, role, states, running))));
}

// ---- throughput ----

const SPANS = [["24 h", 24], ["7 days", 168], ["30 days", 720]];
const SERIES = [["sealed", "sealed for partners"], ["proving", "proving"], ["failed", "failed"]];

function chart(data) {
  const n = data.sealed.length, width = 720, height = 160;
  const most = 2 * Math.ceil(Math.max(2, ...data.sealed.map((v, i) => v + data.proving[i] + data.failed[i])) / 2);
  const step = width / n;
  const bars = [];
  for (let i = 0; i < n; i++) {
    let y = height;
    for (const [series] of SERIES) {
      const tall = (data[series][i] / most) * height;
      if (tall > 0) bars.push(svg("rect", { class: series, x: (i * step + 1).toFixed(2), y: (y - tall).toFixed(2), width: (step - 2).toFixed(2), height: tall.toFixed(2), rx: "1.5" },
        svg("title", {}, `${clock(data.from_ms + i * data.bucket_ms)}: ${data[series][i]} ${series}`)));
      y -= tall;
    }
  }
  const lines = [1, height / 2, height].map((y) => svg("line", { class: "grid", x1: "0", x2: width, y1: y, y2: y }));
  return h("div", { class: "chart" },
    svg("svg", { viewBox: `0 0 ${width} ${height + 1}`, role: "img", "aria-label": summary(data), preserveAspectRatio: "none" }, lines, bars),
    h("span", { class: "top", "aria-hidden": "true" }, most), h("span", { class: "middle", "aria-hidden": "true" }, most / 2),
    h("div", { class: "axis" }, h("span", {}, clock(data.from_ms)), h("span", {}, "now")));
}

const sum = (list) => list.reduce((a, b) => a + b, 0);
const summary = (data) => `${sum(data.sealed)} sealed, ${sum(data.proving)} proving, ${sum(data.failed)} failed`;

function throughput(view) {
  const data = view.model.throughput;
  const hours = (data.bucket_ms * data.sealed.length) / 3600000;
  const rate = ((sum(data.sealed) || sum(data.proving)) / hours).toFixed(2);
  const sides = view.overview.board;
  return h("section", { key: "throughput", "aria-label": "Throughput" },
    h("div", { class: "row" }, h("h2", {}, "Throughput"),
      h("div", { class: "choice", role: "group", "aria-label": "Period" }, SPANS.map(([title, span]) =>
        h("button", { type: "button", "aria-pressed": String(view.hours === span), onclick: () => { view.hours = span; view.load(); } }, title)))),
    chart(data),
    h("p", { class: "legend" }, SERIES.filter(([s]) => s === "failed" || (s === "sealed" ? sides.provider.enabled : sides.client.enabled))
      .map(([series, title]) => h("span", {}, h("i", { class: series }), `${sum(data[series])} ${title}`)),
    h("span", { class: "muted" }, `${rate} sectors an hour`)));
}

// ---- the overview ----

const tile = (title, value, note, kind = "", link) => h(link ? "a" : "div", { class: `tile ${kind}`, href: link, key: title },
  h("span", { class: "title" }, title), h("span", { class: "value" }, value), h("span", { class: "note" }, note));

const countOf = (states, what, but = []) => Object.entries(states).reduce((n, [s, c]) => n + (but.includes(s) ? 0 : c[what]), 0);

function tiles(view) {
  const { board, disks } = view.overview;
  const { provider, client } = board;
  const list = [];
  if (view.model.alerts.length) list.push(tile("Alerts", view.model.alerts.length, [view.model.alerts[0].subject, view.model.alerts[0].summary].filter(Boolean).join(": "), "bad", "#/alerts"));
  if (provider.enabled) {
    if (provider.draining) list.push(tile("Draining", "no orders", "what is here is finished", "warn", "#/partners"));
    list.push(tile("Places", `${provider.used} / ${provider.capacity}`, `${provider.slots} promised by slots`, provider.used >= provider.capacity ? "warn" : "", "#/sectors?role=provider"));
    list.push(tile("Partners", view.model.partners.length, `${sum(view.model.partners.map((p) => p.allowance_remaining))} sectors may be ordered`, "", "#/partners"));
  }
  if (provider.leases_ending) list.push(tile("Leases", provider.leases_ending, `end within 12 h, the first in ${duration(provider.lease_first_ms - now())}`, "warn", "#/sectors?role=provider&state=sealed,finalized"));
  if (client.enabled) {
    list.push(tile("Under way", countOf(client.states, "count", ["proving"]) - countOf(client.states, "failed", ["proving"]), `${client.states.proving?.count ?? 0} proving`, "", "#/sectors?role=client"));
    const open = view.model.providers.filter((p) => p.enabled).length;
    list.push(tile("Providers", `${open} / ${view.model.providers.length}`, "take orders", open ? "" : "warn", "#/providers"));
  }
  for (const role of ["provider", "client"]) {
    const failed = countOf(board[role].states, "failed", ["cleaned"]);
    if (failed) list.push(tile("Failed", failed, role === "provider" ? "of partners' sectors" : "of our sectors", "bad", `#/sectors?role=${role}&failed=1`));
  }
  for (const disk of disks) list.push(tile(`Disk ${disk.name}`, bytes(disk.free_bytes), `free of ${bytes(disk.total_bytes)}`, disk.free_bytes < disk.total_bytes / 20 ? "bad" : ""));
  if (view.model.chain.configured) list.push(view.model.chain.problem ? tile("Chain", "away", view.model.chain.problem, "bad") : tile("Chain", view.model.chain.head, "epoch"));
  return h("div", { class: "tiles", key: "tiles" }, list);
}

function queue(board) {
  return h("section", { key: "queue", "aria-label": "Queue" }, h("h2", {}, "Queue"),
    table("Tasks by class", [["Class", (q) => q.class], ["Running", (q) => q.running, "number"], ["Ready", (q) => q.ready, "number"], ["Waiting", (q) => q.waiting, "number"]],
      board.queue.map((q) => ({ ...q, key: q.class })), "Nothing to do."));
}

customElements.define("slk-overview", class extends View {
  hours = 24;

  async fetch() {
    const [chart, partners, providers, alerts, chain] = await Promise.all(
      [`throughput?hours=${this.hours}`, "partners", "providers", "alerts", "chain"].map(get));
    return { throughput: chart, partners, providers, alerts, chain };
  }

  render() {
    const { board } = this.overview;
    return [h("h1", {}, "Overview"), tiles(this),
      ["provider", "client"].filter((role) => board[role].enabled).map((role) => pipeline(role, board[role].states, board.running)),
      h("div", { class: "two", key: "two" }, throughput(this), queue(board))];
  }
});

// ---- nodes, messages, alerts ----

customElements.define("slk-nodes", class extends View {
  fetch() {
    return get("nodes");
  }

  render() {
    const silent = (n) => now() - n.seen_ms > 120000;
    return [h("h1", {}, "Nodes"), table("Nodes of this database", [
      ["Node", (n) => n.name], ["Role", (n) => n.roles],
      ["State", (n) => (silent(n) ? badge("silent", "bad") : badge("up", "good"))],
      ["Running", (n) => n.running, "number"],
      ["Since", (n) => when(n.started_ms)], ["Seen", (n) => `${duration(now() - n.seen_ms)} ago`], ["Starts", (n) => n.starts, "number"],
    ], this.model.map((n) => ({ ...n, key: n.name })), "No node has started yet."),
    h("h2", {}, "Disks"), table("Disks", [["Use", (d) => d.name], ["Folder", (d) => h("code", {}, d.folder)], ["Free", (d) => bytes(d.free_bytes), "number"], ["Total", (d) => bytes(d.total_bytes), "number"],
      ["Used", (d) => bar(d.total_bytes - d.free_bytes, d.total_bytes, `used of ${d.name}`)]], this.overview.disks.map((d) => ({ ...d, key: d.name })), "")];
  }
});

const cid = (text) => (text ? h("code", { class: "cid", title: text }, text) : "–");

const KINDS = { precommit: "pre-commit", commit: "prove-commit" };
const numbersOf = (m) => (m.numbers ? m.numbers.map((n, i) => [i > 0 && ", ", h("a", { href: sectorLink({ sp_id: m.sp_id, number: n }) }, n)]) : `${m.sectors} sectors`);

// What each miner has and what its next sector costs, as the chain says now.
function money(list) {
  const of = (name) => (m) => (m.problem ? "–" : fil(m[name]));
  return h("section", { key: "money", "aria-label": "Money" }, h("h2", {}, "Money"), table("Money of our miners", [
    ["Miner", (m) => `f0${m.sp_id}`], ["Available", of("available"), "number"], ["Sender has", of("sender_balance"), "number"],
    ["Deposit", of("deposit_per_sector"), "number"], ["Pledge", of("pledge_per_sector"), "number"], ["Problem", (m) => m.problem && h("span", { class: "reason" }, m.problem), "text"],
  ], list.map((m) => ({ ...m, key: m.sp_id })), "No miner has a provider yet."),
  h("p", { class: "hint" }, "What the miner and its richest sender have, and what one more sector takes, as the chain says now."));
}

customElements.define("slk-messages", class extends View {
  async fetch() {
    const [messages, funds] = await Promise.all([get("messages"), get("funds").catch((error) => [{ sp_id: "–", problem: error.message }])]);
    return { messages, funds };
  }

  render() {
    return [h("h1", {}, "Messages"), money(this.model.funds), h("section", { key: "sent", "aria-label": "Sent" }, h("h2", {}, "Sent"), table("Messages to the chain, newest first", [
      ["Message", (m) => KINDS[m.kind] ?? m.kind, "short"], ["Miner", (m) => `f0${m.sp_id}`], ["Sectors", numbersOf, "text"],
      ["State", (m) => [badge(m.state, m.exit_code ? "bad" : m.state === "landed" ? "good" : ""), m.exit_code ? ` exit ${m.exit_code}` : "", m.tries > 1 && ` after ${m.tries} tries`]],
      ["CID", (m) => cid(m.cid)], ["Carries", (m) => fil(m.value), "number short"], ["Gas at most", (m) => fil(m.max_fee), "number short"],
      ["Height", (m) => m.landed_height ?? "–", "number"], ["Sent", (m) => (m.sent_ms ? when(m.sent_ms) : "not yet")],
    ], this.model.messages.map((m) => ({ ...m, key: m.uuid })), "No message has been sent yet."))];
  }
});

// A sector that an alert is about leads to its page.
function about(subject) {
  const match = /f0(\d+)\/(\d+)/.exec(subject);
  return match ? h("a", { href: sectorLink({ sp_id: match[1], number: match[2] }) }, subject) : subject;
}

const SEVERITY = { critical: "bad", warning: "warn" };

customElements.define("slk-alerts", class extends View {
  fetch() {
    return get("alerts?all=1");
  }

  async ack(alert) {
    try {
      await post("alerts/ack", { rule: alert.rule, subject: alert.subject });
      say("Acknowledged.");
      this.load();
    } catch (error) {
      say(error.message, "bad");
    }
  }

  render() {
    const list = this.model.map((a) => ({ ...a, key: `${a.rule} ${a.subject} ${a.raised_ms}` }));
    const open = list.filter((a) => !a.cleared_ms), past = list.filter((a) => a.cleared_ms);
    const columns = [
      ["Alert", (a) => badge(a.rule, a.cleared_ms ? "" : SEVERITY[a.severity])], ["About", (a) => about(a.subject), "text"],
      ["What", (a) => h("div", { class: "named" }, a.summary, a.next && h("span", { class: "muted" }, a.next)), "text long"],
      ["Since", (a) => when(a.raised_ms)],
    ];
    return [h("h1", {}, "Alerts"), table("Alerts", [...columns,
      ["Taken on", (a) => (a.acked_ms ? `by ${a.acked_by}` : may("write") && h("div", { class: "actions small" }, button("Acknowledge", () => this.ack(a))))],
    ], open, "Nothing is wrong."),
    past.length > 0 && h("section", { key: "past" }, h("h2", {}, "Past"), table("Past alerts", [...columns, ["Ended", (a) => when(a.cleared_ms)]], past, ""))];
  }
});
