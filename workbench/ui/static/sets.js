/* JSON of /live/sets -> every answer of every column side by side, where they differ, and the files to take along.
   Only the `html` of a cell is markup: the server made it and escaped what people and models wrote. */
"use strict";
(() => {
  const { page, t, el, ask, duration, moment, inside } = window.workbench.tools;
  if (window.workbench.mountSets) return;  // Gradio may put the head's scripts in twice
  const { Pool, Options, button } = window.workbench.arena;
  const POLL_MS = 500, VIEWS = ["text", "changes"];
  const query = (path, values) => `sets/${path}?${new URLSearchParams({ ...values, lang: page.language })}`;

  /* The answers of one set, a page at a time; which page is shown stays while answers come in. */
  class Answers {
    constructor(refuse) {
      this.refuse = refuse;
      this.view = "text";
      this.start = 0;
      this.views = VIEWS.map((view) => el("button", { type: "button", class: "wb-view", "data-of": view, text: window.workbenchPage.chat[`view_${view}`], title: window.workbenchPage.chat[`view_${view}_help`],
        "aria-pressed": String(view === this.view), onclick: () => { this.view = view; for (const each of this.views) each.setAttribute("aria-pressed", String(each.dataset.of === view)); this.load(); } }));
      this.differing = el("input", { type: "checkbox", id: "sets-differing", onchange: () => { this.start = 0; this.load(); } });
      this.exports = ["jsonl", "csv", "html"].map((ending) => el("a", { class: "wb-link", text: ending.toUpperCase(), id: `sets-export-${ending}`, download: `answers.${ending}` }));
      this.count = el("span", { class: "wb-soft", id: "sets-count" });
      this.table = el("div", { class: "wb-scroll", id: "sets-answers" });
      this.before = button("‹", () => this.turn(-1), { "aria-label": t("sets.before"), title: t("sets.before"), id: "sets-before" });
      this.after = button("›", () => this.turn(1), { "aria-label": t("sets.after"), title: t("sets.after"), id: "sets-after" });
      this.place = el("span", { class: "wb-soft wb-num" });
      this.pages = el("div", { class: "wb-line wb-tools", hidden: true }, this.before, this.place, this.after);
      this.box = el("div", { hidden: true }, el("div", { class: "wb-line" }, el("div", { class: "wb-line", role: "group" }, ...this.views), el("label", { class: "wb-line" }, this.differing, t("sets.differing")), this.count, el("span", { class: "wb-gap" }), el("span", { class: "wb-soft", text: t("sets.export") }), ...this.exports), this.table, this.pages);
    }
    show(id, columns) {
      if (id !== this.id) { this.id = id; this.start = 0; this.table.replaceChildren(); }
      this.columns = columns;
      this.box.hidden = false;
      return this.load();
    }
    turn(by) { this.start = Math.max(0, this.start + by * this.found.at_once); return this.load(); }
    async load() {
      const asked = { id: this.id, view: this.view, differing: this.differing.checked, start: this.start };
      const mark = this.mark = JSON.stringify(asked);
      try {
        const found = await ask(query("rows", asked));
        if (mark === this.mark) this.paint(found);
      } catch (error) { this.refuse(error); }
    }
    paint(found) {
      this.found = found;
      this.start = found.start;
      this.count.textContent = t("sets.differ", { count: found.differing, total: found.total });
      this.pages.hidden = found.count <= found.at_once;
      this.place.textContent = `${found.start + 1}–${Math.min(found.start + found.at_once, found.count)} / ${found.count}`;
      this.before.disabled = !found.start;
      this.after.disabled = found.start + found.at_once >= found.count;
      for (const link of this.exports) link.href = `${page.root}/live/${query("export", { id: this.id, ending: link.textContent.toLowerCase(), differing: this.differing.checked })}`;
      this.table.replaceChildren(el("table", { class: "wb-set-table" }, el("thead", {}, el("tr", {}, el("th", { text: t("sets.prompt") }), ...this.columns.map((name) => el("th", { text: name })))),
        el("tbody", {}, ...found.rows.map((row) => el("tr", { class: row.differs ? "wb-row-differs" : undefined, "data-number": row.number }, el("td", { class: "wb-plain", text: row.prompt }),
          ...row.cells.map((cell, column) => this.cell(cell, this.columns[column])))))));
    }
    cell(cell, name) {
      const td = el("td", { "data-heading": name, class: cell?.error ? "wb-poor" : undefined, text: cell ? cell.error : "…" });
      if (cell?.html !== undefined) { const said = el("div", { class: "wb-prose" }); said.innerHTML = cell.html; td.replaceChildren(said); }
      return td;
    }
  }

  class Sets {
    constructor(root) {
      this.root = root;
      this.pool = new Pool("sets");
      this.options = new Options("sets", 42);
      this.file = null;
      this.list = el("select", { class: "wb-select", id: "sets-list", "aria-label": t("arena.list"), onchange: () => this.source() });
      this.picker = el("input", { type: "file", accept: ".jsonl,.txt,.json,.yaml", id: "sets-file", hidden: true, onchange: async () => { const file = this.picker.files[0]; if (file) { this.file = { name: file.name, text: await file.text() }; this.named.textContent = file.name; } } });
      this.pick = button(t("sets.file"), () => this.picker.click(), { id: "sets-pick" });
      this.named = el("span", { class: "wb-soft", id: "sets-named" });
      this.typed = el("textarea", { class: "wb-input", rows: 4, id: "sets-typed", placeholder: t("sets.typed_help"), "aria-label": t("sets.typed") });
      this.go = button(t("sets.begin"), () => this.begin(), { id: "sets-begin", class: "wb-button wb-primary" });
      this.stopper = button(t("arena.stop"), () => this.act("stop"), { id: "sets-stop", disabled: true });
      this.more = button(t("sets.resume"), () => this.resume(), { id: "sets-resume", hidden: true, title: t("sets.resume_help") });
      this.problem = el("p", { class: "wb-error", role: "alert", hidden: true, id: "sets-problem" });
      this.bar = el("progress", { max: 1, value: 0, hidden: true, "aria-label": t("sets.begin") });
      this.status = el("p", { class: "wb-soft", role: "status", id: "sets-status" });
      this.answers = new Answers((error) => this.refuse(error));
      this.kept = el("ul", { class: "wb-kept-list", id: "sets-kept" });
      this.broken = el("p", { class: "wb-error", hidden: true });
      root.replaceChildren(el("div", {}, el("h3", { text: t("arena.columns") }), this.pool.box,
        el("div", { class: "wb-line" }, el("label", { class: "wb-line" }, t("sets.prompts"), this.list), this.pick, this.picker, this.named), this.typed, this.options.box,
        el("div", { class: "wb-line wb-ask-line" }, this.go, this.stopper, this.more), this.problem, this.bar, this.status), this.answers.box,
        el("div", {}, el("h3", { text: t("sets.kept") }), this.broken, this.kept));
      this.source();
      this.loop();
    }
    source() { const value = this.list.value; this.pick.hidden = this.named.hidden = value !== "file"; this.typed.hidden = value !== "typed"; }
    async loop() {
      if (!this.root.isConnected) return;
      if (!document.hidden && this.root.offsetParent !== null) {
        try {
          const { sets } = await this.pool.load();
          if (!this.list.options.length) { this.list.replaceChildren(...sets.map((name) => el("option", { value: `list:${name}`, text: name })), el("option", { value: "file", text: t("sets.from_file") }), el("option", { value: "typed", text: t("sets.typed") })); this.source(); }
          await this.look();
        } catch { /* the next turn tries again */ }
      }
      setTimeout(() => this.loop(), 3000);
    }
    refuse(error) { this.problem.textContent = error.message; this.problem.hidden = false; }
    async begin() {
      this.pool.take();
      const value = this.list.value;
      if (value === "file" && !this.file) { this.picker.click(); return; }
      const given = value.startsWith("list:") ? { shipped: value.slice(5) } : value === "file" ? this.file : { text: this.typed.value };
      await this.follow(() => ask("sets/begin", { ...given, columns: this.pool.names(), options: this.options.sampling(), model: this.options.model }));
    }
    resume() { return this.follow(() => ask("sets/resume", { id: this.id })); }
    open(id) { return this.follow(() => ask(query("run", { id }))); }
    async act(act) { try { await ask(`sets/${act}`, { id: this.id }); } catch (error) { this.refuse(error); } }
    /* Show a set, and its progress as long as it is being asked; another one that is opened meanwhile takes its place. */
    async follow(first) {
      const turn = this.following = {};
      this.problem.hidden = true;
      this.go.disabled = true;
      try {
        let state = await first(), seen = -1;
        this.id = state.id;
        for (;;) {
          if (turn !== this.following) return;
          const news = state.done !== seen || !state.running;
          seen = state.done;
          this.tell(state);
          if (news) await this.answers.show(state.id, state.columns);
          if (!state.running) break;
          await new Promise((resolve) => setTimeout(resolve, POLL_MS));
          if (turn === this.following) state = await ask(query("run", { id: state.id }));
        }
      } catch (error) { if (turn === this.following) this.refuse(error); }
      finally { if (turn === this.following) { this.go.disabled = false; this.stopper.disabled = true; } await this.look().catch(() => {}); }
    }
    tell(state) {
      this.bar.hidden = !state.running;
      this.bar.value = state.done / state.total;
      this.stopper.disabled = !state.running;
      this.go.disabled = state.running;
      this.more.hidden = state.running || (!state.stopped && !state.failed);
      const values = { name: state.name, done: state.done, total: state.total };
      this.status.textContent = state.running ? t("sets.progress", { ...values, left: state.seconds_left === null ? "…" : duration(state.seconds_left) })
        : t(state.stopped ? "sets.stopped" : "sets.finished", { ...values, seconds: duration(state.seconds) });
      if (state.failed) this.status.textContent += ` · ${t("sets.failed", { count: state.failed })}`;
      if (state.problem) this.refuse(new Error(state.problem));
      else if (state.unsaved) this.refuse(new Error(t("sets.unsaved", { reason: state.unsaved })));
    }
    /* What was asked before, also by another page or before the server began. */
    async look() {
      const { rows, broken } = await ask(query("list", {}));
      this.broken.textContent = broken.length ? t("sets.broken", { names: broken.join(", ") }) : "";
      this.broken.hidden = !broken.length;
      const mark = JSON.stringify([rows, this.id]);
      if (mark === this.mark) return;
      this.mark = mark;
      this.kept.replaceChildren(...(rows.length ? rows.map((row) => this.row(row)) : [el("li", { class: "wb-soft", text: t("sets.none_kept") })]));
    }
    row(row) {
      const about = [moment(row.created), t("sets.answered", { done: row.done, total: row.total }), row.columns.join(", "), row.running ? t("sets.running") : ""];
      return el("li", { class: row.id === this.id ? "wb-kept wb-kept-open" : "wb-kept", "data-id": row.id },
        el("div", { class: "wb-kept-text" }, el("button", { type: "button", class: "wb-kept-title", text: row.name, title: t("archive.open"), onclick: () => this.open(row.id) }), el("div", { class: "wb-soft", text: about.filter(Boolean).join(" · ") })),
        el("div", { class: "wb-line wb-kept-tools" }, button(t("archive.open"), () => this.open(row.id), { "data-act": "open" }), button(t("archive.delete"), () => this.remove(row), { "data-act": "delete" })));
    }
    async remove(row) {
      await window.workbench.dialog({ title: t("sets.delete_title"), actText: t("archive.delete"), danger: true, body: [el("p", { class: "wb-asked", text: row.name }), el("p", { class: "wb-soft", text: t("sets.delete_help") })],
        act: async () => {
          await ask("sets/delete", { id: row.id });
          if (row.id === this.id) { this.following = null; this.id = null; this.answers.box.hidden = this.bar.hidden = this.more.hidden = true; this.status.textContent = ""; this.go.disabled = false; this.stopper.disabled = true; }
        } });
      await this.look();
    }
  }
  window.workbench.mountSets = (element) => new Sets(inside(element, "wb-sets"));
})();
