// SPDX-License-Identifier: MIT OR Apache-2.0
// Whom we deal with: partners who order here, providers we order from; and who may use this page.
import { ask, badge, button, day, duration, fil, field, fill, h, proofName, say, secret, table, when } from "/assets/dom.js";
import { get, may, post, put, remove, sealProofs } from "/assets/api.js";
import { View, chain } from "/assets/boards.js";

const input = (name, props) => h("input", { name, type: "text", autocomplete: "off", spellcheck: "false", ...props });
const numbers = (text) => text.split(/[\s,]+/).filter(Boolean).map(Number);

// "f01000:5, f01001" as the API has it, and back.
const miners = (text) => text.split(/[\s,]+/).filter(Boolean).map((word) => {
  const match = /^[ft]0(\d+)(?::(\d+))?$/.exec(word);
  if (!match) throw new Error(`${word} is no miner; write f01000, or f01000:5 for at most 5 sectors of it.`);
  return { sp_id: Number(match[1]), max_sectors: Number(match[2] ?? 0) };
});
const minersText = (list) => list.map((m) => `f0${m.sp_id}${m.max_sectors ? `:${m.max_sectors}` : ""}`).join(", ");
const expiry = (text) => (text ? new Date(`${text}T23:59:59Z`).getTime() : 0);

// The terms of a partner, for adding and changing.
const termFields = (p) => [
  field("URL", input("url", { type: "url", maxlength: "256", placeholder: "https://client.example:12310", value: p?.url ?? "" }), "Where its node is reached, for tickets and notice; may stay empty."),
  field("Seal proofs", input("proofs", { placeholder: "all that are offered", pattern: "[0-9, ]*", value: p?.proofs.join(", ") ?? "" }), "Numbers such as 8, 9."),
  field("Miners", input("miners", { placeholder: "any", value: p ? minersText(p.miners) : "" }), "Such as f01000:5, f01001; the number after the colon is how many sectors of it may be here at once."),
  h("div", { class: "pair" }, field("Weight", input("weight", { type: "number", min: "1", max: "1000", value: String(p?.weight ?? 1), required: true }), "Its share beside other waiting partners."),
    field("Last day", input("expires", { type: "date", value: p?.expires_ms ? new Date(p.expires_ms).toISOString().slice(0, 10) : "" }), "No orders after it; empty for ever.")),
];
const terms = (form) => ({ url: form.url, proofs: numbers(form.proofs), miners: miners(form.miners), weight: Number(form.weight), expires_ms: expiry(form.expires) });

// How it has kept its word so far.
const record = (p) => {
  if (p.verified === undefined) return "–";
  const parts = [p.price && `${fil(p.price)} a sector`, `${p.verified} verified`, p.usual_ms && `in ${duration(p.usual_ms)}`, p.failures && `${p.failures} failed`, p.lies && h("strong", { class: "failed" }, `${p.lies} refuted`)].filter(Boolean);
  return parts.map((part, i) => [i > 0 && ", ", part]);
};

// [number, word, link of what is bad]: those that are not 0, on one line where there is room.
const counts = (list) => {
  const shown = list.filter(([n]) => n > 0);
  return shown.length ? chain(shown.map(([n, word, link]) => (link ? h("a", { class: "failed", href: link }, `${n} ${word}`) : `${n} ${word}`))) : "none";
};

// A URL breaks before its port rather than within it.
const breakable = (url) => (url ?? "").split(/(?=:\d+$)/).map((part, i) => [i > 0 && h("wbr"), part]);
const named = (link, url) => h("div", { class: "named" }, link, url && h("span", { class: "muted" }, breakable(url)));

function shown(title, answer) {
  return h("div", {}, h("h2", {}, title),
    h("p", {}, "Hand the connect string over like a password. It is shown now and never again."),
    secret("Connect string", answer.connect_string),
    h("p", {}, "On the other side, with the string on standard input:"),
    h("p", {}, h("code", {}, "selkie provider add - --miner f0…")));
}

// Runs a change and says how it went.
async function change(view, doing, done) {
  try {
    await doing();
    say(done);
    view.load();
  } catch (error) {
    say(error.message, "bad");
  }
}

// ---- partners ----

customElements.define("slk-partners", class extends View {
  fetch() {
    return get("partners");
  }

  add() {
    ask({
      title: "Add a partner", verb: "Add", text: "A partner may order sectors here. The connect string for it is shown once.",
      fields: [
        h("div", { class: "pair" }, field("Name", input("name", { required: true, maxlength: "127" })),
          field("Allowance", input("allowance", { type: "number", min: "0", max: "1000000000", value: "100", required: true }), "Sectors it may order.")),
        termFields(),
      ],
      send: async (form) => {
        const answer = await post("partners", { name: form.name, allowance: Number(form.allowance), ...terms(form) });
        this.load();
        return shown(`${form.name} may order now`, answer);
      },
    });
  }

  edit(p) {
    ask({
      title: `Change ${p.name}`, verb: "Save",
      fields: [
        h("div", { class: "pair" }, field("Allowance left", input("remaining", { type: "number", min: "0", value: String(p.allowance_remaining), required: true }), "Sectors it may still order."),
          field("At once", input("total", { type: "number", min: "0", value: String(p.allowance_total), required: true }), "Sectors of it that may be here at the same time.")),
        termFields(p),
      ],
      send: async (form) => {
        await put(`partners/${p.id}`, { ...terms(form), allowance_remaining: Number(form.remaining), allowance_total: Number(form.total) });
        say(`${p.name} is changed.`);
        this.load();
      },
    });
  }

  rotate(p) {
    ask({
      title: `New token for ${p.name}?`, verb: "Make a new token", text: "The old one stays valid for the time below, so that the partner can change over.",
      fields: [field("Overlap in hours", input("hours", { type: "number", min: "0", max: "720", value: "24", required: true }))],
      send: async (form) => shown(`New token for ${p.name}`, await post(`partners/${p.id}/rotate`, { overlap_ms: Number(form.hours) * 3600000 })),
    });
  }

  drop(p) {
    ask({
      title: `Remove ${p.name}?`, verb: "Remove", danger: true, text: "Its token is accepted no more. A partner whose sectors are still here cannot be removed.",
      send: async () => {
        await remove(`partners/${p.id}`);
        say(`${p.name} is removed.`);
        this.load();
      },
    });
  }

  drain(on) {
    ask({
      title: on ? "Take no new orders?" : "Take orders again?", verb: on ? "Drain" : "Take orders",
      text: on ? "Partners are told that there is no room; what is here is sealed, served and cleaned up as always. It stays so over restarts, on every node, until orders are taken again." : "Partners may order again.",
      send: async () => {
        const d = await post("drain", { on });
        say(!on ? "Orders are taken again." : d.ordered + d.sealing ? `No new orders; ${d.ordered + d.sealing} sectors are still to be sealed${d.sealed_by_ms ? `, by about ${new Date(d.sealed_by_ms).toLocaleString("en-GB")}` : ""}.` : "No new orders; nothing is left to seal.");
      },
    });
  }

  render() {
    const admin = may("admin"), { draining } = this.overview.board.provider;
    return [h("div", { class: "row", key: "title" }, h("h1", {}, "Partners", draining && [" ", badge("draining: no new orders", "warn")]),
      h("div", { class: "actions" }, may("write") && button(draining ? "Take orders again" : "Drain", () => this.drain(!draining)), admin && button("Add a partner", () => this.add(), "main"))),
      table("Who may order sectors here", [
        ["Partner", (p) => named(h("a", { href: `#/sectors?role=provider&peer=${p.id}` }, p.name), p.url), "text"],
        ["Left to order", (p) => p.allowance_remaining, "number"], ["Here / at once", (p) => `${p.active} / ${p.allowance_total}`, "number"],
        ["Slots", (p) => p.live_slots, "number"],
        ["Failed", (p) => (p.failed ? h("a", { class: "failed", href: `#/sectors?role=provider&peer=${p.id}&failed=1` }, p.failed) : 0), "number"],
        ["Terms", (p) => [p.proofs.length ? p.proofs.map(proofName).join(", ") : "all sizes", p.miners.length ? `, ${minersText(p.miners)}` : "", p.weight > 1 && `, weight ${p.weight}`,
          p.expires_ms && [" ", badge(p.expires_ms < Date.now() ? "expired" : `until ${new Date(p.expires_ms).toISOString().slice(0, 10)}`, p.expires_ms < Date.now() ? "bad" : "")]]],
        ["Since", (p) => day(p.created_ms), "short"],
        ["Actions", (p) => admin && h("div", { class: "actions small line" }, button("Change", () => this.edit(p)), button("New token", () => this.rotate(p)), button("Remove", () => this.drop(p)))],
      ], this.model, "No partners yet. A partner is somebody who orders sectors from this node.")];
  }
});

// ---- providers ----

// The steps of a test, in the order in which they are taken.
const CHECKS = { dns: "Name (DNS)", tcp: "Connection (TCP)", tls: "TLS", protocol: "Protocol and version", token: "Token", callback: "The way back to us" };
const MARKS = { good: ["good", "good"], doubtful: ["look at it", "warn"], bad: ["failed", "bad"], skipped: ["not tried", ""] };

customElements.define("slk-providers", class extends View {
  async fetch() {
    const [providers, miners] = await Promise.all([get("providers"), get("miners")]);
    return { providers, miners };
  }

  flow(m) {
    ask({
      title: `Constant flow of f0${m.sp_id}`, verb: "Save", text: "So many sectors are kept under way, as far as the money goes.",
      fields: [
        field("Keep in flight", input("keep", { type: "number", min: "-1", max: "10000", value: String(m.keep_in_flight ?? -1), required: true }), "0 orders none by itself; -1 as configured."),
        field("Size", h("select", { name: "proof" }, h("option", { value: "-1" }, "as configured"), sealProofs().map((p) => h("option", { value: String(p), selected: p === m.seal_proof }, proofName(p))))),
        field("Reserve", input("reserve", { pattern: "[0-9]*", maxlength: "39", inputmode: "numeric", value: m.reserve ?? "" }), "AttoFIL that are left alone (18 zeros are one FIL); empty as configured."),
      ],
      send: async (form) => {
        await put(`miners/${m.sp_id}`, { keep_in_flight: Number(form.keep), seal_proof: Number(form.proof), reserve: form.reserve });
        say(`The flow of f0${m.sp_id} is changed.`);
        this.load();
      },
    });
  }

  miners(admin) {
    return h("section", { key: "miners", "aria-label": "Miners" }, h("h2", {}, "Miners"), table("Miners and their flow of orders", [
      ["Miner", (m) => h("a", { href: `#/sectors?role=client&miner=${m.sp_id}` }, `f0${m.sp_id}`)],
      ["Sectors", (m) => counts([[m.under_way, "under way"], [m.proving, "proving"], [m.failed, "failed", `#/sectors?role=client&miner=${m.sp_id}&failed=1`]]), "text"],
      ["Keep in flight", (m) => m.keep_in_flight ?? "as configured", "number"], ["Size", (m) => (m.seal_proof === null ? "as configured" : proofName(m.seal_proof))],
      ["Reserve", (m) => (m.reserve ? fil(m.reserve) : "as configured"), "number"], ["Waits for", (m) => m.note || "–", "text"],
      ["Actions", (m) => admin && h("div", { class: "actions small" }, button("Flow", () => this.flow(m)))],
    ], this.model.miners.map((m) => ({ ...m, key: m.sp_id })), "No miner has a provider yet."));
  }

  add() {
    ask({
      title: "Add a provider", verb: "Add", text: "The provider is called to see whether it knows us; nothing is added if it does not.",
      fields: [
        field("Connect string", h("textarea", { name: "connect_string", rows: "4", required: true, spellcheck: "false", autocomplete: "off" }), "What the provider's operator gave you."),
        field("Miner", input("miner", { required: true, pattern: "[ft]0[0-9]+", placeholder: "f01000" }), "Our miner whose sectors it seals."),
        field("Name", input("name", { maxlength: "127" }), "What we call it; may stay empty."),
      ],
      send: async (form) => {
        const answer = await post("providers", { connect_string: form.connect_string.trim(), miner: form.miner.trim(), name: form.name.trim() });
        say(`${answer.url} knows us as ${answer.partner_name || "a partner"}; ${answer.allowance_remaining} sectors may be ordered.`);
        this.load();
      },
    });
  }

  edit(p) {
    ask({
      title: `Change ${p.name || p.url}`, verb: "Save",
      fields: [
        field("Name", input("name", { maxlength: "127", value: p.name ?? "" })),
        field("URL", input("url", { type: "url", maxlength: "256", required: true, value: p.url }), "When it has moved; what is under way goes on there."),
        field("Price", input("price", { pattern: "[0-9]*", maxlength: "39", value: p.price ?? "" }), "AttoFIL a sector; empty when it is not known."),
      ],
      send: async (form) => {
        await put(`providers/${p.id}`, { name: form.name, url: form.url, price: form.price });
        say("The provider is changed.");
        this.load();
      },
    });
  }

  test(p) {
    const steps = h("div", { role: "status" }, h("p", { class: "loading" }, "Calling it, for at most half a minute"));
    ask({ title: `Test of ${p.name || p.url}`, fields: [steps] });
    this.steps(p, steps);
  }

  async steps(p, place) {
    try {
      const answer = await post(`providers/${p.id}/test`);
      fill(place, h("p", { class: answer.good ? "" : "problem" }, answer.good ? `It can be used; it knows us as ${answer.partner_name || "a partner"}, and ${answer.allowance_remaining} sectors may be ordered.` : `It cannot be used: ${CHECKS[answer.checks.find((c) => c.mark === "bad")?.check] ?? "one step"} failed.`),
        h("ol", { class: "checks" }, answer.checks.map((c) => h("li", { class: c.mark },
          h("p", {}, badge(MARKS[c.mark][0], MARKS[c.mark][1]), " ", h("strong", {}, CHECKS[c.check] ?? c.check), `: ${c.found}`), c.next && h("p", { class: "hint" }, c.next)))));
    } catch (error) {
      fill(place, h("p", { class: "problem" }, error.message));
    }
  }

  leave(p) {
    ask({
      title: `Leave ${p.name || p.url}?`, verb: "Leave it", danger: true, text: "No new orders go there, and what it has not sealed yet goes to other providers where there are some.",
      send: async () => {
        await post(`providers/${p.id}/leave`);
        say("No new orders go there; what is not sealed yet goes elsewhere.");
        this.load();
      },
    });
  }

  drop(p) {
    ask({
      title: `Remove ${p.name || p.url}?`, verb: "Remove", danger: true, text: "No more orders go there. A provider that still has sectors of ours cannot be removed.",
      send: async () => {
        await remove(`providers/${p.id}`);
        say("The provider is removed.");
        this.load();
      },
    });
  }

  render() {
    const admin = may("admin");
    const flip = (p) => change(this, () => put(`providers/${p.id}`, { enabled: !p.enabled }), p.enabled ? "No new orders go there." : "New orders may go there.");
    return [h("div", { class: "row", key: "title" }, h("h1", {}, "Providers"), admin && button("Add a provider", () => this.add(), "main")),
      table("Whom we order from", [
        ["Provider", (p) => named(h("a", { href: `#/sectors?role=client&peer=${p.id}` }, p.name || p.url), p.name === p.url ? "" : p.url), "text peer"], ["Miner", (p) => `f0${p.sp_id}`],
        ["State", (p) => (p.enabled ? badge("enabled", "good") : h("div", { class: "named" }, h("div", {}, badge("paused", "warn")), p.disabled_reason && h("span", { class: "muted" }, p.disabled_reason))), "text"],
        ["Sectors", (p) => counts([[p.active, "under way"], [p.done, "done"], [p.failed, "failed", `#/sectors?role=client&peer=${p.id}&failed=1`]]), "text"],
        ["Record", record, "text"],
        ["Actions", (p) => admin && h("div", { class: "actions small several" }, button(p.enabled ? "Pause" : "Enable", () => flip(p)), button("Test", () => this.test(p)), button("Change", () => this.edit(p)), p.active > 0 && button("Leave", () => this.leave(p)), button("Remove", () => this.drop(p)))],
      ], this.model.providers, "No providers yet. A provider's operator gives you a connect string."), this.miners(admin)];
  }
});

// ---- access ----

customElements.define("slk-access", class extends View {
  fetch() {
    return get("tokens");
  }

  add() {
    ask({
      title: "New access token", verb: "Make it",
      fields: [
        field("Name", input("name", { required: true, maxlength: "63", pattern: "[A-Za-z0-9._@\\-]+" }), "What or who it is for."),
        field("Role", h("select", { name: "role" }, [["read", "read: sees everything"], ["write", "write: works with sectors"], ["admin", "admin: partners, providers, tokens"]].map(([v, t]) => h("option", { value: v }, t)))),
        field("Days", input("days", { type: "number", min: "0", max: "3650", value: "0" }), "How long it is accepted; 0 for ever."),
      ],
      send: async (form) => {
        const answer = await post("tokens", { name: form.name, role: form.role, expires_in_ms: Number(form.days) * 86400000 });
        this.load();
        return h("div", {}, h("h2", {}, `Token ${answer.name}`), h("p", {}, "It is shown now and never again."), secret("Access token", answer.token));
      },
    });
  }

  drop(t) {
    ask({
      title: `Revoke ${t.name}?`, verb: "Revoke", danger: true, text: "The token is accepted no more and its sessions end.",
      send: async () => {
        await remove(`tokens/${encodeURIComponent(t.name)}`);
        say(`${t.name} is revoked.`);
        this.load();
      },
    });
  }

  render() {
    return [h("div", { class: "row", key: "title" }, h("h1", {}, "Access"), button("New token", () => this.add(), "main")),
      table("Access tokens", [
        ["Name", (t) => t.name, "text"], ["Role", (t) => badge(t.role)], ["Kind", (t) => (t.once ? (t.used ? "one login, used" : "one login") : "token")],
        ["Sessions", (t) => t.sessions, "number"], ["Made", (t) => when(t.created_ms)],
        ["Expires", (t) => (t.expires_ms ? when(t.expires_ms) : "never")], ["Last used", (t) => (t.used_ms ? when(t.used_ms) : "never")],
        ["Actions", (t) => h("div", { class: "actions small" }, button("Revoke", () => this.drop(t)))],
      ], this.model.map((t) => ({ ...t, key: t.name })), "No access tokens.")];
  }
});
