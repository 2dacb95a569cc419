// SPDX-License-Identifier: MIT OR Apache-2.0
// Sectors: the list of either side, one sector with its timeline, and what can be done with them.
import { ask, badge, bar, button, bytes, clock, duration, fil, field, h, proofName, say, sectorLink, sectorName, table, when } from "/assets/dom.js";
import { get, may, now, post, sealProofs } from "/assets/api.js";
import { View, chain, stageOf, stagesOf, stepName, workLine } from "/assets/boards.js";

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
  ask({
    title: "Order sectors", verb: "Order",
    fields: [
      field("Miner", h("select", { name: "miner" }, miners.map((m) => h("option", { value: String(m) }, `f0${m}`)))),
      field("Sectors", h("input", { name: "count", type: "number", min: "1", max: "100", value: "1", required: true })),
      field("Size", h("select", { name: "proof" }, sealProofs().map((p) => h("option", { value: String(p) }, proofName(p)))), "Seal proofs with “synthetic” need a provider that offers them."),
    ],
    async send(form) {
      const answer = await post("sectors", { miner: Number(form.miner), count: Number(form.count), seal_proof: Number(form.proof) });
      say(`Ordered: ${answer.sectors.map((n) => `f0${form.miner}/${n}`).join(", ")}`);
    },
  });
}

// ---- actions on one sector ----

const act = (sector, action, body) => post(`sectors/${sector.sp_id}/${sector.number}/${action}`, { role: sector.role, ...body });

const check = (name, text) => h("label", { class: "check" }, h("input", { type: "checkbox", name }), " ", text);
const really = () => check("really", "I know what is lost; do it nevertheless");

// A dialog that shows what an action would do before it does it. body: of a form, what is sent.
function confirm(sector, action, { body, said, done, ...dialog }) {
  ask({
    ...dialog,
    preview: async (form) => (await act(sector, action, { ...body(form), dry_run: true })).what,
    send: async (form) => {
      await act(sector, action, body(form));
      say(said);
      done();
    },
  });
}

const RETRY = (sector, done) => confirm(sector, "retry", {
  title: `Try ${sectorName(sector)} again?`, verb: "Try again", body: () => ({}), said: `${sectorName(sector)} is tried again.`, done,
});

// Only the stages that are possible now are offered; the others say why not.
async function BACK_TO(sector, done) {
  const stages = await get(`sectors/${sector.sp_id}/${sector.number}/stages`);
  const valid = stages.filter((s) => s.valid), not = stages.filter((s) => !s.valid);
  if (!valid.length) {
    say(`${sectorName(sector)} cannot go back to any stage: ${not[0]?.why}`, "bad");
    return;
  }
  confirm(sector, "retry", {
    title: `Go back with ${sectorName(sector)}`, verb: "Go back", body: (form) => ({ from: form.from }), said: `${sectorName(sector)} goes back.`, done,
    fields: [field("From", h("select", { name: "from" }, valid.map((s) => h("option", { value: s.stage }, BACK[s.stage])))),
      not.length > 0 && h("details", {}, h("summary", {}, "Not possible now"), h("ul", { class: "why" }, not.map((s) => h("li", {}, h("strong", {}, s.stage), `: ${s.why}`))))],
  });
}

const CANCEL = (sector, done) => confirm(sector, "cancel", {
  title: `Cancel ${sectorName(sector)}?`, verb: "Cancel the sector", danger: true, fields: [really()], body: (form) => ({ really: form.really === "on" }),
  text: sector.role === "client"
    ? "Our files of it are removed, too, unless the chain has its pre-commit."
    : "The work stops. A sealed sector is refused first, for the client may have money on chain.",
  said: `${sectorName(sector)} is canceled.`, done,
});

const RENEW = (sector, done) => {
  const body = (form) => ({ for_ms: Number(form.hours) * 3600000 });
  ask({
    title: `Renew the lease of ${sectorName(sector)}`, verb: "Renew",
    fields: [field("Hours from now", h("input", { name: "hours", type: "number", min: "1", max: "8784", value: "72", required: true }))],
    preview: async (form) => `it is kept until ${clock((await act(sector, "renew", { ...body(form), dry_run: true })).lease_until_ms)}`,
    send: async (form) => {
      await act(sector, "renew", body(form));
      say("The lease is renewed.");
      done();
    },
  });
};

const REMOVE = (sector) => confirm(sector, "remove", {
  title: `Remove ${sectorName(sector)}?`, verb: "Remove", danger: true, text: "Its timeline stays, and its number is not used again.",
  fields: [check("keep", "Keep the files"), really()], body: (form) => ({ really: form.really === "on", keep_files: form.keep === "on" }),
  said: `${sectorName(sector)} is removed.`, done: () => { location.hash = "#/sectors"; },
});

const VERIFY = (sector, done) => confirm(sector, "verify", {
  title: `Verify the files of ${sectorName(sector)}`, verb: "Verify", said: "It is being verified.", done,
  fields: [field("How much", h("select", { name: "samples" }, h("option", { value: "1000" }, "a sample: 1000 places"), h("option", { value: "100" }, "a sample: 100 places"), h("option", { value: "0" }, "all of it")),
    "A sample of n places misses damage of a share d of the replica with (1 − d) to the power of n.")],
  body: (form) => ({ samples: Number(form.samples) }),
});

const EXPORT = (sector, done) => confirm(sector, "export", {
  title: `Copy the files of ${sectorName(sector)}`, verb: "Copy", said: "It is being copied.", done,
  fields: [field("To the folder", h("input", { name: "to", required: true, pattern: "/.*", maxlength: "1024", placeholder: "/mnt/storage", spellcheck: "false", autocomplete: "off" }),
    "Of the node, by its whole path. It gets sealed/ and cache/ in Lotus's layout; every file is read back and compared.")],
  body: (form) => ({ to: form.to.trim() }),
});

const HERE = ["verified", "precommit_sent", "precommitted", "seeded", "vanilla", "proven", "commit_sent", "proving"];

function actions(sector, done) {
  if (!may("write")) return null;
  const client = sector.role === "client", end = stageOf(sector.role, sector.state)?.end;
  const here = client && HERE.includes(sector.state);
  return h("div", { class: "actions" },
    sector.failed && button("Retry", () => RETRY(sector, done), "main"),
    client && !end && button("Retry from…", () => BACK_TO(sector, done)),
    here && button("Verify…", () => VERIFY(sector, done)),
    here && may("admin") && button("Export…", () => EXPORT(sector, done)),
    !client && ["sealed", "finalized"].includes(sector.state) && button("Renew the lease", () => RENEW(sector, done)),
    !end && button("Cancel", () => CANCEL(sector, done)),
    client && (end || sector.failed) && button("Remove", () => REMOVE(sector)));
}

// ---- what is being done with its files ----

const OUTCOMES = { done: "good", refuted: "bad", failed: "bad", stopped: "warn" };

function jobText(job) {
  if (job.what === "export") return job.outcome === "running" ? `Copying to ${job.to}` : `Copy to ${job.to}`;
  return `${job.outcome === "running" ? "Verifying" : "Check of"} ${job.samples ? `${job.samples} places` : "the whole replica"}`;
}

function jobResult(job) {
  if (job.outcome !== "done") return job.message;
  return job.what === "export" ? `${job.files} files, ${bytes(job.bytes)}, read back and compared` : "what was looked at is as it must be";
}

function jobPart(job) {
  const running = job.outcome === "running";
  const share = job.total > 0 ? ` · ${Math.floor((100 * job.done) / job.total)} %` : "";
  const stop = () => post("jobs/stop", { id: job.id }).catch((error) => say(error.message, "bad"));
  return h("li", { key: job.id },
    h("p", {}, h("strong", {}, jobText(job)), " ", running ? [share, " ", may("write") && button("Stop", stop)] : badge(job.outcome, OUTCOMES[job.outcome])),
    running ? bar(job.done, job.total, jobText(job)) : h("p", { class: job.outcome === "done" ? "" : "problem" }, jobResult(job)),
    h("p", { class: "muted" }, `by ${job.by} · `, when(job.started_ms), !running && ` · took ${duration(job.ended_ms - job.started_ms)}`));
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
      return [work.total > 0 && bar(work.done, work.total, `progress of ${sectorName(s)}`), h("span", { class: "rate" }, work.total > 0 ? chain(workLine(work)) : work.stage ?? stepName(work.step))];
    };
    const lease = (s) => (s.lease_until_ms ? h("span", { title: clock(s.lease_until_ms) }, `${duration(s.lease_until_ms - now())} left`) : "");
    return [
      h("div", { class: "row", key: "title" }, h("h1", {}, "Sectors"), this.role === "client" && may("write") && button("Order sectors", orderDialog, "main")),
      this.controls(),
      table("Sectors, newest first", [
        ["Sector", (s) => h("a", { href: sectorLink(s) }, sectorName(s))],
        ["State", stateBadge], ["Progress", progress, "wide"], [peer, (s) => s.peer ?? "–", "text"],
        ["Size", (s) => proofName(s.seal_proof)], ["Since", (s) => h("span", { title: clock(s.since_ms) }, duration(now() - s.since_ms))],
        ...(this.role === "provider" ? [["Lease", lease]] : []),
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
    h("p", {}, h("strong", {}, stepName(t.step)), t.stage && ` · ${t.stage}`, line && ` · ${line}`, t.owner && h("span", { class: "muted" }, ` · on ${t.owner}`)),
    t.running && total > 0 && bar(done, total, "progress of this step"),
    t.last_error && h("p", { class: "problem" }, t.attempts > 0 ? `After ${t.attempts} ${t.attempts === 1 ? "attempt" : "attempts"}: ${t.last_error}` : t.last_error));
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

const JOB_MS = 1000; // between two looks at a job that runs

customElements.define("slk-sector", class extends View {
  async fetch() {
    const [miner, number] = this.place.rest;
    const [sector, jobs] = await Promise.all([get(`sectors/${encodeURIComponent(miner ?? "")}/${encodeURIComponent(number ?? "")}`), get("jobs")]);
    const mine = jobs.filter((j) => j.sp_id === Number(miner) && j.number === Number(number));
    clearTimeout(this.soon);
    if (mine.some((j) => j.outcome === "running")) this.soon = setTimeout(() => this.isConnected && this.load(), JOB_MS);
    return { ...sector, jobs: mine };
  }

  files() {
    const { jobs } = this.model;
    return jobs.length > 0 && h("section", { key: "files", class: "card", "aria-label": "Files" }, h("h2", {}, "Files"), h("ul", { class: "jobs" }, jobs.slice(0, 5).map(jobPart)));
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
      this.model.roles.map((s) => this.side(s)), this.files(),
      placements(this.model.placements ?? []),
      h("section", { key: "timeline", "aria-label": "Timeline" }, h("h2", {}, "Timeline"), timeline(this.model.timeline))];
  }
});
