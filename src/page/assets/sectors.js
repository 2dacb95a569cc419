// SPDX-License-Identifier: MIT OR Apache-2.0
// Sectors: the list of either side, one sector with its timeline, and what can be done with them.
import { ask, badge, bar, button, clock, duration, fil, field, h, proofName, say, sectorLink, sectorName, table, when } from "/assets/dom.js";
import { get, may, now, post, session } from "/assets/api.js";
import { View, chain, stageOf, stagesOf, workLine } from "/assets/boards.js";

const PAGE = 50;

const BACK = { order: "order: another provider seals it", fetch: "fetch: the transfer", verify: "verify: the check of the replica", seed: "seed: the wait for it", c1: "c1: the vanilla proof", porep: "porep: the SNARK" };

export function stateBadge(sector) {
  if (sector.failed) return [badge(sector.state, "bad"), " ", h("span", { class: "reason" }, sector.reason)];
  const end = stageOf(sector.role, sector.state)?.end;
  return badge(sector.state, end ? "good" : "");
}

// ---- ordering ----

export async function orderDialog() {
  const providers = (await get("providers")).filter((p) => p.enabled);
  const miners = [...new Set(providers.map((p) => p.sp_id))];
  if (!miners.length) {
    say("No miner has an enabled provider; add a provider first.", "bad");
    return;
  }
  const proofs = session.development ? [5, 6, 7, 8, 9] : [8, 9, 13, 14];
  ask({
    title: "Order sectors", verb: "Order",
    fields: [
      field("Miner", h("select", { name: "miner" }, miners.map((m) => h("option", { value: String(m) }, `f0${m}`)))),
      field("Sectors", h("input", { name: "count", type: "number", min: "1", max: "100", value: "1", required: true })),
      field("Size", h("select", { name: "proof" }, proofs.map((p) => h("option", { value: String(p) }, proofName(p)))), "Seal proofs with “synthetic” need a provider that offers them."),
    ],
    async send(form) {
      const answer = await post("sectors", { miner: Number(form.miner), count: Number(form.count), seal_proof: Number(form.proof) });
      say(`Ordered: ${answer.sectors.map((n) => `f0${form.miner}/${n}`).join(", ")}`);
    },
  });
}

// ---- actions on one sector ----

const act = (sector, action, body) => post(`sectors/${sector.sp_id}/${sector.number}/${action}`, { role: sector.role, ...body });

const really = () => h("label", { class: "check" }, h("input", { type: "checkbox", name: "really" }), " I know what is lost; do it nevertheless");

async function run(sector, action, body, said, done) {
  await act(sector, action, body);
  say(said);
  done();
}

const RETRY = (sector, done) => ask({
  title: `Try ${sectorName(sector)} again`, verb: "Try again",
  fields: [sector.role === "client" && field("From", h("select", { name: "from" },
    sector.failed && h("option", { value: "" }, "where it stopped"), Object.entries(BACK).map(([v, t]) => h("option", { value: v }, t))), "A stage that is not reached yet, or that could lead to two pre-commits, is refused.")],
  send: (form) => run(sector, "retry", form.from ? { from: form.from } : {}, `${sectorName(sector)} is tried again.`, done),
});

const CANCEL = (sector, done) => ask({
  title: `Cancel ${sectorName(sector)}?`, verb: "Cancel the sector", danger: true,
  text: sector.role === "client"
    ? "The provider is told to clean up and our files of it are removed, unless the chain has its pre-commit. Where money may be lost this is refused first, with what it is."
    : "The work stops and its files are removed; the client is told. A sealed sector is refused first, for the client may have money on chain.",
  fields: [really()],
  send: (form) => run(sector, "cancel", { really: form.really === "on" }, `${sectorName(sector)} is canceled.`, done),
});

const RENEW = (sector, done) => ask({
  title: `Renew the lease of ${sectorName(sector)}`, verb: "Renew",
  fields: [field("Hours from now", h("input", { name: "hours", type: "number", min: "1", max: "8784", value: "72", required: true }))],
  send: (form) => run(sector, "renew", { for_ms: Number(form.hours) * 3600000 }, "The lease is renewed.", done),
});

const REMOVE = (sector) => ask({
  title: `Remove ${sectorName(sector)}?`, verb: "Remove", danger: true, text: "Its record and its files here go; its timeline stays, and its number is not used again. A sector the chain counts on is refused first.",
  fields: [h("label", { class: "check" }, h("input", { type: "checkbox", name: "keep" }), " Keep the files"), really()],
  send: (form) => run(sector, "remove", { really: form.really === "on", keep_files: form.keep === "on" }, `${sectorName(sector)} is removed.`, () => { location.hash = "#/sectors"; }),
});

function actions(sector, done) {
  if (!may("write")) return null;
  const client = sector.role === "client", end = stageOf(sector.role, sector.state)?.end;
  const retry = async () => {
    try {
      await run(sector, "retry", {}, `${sectorName(sector)} is tried again.`, done);
    } catch (error) {
      say(error.message, "bad");
    }
  };
  return h("div", { class: "actions" },
    sector.failed && button("Retry", retry, "main"),
    client && !end && button("Retry from…", () => RETRY(sector, done)),
    !client && ["sealed", "finalized"].includes(sector.state) && button("Renew the lease", () => RENEW(sector, done)),
    !end && button("Cancel", () => CANCEL(sector, done)),
    client && (end || sector.failed) && button("Remove", () => REMOVE(sector)));
}

// ---- the list ----

customElements.define("slk-sectors", class extends View {
  connectedCallback() {
    const q = this.place.query;
    this.filter = { role: q.get("role") ?? "", state: q.get("state") ?? "", failed: q.get("failed") ?? "", peer: q.get("peer") ?? "", miner: q.get("miner") ?? "", text: q.get("text") ?? "" };
    this.offset = Number(q.get("offset") ?? 0) || 0;
    super.connectedCallback();
  }

  get role() {
    if (this.filter.role) return this.filter.role;
    return this.overview?.board.client.enabled === false ? "provider" : "client";
  }

  async fetch() {
    if (!this.overview) return null; // which side is not known yet; follow() comes next
    const query = new URLSearchParams({ limit: PAGE, offset: this.offset });
    for (const [name, value] of Object.entries({ ...this.filter, role: this.role })) if (value !== "") query.set(name, value);
    return get(`sectors?${query}`);
  }

  follow(overview) {
    const first = !this.overview;
    super.follow(overview);
    if (first) this.load();
  }

  // The address names the filter, so that a list can be kept and shared.
  choose(change) {
    Object.assign(this.filter, change);
    this.offset = change.offset ?? 0;
    const query = new URLSearchParams(Object.entries({ ...this.filter, role: this.role, offset: this.offset || "" }).filter(([n, v]) => v !== "" && n !== "offset" || v));
    history.replaceState(null, "", `#/sectors?${query}`);
    this.load();
  }

  controls() {
    const { board } = this.overview;
    const both = board.provider.enabled && board.client.enabled;
    const states = stagesOf(this.role).flatMap((s) => s.states);
    const many = this.filter.state.includes(",");
    return h("form", { class: "controls", key: "controls", onsubmit: (e) => e.preventDefault() },
      both && field("Side", h("select", { onchange: (e) => this.choose({ role: e.target.value, state: "", peer: "" }), value: this.role },
        h("option", { value: "client", selected: this.role === "client" }, "our sectors"), h("option", { value: "provider", selected: this.role === "provider" }, "for partners"))),
      field("State", h("select", { onchange: (e) => this.choose({ state: e.target.value }) },
        h("option", { value: "" }, "any"), many && h("option", { value: this.filter.state, selected: true }, this.filter.state.replaceAll(",", " or ")),
        states.map((s) => h("option", { value: s, selected: s === this.filter.state }, s)))),
      field("Outcome", h("select", { onchange: (e) => this.choose({ failed: e.target.value }) },
        h("option", { value: "" }, "any"), h("option", { value: "1", selected: this.filter.failed === "1" }, "failed"), h("option", { value: "0", selected: this.filter.failed === "0" }, "not failed"))),
      field("Look for", h("input", { type: "search", placeholder: "number, peer, CommR, reason", maxlength: "100", value: this.filter.text, oninput: (e) => {
        clearTimeout(this.typing);
        const text = e.target.value.trim();
        this.typing = setTimeout(() => this.choose({ text }), 250);
      } })));
  }

  render() {
    const running = new Map(this.overview.board.running.map((w) => [`${w.role}${w.sp_id}/${w.number}`, w]));
    const { rows, total } = this.model;
    const peer = this.role === "client" ? "Provider" : "Partner";
    const progress = (s) => {
      const work = running.get(`${s.role}${s.sp_id}/${s.number}`);
      if (!work) return s.task && !s.task.running && s.task.not_before_ms > now() ? `again in ${duration(s.task.not_before_ms - now())}` : "";
      return [work.total > 0 && bar(work.done, work.total, `progress of ${sectorName(s)}`), h("span", { class: "rate" }, work.total > 0 ? chain(workLine(work)) : work.stage ?? work.step)];
    };
    return [
      h("div", { class: "row", key: "title" }, h("h1", {}, "Sectors"), this.role === "client" && may("write") && button("Order sectors", orderDialog, "main")),
      this.controls(),
      table("Sectors, newest first", [
        ["Sector", (s) => h("a", { href: sectorLink(s) }, sectorName(s))],
        ["State", stateBadge], ["Progress", progress, "wide"], [peer, (s) => s.peer ?? "–", "text"],
        ["Size", (s) => proofName(s.seal_proof)], ["Since", (s) => h("span", { title: clock(s.since_ms) }, duration(now() - s.since_ms))],
      ], rows.map((s) => ({ ...s, key: sectorName(s) })), total ? "Nothing on this page." : "No sectors like these."),
      h("nav", { class: "pages", "aria-label": "Pages", key: "pages" },
        h("span", {}, total ? `${this.offset + 1} to ${this.offset + rows.length} of ${total}` : ""),
        this.offset > 0 && button("Newer", () => this.choose({ offset: Math.max(0, this.offset - PAGE) })),
        this.offset + rows.length < total && button("Older", () => this.choose({ offset: this.offset + PAGE })))];
  }
});

// ---- one sector ----

const fact = (title, value, wide) => value !== null && value !== undefined && value !== "" && [h("dt", {}, title), h("dd", { class: wide ? "cid" : "" }, value)];

function facts(s) {
  return h("dl", { class: "facts" },
    fact(s.role === "client" ? "Provider" : "Partner", s.peer), fact("Size", `${proofName(s.seal_proof)} (seal proof ${s.seal_proof})`),
    fact("Ordered", when(s.created_ms)), fact("Ticket epoch", s.ticket_epoch),
    fact("CommD", s.comm_d, true), fact("CommR", s.comm_r, true),
    fact("Pre-commit", s.precommit_cid, true), fact("Pre-commit epoch", s.precommit_epoch), fact("Seed epoch", s.seed_epoch), fact("Prove-commit", s.commit_cid, true),
    s.deposit && fact("Deposit", fil(s.deposit)), s.pledge && fact("Pledge", fil(s.pledge)),
    s.role === "provider" && fact("Client told", s.notified ? "yes" : "not yet"),
    s.lease_until_ms && !s.released && fact("Lease ends", [when(s.lease_until_ms), `, in ${duration(s.lease_until_ms - now())}`]));
}

function taskPart(s, work) {
  const t = s.task;
  if (!t) return null;
  const total = work?.total ?? t.total, done = work?.done ?? t.done;
  const line = work ? workLine(work).join(" · ") : t.running ? "" : t.not_before_ms > now() ? `again in ${duration(t.not_before_ms - now())}` : "waits for a free worker";
  return h("div", { class: "task" },
    h("p", {}, h("strong", {}, t.step), t.stage && ` · ${t.stage}`, line && ` · ${line}`, t.owner && h("span", { class: "muted" }, ` · on ${t.owner}`)),
    t.running && total > 0 && bar(done, total, "progress of this step"),
    t.last_error && h("p", { class: "problem" }, `After ${t.attempts} ${t.attempts === 1 ? "attempt" : "attempts"}: ${t.last_error}`));
}

// Every entry says how long the sector stood where it came from.
function timeline(events) {
  const since = {};
  const rows = events.map((e) => {
    const stood = e.to && e.to !== e.from && since[e.role] ? e.at_ms - since[e.role] : null;
    if ((e.to && e.to !== e.from) || !since[e.role]) since[e.role] = e.at_ms;
    return { ...e, stood };
  });
  return h("ol", { class: "timeline" }, rows.map((e, i) => h("li", { key: i, class: e.event === "failed" ? "bad" : e.event === "retry" ? "warn" : "" },
    when(e.at_ms),
    h("div", {},
      h("p", {}, h("strong", {}, e.event.replaceAll("_", " ")), e.to && e.to !== e.from && h("span", {}, ` ${e.from ?? ""} → ${e.to}`),
        e.stood !== null && h("span", { class: "stood" }, `after ${duration(e.stood)}`)),
      e.detail && h("p", { class: "detail" }, e.detail),
      h("p", { class: "muted" }, `${e.role} · ${e.actor} · ${e.node}`)))));
}

// How long it stood in each state, as one bar.
function spans(events, role) {
  const mine = events.filter((e) => e.role === role && e.to && e.to !== e.from);
  if (!mine.length) return null;
  const parts = mine.map((e, i) => ({ state: e.to, ms: (mine[i + 1]?.at_ms ?? now()) - e.at_ms })).filter((p) => !stageOf(role, p.state)?.end);
  const all = parts.reduce((a, p) => a + p.ms, 0);
  if (all <= 0) return null;
  return h("div", { class: "spans", role: "img", "aria-label": parts.map((p) => `${p.state} ${duration(p.ms)}`).join(", ") },
    parts.map((p, i) => h("span", { class: `tone-${i % 6}`, title: `${p.state}: ${duration(p.ms)}`, style: { "flex-grow": String(Math.max(1, Math.round((1000 * p.ms) / all))) } },
      p.ms / all > 0.12 && h("span", {}, `${p.state} ${duration(p.ms)}`))));
}

function placements(list) {
  if (list.length < 2 && !list.some((p) => p.ended_ms)) return null; // the only one is said above
  return h("section", { key: "placements", "aria-label": "Providers asked" }, h("h2", {}, "Providers asked"), table("Providers asked for this sector", [
    ["Provider", (p) => p.provider || p.url, "text"], ["Ordered", (p) => (p.ordered_ms ? when(p.ordered_ms) : "–")],
    ["Sealed after", (p) => (p.sealed_ms ? duration(p.sealed_ms - p.ordered_ms) : "–")],
    ["Outcome", (p) => [badge(p.outcome || "under way", p.outcome && p.outcome !== "verified" ? "warn" : ""), " ", p.detail]],
    ["", (p) => p.release_owed && badge("not yet told to clean up", "warn")],
  ], list.map((p, i) => ({ ...p, key: i })), ""));
}

customElements.define("slk-sector", class extends View {
  fetch() {
    const [miner, number] = this.place.rest;
    return get(`sectors/${encodeURIComponent(miner ?? "")}/${encodeURIComponent(number ?? "")}`);
  }

  side(s) {
    const work = this.overview.board.running.find((w) => w.role === s.role && w.sp_id === s.sp_id && w.number === s.number);
    return h("section", { class: "card", key: s.role, "aria-label": s.role },
      h("div", { class: "row" }, h("h2", {}, s.role === "client" ? "Ours" : "For a partner"), h("span", {}, stateBadge(s))),
      s.failed && h("p", { class: "problem" }, s.message), s.next && h("p", {}, h("span", { class: "muted" }, "Next: "), s.next),
      taskPart(s, work), spans(this.model.timeline, s.role), actions(s, () => this.load()), facts(s));
  }

  render() {
    const [miner, number] = this.place.rest;
    return [h("p", { class: "back", key: "back" }, h("a", { href: "#/sectors" }, "All sectors")), h("h1", {}, `Sector f0${miner}/${number}`),
      this.model.roles.map((s) => this.side(s)),
      placements(this.model.placements ?? []),
      h("section", { key: "timeline", "aria-label": "Timeline" }, h("h2", {}, "Timeline"), timeline(this.model.timeline))];
  }
});
