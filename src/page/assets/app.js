// SPDX-License-Identifier: MIT OR Apache-2.0
// The frame: login, navigation, and which view is shown.
import { badge, button, fill, h, say } from "/assets/dom.js";
import { live, login, logout, may, resume, session, whenLost } from "/assets/api.js";
import "/assets/boards.js";
import "/assets/sectors.js";
import "/assets/peers.js";
import "/assets/workers.js";

const VIEWS = [
  { path: "", title: "Overview", element: "slk-overview" },
  { path: "sectors", title: "Sectors", element: "slk-sectors" },
  { path: "workers", title: "Workers", element: "slk-workers" },
  { path: "partners", title: "Partners", element: "slk-partners", side: "provider" },
  { path: "providers", title: "Providers", element: "slk-providers", side: "client" },
  { path: "messages", title: "Messages", element: "slk-messages", side: "client" },
  { path: "alerts", title: "Alerts", element: "slk-alerts" },
  { path: "nodes", title: "Nodes", element: "slk-nodes" },
  { path: "access", title: "Access", element: "slk-access", role: "admin" },
  { path: "sector", title: "Sector", element: "slk-sector", hidden: true },
];

const place = () => {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  return { path: path.split("/")[0], rest: path.split("/").slice(1), query: new URLSearchParams(query ?? "") };
};

customElements.define("slk-app", class extends HTMLElement {
  async connectedCallback() {
    whenLost(() => this.showLogin());
    window.addEventListener("hashchange", () => this.route());
    try {
      await resume();
      this.showFrame();
    } catch (error) {
      this.showLogin(error.status === 401 ? "" : error.message);
    }
  }

  // ---- login ----

  showLogin(why = "") {
    this.off?.();
    this.frame = null;
    document.title = "Log in · Selkie";
    const token = h("input", { id: "token", name: "token", type: "password", required: true, autocomplete: "current-password", spellcheck: "false", maxlength: "200" });
    const problem = h("p", { class: "problem", role: "alert" }, why);
    const form = h("form", {
      class: "login", onsubmit: async (event) => {
        event.preventDefault();
        problem.textContent = "";
        try {
          await login(token.value.trim());
          this.showFrame();
        } catch (error) {
          problem.textContent = error.message;
          token.select();
        }
      },
    },
    h("img", { src: "/assets/icon.svg", alt: "", width: "48", height: "48" }),
    h("h1", {}, "Selkie"),
    h("label", { for: "token" }, "Access token"), token,
    h("p", { class: "hint" }, "On the node, ", h("code", {}, "selkie ui open"), " prints one for this login."),
    problem, h("button", { type: "submit", class: "main" }, "Log in"));
    this.replaceChildren(h("main", { class: "door" }, form));
    token.focus();
  }

  // ---- the frame ----

  showFrame() {
    this.nav = h("nav", { "aria-label": "Main", id: "nav" });
    this.main = h("main", { id: "main", tabindex: "-1" });
    this.state = h("span", { class: "link-state", role: "status" });
    const menu = button("Menu", () => {
      const open = this.classList.toggle("menu-open");
      menu.setAttribute("aria-expanded", String(open));
    }, "menu");
    menu.setAttribute("aria-expanded", "false");
    menu.setAttribute("aria-controls", "nav");
    this.menu = menu;
    this.replaceChildren(
      h("a", { class: "skip", href: "#main", onclick: (event) => { event.preventDefault(); this.main.focus(); } }, "To the content"),
      h("header", {},
        h("a", { class: "brand", href: "#/" }, h("img", { src: "/assets/icon.svg", alt: "", width: "26", height: "26" }), "Selkie"),
        h("span", { class: "node" }, session.node), session.development && badge("development", "warn"), this.state, menu),
      h("div", { class: "body" }, h("div", { class: "side" }, this.nav,
        h("div", { class: "who" }, h("span", {}, session.name, " ", badge(session.role)), button("Log out", logout, "plain"))), this.main));
    this.frame = true;
    this.off = live.on((overview) => this.follow(overview));
    this.route();
  }

  follow(overview) {
    this.sides = { provider: overview.board.provider.enabled, client: overview.board.client.enabled };
    fill(this.state, live.connected ? [h("span", { class: "dot good" }), "live"] : [h("span", { class: "dot bad" }), "not connected"]);
    this.paintNav();
  }

  paintNav() {
    const here = place().path;
    const shown = VIEWS.filter((v) => !v.hidden && (!v.role || may(v.role)) && (!v.side || !this.sides || this.sides[v.side]));
    fill(this.nav, h("ul", {}, shown.map((v) => h("li", { key: v.path },
      h("a", { href: `#/${v.path}`, "aria-current": v.path === here || (v.path === "sectors" && here === "sector") ? "page" : null }, v.title)))));
  }

  route() {
    if (!this.frame) return;
    const at = place();
    const view = VIEWS.find((v) => v.path === at.path && (!v.role || may(v.role))) ?? VIEWS[0];
    this.classList.remove("menu-open");
    this.menu.setAttribute("aria-expanded", "false");
    document.title = `${view.title}${at.rest.length ? " f0" + at.rest.join("/") : ""} · ${session.node} · Selkie`;
    const element = document.createElement(view.element);
    element.place = at;
    this.main.replaceChildren(element);
    if (this.routed) this.main.focus();
    this.routed = true;
    this.paintNav();
  }
});

window.addEventListener("unhandledrejection", (event) => say(event.reason?.message ?? "Something went wrong.", "bad"));
