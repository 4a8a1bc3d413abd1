/* JSON of /live -> the history of runs: list, choice, notes, names, checkpoints, trash, clean-up. */
"use strict";
(() => {
  const { page, t, el, ask, number, percent, bytes, duration, moment, chip, inside, views, ACTIVE } = window.workbench.tools;
  if (window.workbench.mountRuns) return;  // Gradio may put the head's scripts in twice

  const button = (text, onclick, attributes = {}) => el("button", { type: "button", class: "wb-button", text, onclick, ...attributes });
  const link = (text, onclick, attributes = {}) => el("button", { type: "button", class: "wb-link", text, onclick, ...attributes });

  /* A question over the page: what it says, what it lists, and a button that does it. Resolves when it is closed. */
  function dialog({ title, body = [], act, actText, danger = false }) {
    const problem = el("p", { class: "wb-error", role: "alert", hidden: true });
    const box = el("dialog", { class: "wb-dialog", "aria-label": title });
    const go = act && button(actText, async () => {
      go.disabled = true;
      try { await act(); box.close(); }
      catch (error) { problem.textContent = error.message; problem.hidden = false; go.disabled = false; }
    }, { class: danger ? "wb-button wb-danger" : "wb-button wb-primary", "data-act": true });
    box.append(el("h3", { text: title }), ...body, problem,
      el("div", { class: "wb-line wb-dialog-buttons" }, el("span", { class: "wb-gap" }), button(t(act ? "cancel" : "close"), () => box.close()), ...(go ? [go] : [])));
    document.body.append(box);
    box.showModal();
    return new Promise((resolve) => box.addEventListener("close", () => { box.remove(); resolve(); }));
  }

  /* ---- the list ---- */
  const COLUMNS = [  // key, heading, value to sort by, cell, figures to the right?
    ["run", "run", (line) => line.run],
    ["state", "state", (line) => line.state],
    ["stage", "stage", (line) => line.stage],
    ["steps", "steps", (line) => line.step],
    ["loss", "loss", (line) => line.loss],
    ["score", "score", (line) => line.score],
    ["begun", "begun", (line) => line.started],
    ["elapsed", "duration", (line) => line.seconds],
    ["disk", "disk", (line) => line.disk_bytes],
  ];
  const plain = {
    stage: (line) => line.stage || "–",
    steps: (line) => `${line.step} / ${line.total_steps || "?"}`,
    loss: (line) => number(line.loss),
    score: (line) => percent(line.score),
    begun: (line) => moment(line.started),
    elapsed: (line) => (line.seconds === null ? "–" : duration(line.seconds)),
    disk: (line) => bytes(line.disk_bytes),
  };

  class Runs {
    constructor(root) {
      this.root = root;
      this.view = root.dataset.view;
      this.lines = [];
      this.mark = "";
      this.chosen = new Set();
      this.sort = null;
      this.total = el("span", { class: "wb-soft", id: "runs-total" });
      this.picked = el("span", { class: "wb-line", hidden: true, id: "runs-picked" });
      this.trash = button(t("trash"), () => this.openTrash(), { id: "runs-trash" });
      this.tools = el("div", { class: "wb-line wb-tools" }, this.total, this.picked, el("span", { class: "wb-gap" }),
        button(t("cleanup"), () => this.openCleanup(), { id: "runs-cleanup" }), this.trash,
        button(t("notify"), () => window.workbench.openNotices(), { id: "runs-notify" }));
      this.box = el("div", { class: "wb-scroll" });
      this.comparison = new window.workbench.Comparison(() => this.choose([]));
      root.replaceChildren(el("div", {}, this.tools, this.box), this.comparison.box);
      window.workbench.runsList = this;
      this.loop();
    }
    shown() { return views.get(this.view)?.run ?? ""; }
    async loop() {
      if (!this.root.isConnected) return;
      let wait = 300;
      if (!document.hidden && this.root.offsetParent !== null) {
        wait = 2000;
        try { await this.refresh(); } catch { /* the view below says that the server cannot be reached */ }
      }
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.loop(), wait);
    }
    async refresh() {
      const answer = await ask(`runs?seen=${this.mark}`);
      this.mark = answer.mark;
      if (answer.lines) {
        this.lines = answer.lines;
        const known = new Set(this.lines.map((line) => line.run));
        for (const name of this.chosen) if (!known.has(name)) this.chosen.delete(name);
        this.trashed = (await ask("trash")).runs.length;
      }
      this.paint();
    }
    poke() { this.mark = ""; clearTimeout(this.timer); return this.loop(); }
    choose(names) { this.chosen = new Set(names); this.look = null; this.paint(); }
    toggle(name, on) { if (on) this.chosen.add(name); else this.chosen.delete(name); this.look = null; this.paint(); }
    ordered() {
      if (!this.sort) return this.lines;
      const value = COLUMNS.find(([key]) => key === this.sort.key)[2];
      const worth = (line) => value(line) ?? null;
      return [...this.lines].sort((a, b) => {
        const [x, y] = [worth(a), worth(b)];
        if (x === null || y === null) return (x === null) - (y === null);  // what is not known stands last
        return (x < y ? -1 : x > y ? 1 : 0) * this.sort.way;
      });
    }
    paint() {
      const look = JSON.stringify([this.lines, this.shown(), [...this.chosen], this.sort, this.trashed]);
      if (look === this.look) return;  // repainting would take the focus away
      this.look = look;
      const disk = this.lines.reduce((sum, line) => sum + line.disk_bytes, 0);
      this.total.textContent = t("total", { count: this.lines.length, disk: bytes(disk) });
      this.trash.textContent = t("trash") + (this.trashed ? ` (${this.trashed})` : "");
      const names = [...this.chosen];
      this.picked.hidden = !names.length;
      if (names.length) this.picked.replaceChildren(
        el("span", { class: "wb-soft", text: t(names.length > 1 ? "chosen" : "choose_more", { count: names.length }) }),
        link(t("delete"), () => this.openDelete(names), { id: "runs-delete" }), link(t("choose_none"), () => this.choose([])));
      // A table may be repainted under a finger: what has the focus keeps it.
      const focus = document.activeElement?.dataset?.focus;
      if (!this.lines.length) this.box.replaceChildren(el("div", { class: "wb-empty", text: t("no_runs") }));
      else this.box.replaceChildren(el("table", { class: "wb-list" }, el("thead", {}, this.head()), el("tbody", {}, ...this.ordered().map((line) => this.row(line)))));
      if (focus) this.box.querySelector(`[data-focus="${CSS.escape(focus)}"]`)?.focus();
      this.comparison.show(names.length > 1 ? names : [], this.mark);
      this.root.closest(".wb-tab")?.classList.toggle("wb-comparing", names.length > 1);
    }
    head() {
      const sorted = (key) => this.sort?.key === key && (this.sort.way > 0 ? "ascending" : "descending");
      return el("tr", {}, el("th", { class: "wb-pick" }), ...COLUMNS.map(([key, name]) => el("th", { class: `wb-col-${key}`, "aria-sort": sorted(key) },
        link(t(name), () => {
          const first = ["run", "state", "stage", "loss"].includes(key) ? 1 : -1;
          const again = this.sort?.key === key;
          this.sort = again && this.sort.way !== first ? null : { key, way: again ? -first : first };
          this.look = null; this.paint();
        }, { "data-focus": `sort ${key}` }))));
    }
    row(line) {
      const cells = COLUMNS.slice(2).map(([key]) => el("td", { class: `wb-num wb-col-${key}`, text: plain[key](line) }));
      const pick = el("input", { type: "checkbox", "aria-label": t("choose", { run: line.run }), "data-focus": `pick ${line.run}`, onclick: (event) => event.stopPropagation(), onchange: (event) => this.toggle(line.run, event.target.checked) });
      pick.checked = this.chosen.has(line.run);
      const name = el("td", { class: "wb-col-run" }, link(line.run, undefined, { "data-focus": `run ${line.run}` }));
      if (line.noted) name.append(el("span", { class: "wb-mark", title: t("has_notes"), text: " ✎" }));
      if (line.sweep) name.append(" ", el("button", { type: "button", class: "wb-tag", title: t("whole_sweep"), text: line.sweep, onclick: (event) => { event.stopPropagation(); this.choose(this.lines.filter((other) => other.sweep === line.sweep).map((other) => other.run)); } }));
      return el("tr", { "aria-selected": this.shown() === line.run ? "true" : undefined, onclick: () => { views.get(this.view)?.show(line.run); if (this.chosen.size < 2) this.choose([...this.chosen]); } },
        el("td", { class: "wb-pick", onclick: (event) => event.stopPropagation() }, pick), name, el("td", { class: "wb-col-state" }, chip(line.state)), ...cells);
    }
    /* ---- what changes runs ---- */
    openDelete(names) {
      const disk = this.lines.filter((line) => names.includes(line.run)).reduce((sum, line) => sum + line.disk_bytes, 0);
      return dialog({ title: t("delete_title", { count: names.length }), actText: t("delete"), danger: true,
        body: [el("p", { text: names.join(", ") }), el("p", { class: "wb-soft", text: t("delete_help", { disk: bytes(disk) }) })],
        act: async () => { await ask("delete", { names }); this.chosen.clear(); views.get(this.view)?.show(""); await this.poke(); } });
    }
    async openTrash() {
      const list = el("div", { class: "wb-scroll" });
      const fill = async () => {
        const { runs, disk_bytes } = await ask("trash");
        empty.hidden = !runs.length; sure.hidden = true;
        empty.textContent = t("empty_trash", { disk: bytes(disk_bytes) });
        list.replaceChildren(runs.length ? el("table", { class: "wb-list wb-still" }, el("tbody", {}, ...runs.map((run) => el("tr", {},
          el("td", { text: run.name }), el("td", { class: "wb-num", text: moment(run.thrown) }), el("td", { class: "wb-num", text: bytes(run.disk_bytes) }),
          el("td", {}, link(t("restore"), () => run_(async () => {
            const back = await ask("restore", { key: run.key });
            if (back.run !== run.name) said.textContent = t("restored_as", { name: run.name, run: back.run });
          })))))))
          : el("p", { class: "wb-soft", text: t("trash_empty") }));
      };
      const problem = el("p", { class: "wb-error", role: "alert", hidden: true });
      const said = el("p", { class: "wb-soft", role: "status" });
      const run_ = async (action) => {
        problem.hidden = true;
        said.textContent = "";
        try { await action(); await fill(); await this.poke(); }
        catch (error) { problem.textContent = error.message; problem.hidden = false; }
      };
      const empty = button("", () => { empty.hidden = true; sure.hidden = false; }, { id: "runs-empty-trash", class: "wb-button wb-danger" });
      const sure = el("span", { class: "wb-line", hidden: true }, el("span", { text: t("sure") }),
        button(t("for_good"), () => run_(() => ask("empty-trash", {})), { class: "wb-button wb-danger", id: "runs-empty-trash-sure" }), button(t("cancel"), () => { sure.hidden = true; empty.hidden = false; }));
      const done = dialog({ title: t("trash"), body: [el("p", { class: "wb-soft", text: t("trash_help") }), list, said, problem, empty, sure] });
      await fill();
      return done;
    }
    async openCleanup() {
      const list = el("div", { class: "wb-scroll", id: "runs-cleanup-list" });
      const said = el("p", {});
      let plan = { checkpoints: [] };
      const keep = el("select", { class: "wb-select", id: "runs-cleanup-keep", onchange: () => look() },
        ...["best_and_last", "last", "none"].map((rule) => el("option", { value: rule, text: t(`keep_${rule}`) })));
      const look = async () => {
        plan = await ask(`cleanup?${new URLSearchParams({ keep: keep.value, lang: page.language })}`);
        said.textContent = plan.checkpoints.length ? t("cleanup_frees", { count: plan.checkpoints.length, disk: bytes(plan.disk_bytes) }) : t("cleanup_nothing");
        list.replaceChildren(el("table", { class: "wb-list wb-still" }, el("tbody", {}, ...plan.checkpoints.map((item) => el("tr", {},
          el("td", { text: item.run }), el("td", { text: item.checkpoint }), el("td", { class: "wb-num", text: bytes(item.disk_bytes) }))))));
      };
      const done = dialog({ title: t("cleanup"), danger: true, actText: t("cleanup_do"),
        body: [el("p", { class: "wb-soft", text: t("cleanup_help") }), el("label", { class: "wb-line" }, t("keep"), keep), said, list],
        act: async () => {
          await ask("cleanup", { keep: keep.value, chosen: plan.checkpoints.map((item) => [item.run, item.checkpoint]) });
          await this.poke();
          about?.load(true);
        } });
      await look();
      return done;
    }
    openRename(name) {
      const field = el("input", { type: "text", class: "wb-input", value: name, maxlength: 80, "aria-label": t("new_name"), id: "runs-new-name" });
      const done = dialog({ title: t("rename_title", { run: name }), actText: t("rename"), body: [field],
        act: async () => {
          const { run } = await ask("rename", { name, new: field.value });
          if (this.chosen.delete(name)) this.chosen.add(run);
          views.get(this.view)?.show(run);
          const view = views.get(this.view);
          if (view?.run === name) view.forget(run);  // the buttons below mean the new name from now on
          await this.poke();
        } });
      field.select();
      field.addEventListener("keydown", (event) => { if (event.key === "Enter") field.closest("dialog").querySelector("[data-act]").click(); });
      return done;
    }
    duplicate(name) { this.duplicating = name; document.getElementById("runs-duplicate")?.click(); }
  }

  /* ---- one run: what it is called, what it took, what it left ---- */
  let about = null;
  class About {
    constructor(root) {
      this.root = root;
      this.view = root.dataset.view;
      this.run = "";
      this.actions = el("div", { class: "wb-line wb-tools" });
      this.facts = el("div", { class: "wb-figures" });
      this.checkpoints = el("div", { class: "wb-scroll" });
      this.saved = el("span", { class: "wb-soft", role: "status" });
      this.notes = el("textarea", { class: "wb-input wb-notes", rows: 3, placeholder: t("notes_help"), "aria-label": t("notes"), id: "runs-notes", onchange: () => this.save(), oninput: () => { this.saved.textContent = ""; } });
      this.spec = el("pre", { class: "wb-pre" });
      this.box = el("div", { hidden: true },
        this.actions, this.facts,
        el("section", {}, el("div", { class: "wb-line" }, el("h3", { text: t("notes") }), this.saved), this.notes),
        el("section", {}, el("h3", { text: t("checkpoints") }), this.checkpoints),
        el("details", {}, el("summary", { text: t("spec") }), this.spec));
      root.replaceChildren(this.box);
      about = this;
      this.loop();
    }
    async loop() {
      if (!this.root.isConnected) return;
      if (!document.hidden && this.root.offsetParent !== null) await this.load();
      setTimeout(() => this.loop(), 700);
    }
    async load(again = false) {
      const view = views.get(this.view);
      if (view?.pinned && view.pinned !== view.run) return;  // about to show another one
      const line = window.workbench.runsList?.lines.find((item) => item.run === view?.run);
      const mark = JSON.stringify(line ?? view?.run ?? "");
      if (mark === this.mark && !again) return;
      this.mark = mark;
      const other = this.run !== (view?.run ?? "");
      this.run = view?.run ?? "";
      this.box.hidden = !this.run;
      if (!this.run) return;
      try { this.paint(await ask(`about?${new URLSearchParams({ name: this.run, lang: page.language })}`), other); }
      catch { this.box.hidden = true; this.mark = ""; }  // deleted meanwhile, or no server
    }
    paint({ line, notes, checkpoints, spec }, other) {
      const list = window.workbench.runsList;
      const active = ACTIVE.includes(line.state);
      const shown = () => views.get(this.view)?.run || this.run;  // the title above, even if this box is a moment behind
      this.actions.replaceChildren(
        button(t("duplicate"), () => list?.duplicate(shown()), { id: "runs-duplicate-this" }),
        button(t("rename"), () => list?.openRename(shown()), { id: "runs-rename", disabled: active }),
        button(t("delete"), () => list?.openDelete([shown()]), { id: "runs-delete-this", disabled: active }));
      const fact = (label, value) => el("span", {}, `${label} `, el("b", { class: "wb-num", text: value }));
      this.facts.replaceChildren(...[
        line.model && fact(t("model"), line.model), fact(t("disk"), bytes(line.disk_bytes)),
        line.memory_bytes && fact(t("peak_memory"), bytes(line.memory_bytes)),
        line.memory_bytes && line.estimated_memory_bytes && fact(t("estimated"), `${bytes(line.estimated_memory_bytes)} (${Math.round((100 * line.estimated_memory_bytes) / line.memory_bytes)} %)`),
      ].filter(Boolean));
      if (other || document.activeElement !== this.notes) { this.notes.value = notes; if (other) this.saved.textContent = ""; }
      this.spec.textContent = spec;
      const best = line.best;
      this.checkpoints.replaceChildren(checkpoints.length ? el("table", { class: "wb-list wb-still" }, el("tbody", {}, ...checkpoints.map((item) =>
        el("tr", {}, el("td", { text: item.name }), el("td", { class: "wb-num", text: bytes(item.disk_bytes) }),
          el("td", {}, ...(best?.checkpoint === item.name ? [el("span", { class: "wb-best", text: `★ ${t(`best_${best.by}`, { value: best.by === "score" ? percent(best.value) : number(best.value) })}` })] : []))))))
        : el("p", { class: "wb-soft", text: t("no_checkpoints") }));
      if (checkpoints.length && !best) this.checkpoints.append(el("p", { class: "wb-soft", text: t("no_best") }));
    }
    async save() {
      const name = this.run;
      try { await ask("notes", { name, text: this.notes.value }); if (name === this.run) this.saved.textContent = t("saved"); }
      catch (error) { this.saved.textContent = error.message; }
    }
  }

  Object.assign(window.workbench, {
    mountRuns: (element) => new Runs(inside(element, "wb-runs")),
    mountAbout: (element) => new About(inside(element, "wb-about")),
    duplicating: () => [window.workbench.runsList?.duplicating ?? ""],
    dialog,
  });
})();
