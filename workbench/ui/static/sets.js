/* JSON of /live/sets -> every answer of every column side by side, where they differ, and the files to take along. */
"use strict";
(() => {
  const { page, t, el, ask, duration, inside } = window.workbench.tools;
  if (window.workbench.mountSets) return;  // Gradio may put the head's scripts in twice
  const { Pool, Options, button } = window.workbench.arena;
  const POLL_MS = 500, SHOWN = 200;

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
      this.stopper = button(t("arena.stop"), () => ask("sets/stop", { id: this.id }).catch((error) => this.refuse(error)), { id: "sets-stop", disabled: true });
      this.problem = el("p", { class: "wb-error", role: "alert", hidden: true, id: "sets-problem" });
      this.bar = el("progress", { max: 1, value: 0, hidden: true });
      this.status = el("p", { class: "wb-soft", role: "status", id: "sets-status" });
      this.differing = el("input", { type: "checkbox", id: "sets-differing", onchange: () => this.paint() });
      this.exports = ["jsonl", "csv", "html"].map((ending) => el("a", { class: "wb-link", text: ending.toUpperCase(), id: `sets-export-${ending}`, download: `answers.${ending}` }));
      this.count = el("span", { class: "wb-soft", id: "sets-count" });
      this.table = el("div", { class: "wb-scroll", id: "sets-answers" });
      this.result = el("div", { hidden: true }, el("div", { class: "wb-line" }, el("label", { class: "wb-line" }, this.differing, t("sets.differing")), this.count, el("span", { class: "wb-gap" }), el("span", { class: "wb-soft", text: t("sets.export") }), ...this.exports), this.table);
      root.replaceChildren(el("div", {}, el("h3", { text: t("arena.columns") }), this.pool.box,
        el("div", { class: "wb-line" }, el("label", { class: "wb-line" }, t("sets.prompts"), this.list), this.pick, this.picker, this.named), this.typed, this.options.box,
        el("div", { class: "wb-line wb-ask-line" }, this.go, this.stopper), this.problem, this.bar, this.status), this.result);
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
        } catch { /* the next turn tries again */ }
      }
      setTimeout(() => this.loop(), 3000);
    }
    refuse(error) { this.problem.textContent = error.message; this.problem.hidden = false; }
    async begin() {
      this.problem.hidden = true;
      this.pool.take();
      const value = this.list.value;
      if (value === "file" && !this.file) { this.picker.click(); return; }
      const given = value.startsWith("list:") ? { shipped: value.slice(5) } : value === "file" ? this.file : { text: this.typed.value };
      this.go.disabled = true;
      try {
        let state = await ask("sets/begin", { ...given, columns: this.pool.names(), options: this.options.sampling(), model: this.options.model });
        this.id = state.id; this.columns = state.columns; this.prompts = state.prompts;
        this.answers = this.prompts.map(() => this.columns.map(() => null));
        this.result.hidden = this.bar.hidden = false;
        this.stopper.disabled = false;
        let seen = 0;
        for (;;) {
          for (const [prompt, column, text, error] of state.events) this.answers[prompt][column] = { text, error };
          if (state.events.length || !seen) this.paint();
          seen = state.done;
          this.bar.value = state.done / state.total;
          this.status.textContent = state.running ? t("sets.progress", { done: state.done, total: state.total, left: state.seconds_left === null ? "…" : duration(state.seconds_left) })
            : t(state.stopped ? "sets.stopped" : "sets.finished", { done: state.done, total: state.total, seconds: duration(state.seconds) });
          if (state.problem) this.refuse(new Error(state.problem));
          if (!state.running) break;
          await new Promise((resolve) => setTimeout(resolve, POLL_MS));
          state = await ask(`sets/run?${new URLSearchParams({ id: this.id, since: seen, lang: page.language })}`);
        }
      } catch (error) { this.refuse(error); }
      finally { this.go.disabled = false; this.stopper.disabled = true; }
    }
    differs(answers) { return new Set(answers.filter((answer) => answer && !answer.error).map((answer) => answer.text.trim())).size > 1; }
    paint() {
      const every = this.answers.map((answers, place) => ({ answers, place }));
      const differing = every.filter(({ answers }) => this.differs(answers));
      const rows = this.differing.checked ? differing : every;
      this.count.textContent = t("sets.differ", { count: differing.length, total: every.length }) + (rows.length > SHOWN ? ` · ${t("sets.first", { count: SHOWN })}` : "");
      for (const link of this.exports) link.href = `${page.root}/live/sets/export?${new URLSearchParams({ id: this.id, ending: link.textContent.toLowerCase(), differing: this.differing.checked, lang: page.language })}`;
      this.table.replaceChildren(el("table", { class: "wb-set-table" }, el("thead", {}, el("tr", {}, el("th", { text: t("sets.prompt") }), ...this.columns.map((name) => el("th", { text: name })))),
        el("tbody", {}, ...rows.slice(0, SHOWN).map(({ answers, place }) => el("tr", { class: this.differs(answers) ? "wb-row-differs" : undefined }, el("td", { text: this.prompts[place] }),
          ...answers.map((answer, column) => el("td", { "data-heading": this.columns[column], class: answer?.error ? "wb-poor" : undefined, text: answer ? answer.error || answer.text || t("arena.nothing_said") : "…" })))))));
    }
  }
  window.workbench.mountSets = (element) => new Sets(inside(element, "wb-sets"));
})();
