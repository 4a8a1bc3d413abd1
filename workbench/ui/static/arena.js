/* JSON of /live/arena -> blind matches, four votes by button or key, names afterwards, the table of results.
   Which column stands where is not in this page before the vote: the server keeps it. Texts enter through textContent;
   only the `html` of a side is markup: the server made it and escaped what the model wrote. */
"use strict";
(() => {
  const { page, t, el, ask, percent, stored, inside } = window.workbench.tools;
  if (window.workbench.mountArena) return;  // Gradio may put the head's scripts in twice
  const POLL_MS = 150, OPEN_MATCH = "workbench-match";
  const sideNames = (count) => (count === 2 ? [t("arena.left"), t("arena.right")] : Array.from({ length: count }, (_, place) => t("arena.side", { number: place + 1 })));
  const button = (text, onclick, attributes = {}) => el("button", { type: "button", class: "wb-button", text, onclick, ...attributes });
  const remembered = (key, otherwise) => { try { return JSON.parse(stored.get(`workbench-${key}`)) ?? otherwise; } catch { return otherwise; } };
  const remember = (key, value) => stored.set(`workbench-${key}`, JSON.stringify(value));

  /* The columns one may choose from, as check boxes, and a field for what the list does not have (a mix, a strength). */
  class Pool {
    constructor(id, changed = () => {}) {
      this.id = id;
      this.changed = changed;
      this.chosen = new Set(remembered(`pool-${id}`, ["base"]));
      this.list = el("div", { class: "wb-pool", id: `${id}-pool`, role: "group", "aria-label": t("arena.columns") });
      this.field = el("input", { type: "text", class: "wb-input wb-pool-more", placeholder: t("arena.more_columns"), "aria-label": t("arena.more_columns"), id: `${id}-more`,
        onkeydown: (event) => { if (event.key === "Enter") { event.preventDefault(); this.take(); } }, onchange: () => this.take() });
      this.choices = [];
      this.box = el("div", { class: "wb-line" }, this.list, this.field);
    }
    take() {
      const name = this.field.value.trim();
      if (name) { this.chosen.add(name); this.field.value = ""; this.paint(); }
    }
    async load() {
      const found = await ask(`arena/columns?${new URLSearchParams({ lang: page.language })}`);
      const mark = JSON.stringify(found.choices);
      if (mark !== this.mark) { this.mark = mark; this.choices = found.choices; this.paint(); }
      return found;
    }
    names() {  // in the order of the list; what was typed comes last
      const known = this.choices.map((choice) => choice.name);
      return [...known.filter((name) => this.chosen.has(name)), ...[...this.chosen].filter((name) => !known.includes(name) && this.typed(name))];
    }
    typed(name) { return /[@+]|^remote:|[/\\]/.test(name); }  // a run that was deleted is no choice any more
    paint() {
      const known = new Set(this.choices.map((choice) => choice.name));
      const extra = [...this.chosen].filter((name) => !known.has(name) && this.typed(name)).map((name) => ({ name, label: name }));
      this.list.replaceChildren(...[...this.choices, ...extra].map(({ name, label }) => el("label", { class: "wb-choice" },
        el("input", { type: "checkbox", value: name, checked: this.chosen.has(name), onchange: (event) => { if (event.target.checked) this.chosen.add(name); else this.chosen.delete(name); this.paint(); } }), label)));
      remember(`pool-${this.id}`, [...this.chosen]);
      this.changed();
    }
  }

  /* System prompt and sampling; an empty seed lets the server draw one, which the vote keeps. */
  class Options {
    constructor(id, seed) {
      const kept = remembered(`options-${id}`, {});
      this.values = { system: "", temperature: 0.7, top_p: 1, max_tokens: 256, seed, model: "", ...kept };
      const field = (key, attributes) => el("label", { class: "wb-field" }, t(`arena.${key}`), el("input", { class: "wb-input", id: `${id}-${key}`, value: this.values[key] ?? "", ...attributes,
        oninput: (event) => { this.values[key] = event.target.value; remember(`options-${id}`, this.values); } }));
      this.box = el("details", { class: "wb-options" }, el("summary", { text: t("arena.options") }), el("div", { class: "wb-grid" },
        field("system", { type: "text" }), field("temperature", { type: "number", min: 0, max: 10, step: 0.05 }), field("top_p", { type: "number", min: 0.05, max: 1, step: 0.05 }),
        field("max_tokens", { type: "number", min: 1, step: 1 }), field("seed", { type: "number", min: 0, step: 1, placeholder: t("arena.drawn") }), field("model", { type: "text", placeholder: t("arena.auto_model") })));
    }
    sampling() {
      const options = { system: this.values.system };
      for (const key of ["temperature", "top_p", "max_tokens", "seed"]) if (this.values[key] !== "" && this.values[key] !== null) options[key] = Number(this.values[key]);
      return options;
    }
    get model() { return this.values.model.trim(); }
  }

  const asked = (prompt) => (typeof prompt === "string" ? prompt : prompt.map((turn, place) => (typeof turn === "string" ? `${place % 2 ? "←" : "→"} ${turn}` : `${turn.role}: ${turn.content}`)).join("\n"));

  /* An answer as a row of a data set; corrected, it can teach the difference as well. */
  async function keepAnswer({ prompt, answer, column = "" }) {
    const { datasets } = await ask(`arena/columns?${new URLSearchParams({ lang: page.language })}`);
    const text = el("textarea", { class: "wb-input wb-right-answer", rows: 6, id: "keep-answer", "aria-label": t("arena.right_answer"), oninput: () => { teach.hidden = text.value.trim() === answer.trim(); } });
    text.value = answer;
    const name = el("input", { type: "text", class: "wb-input", id: "keep-name", list: "keep-names", value: remembered("keep-name", "good-answers"), "aria-label": t("arena.dataset") });
    const pair = el("input", { type: "checkbox", checked: true, id: "keep-pair" });
    const teach = el("label", { class: "wb-line", hidden: true }, pair, t("arena.pair"));
    const said = el("p", { class: "wb-soft", role: "status", id: "keep-said" });
    let kept = null;
    await window.workbench.dialog({ title: t("arena.keep_title"), actText: t("arena.keep"), body: [
      el("p", { class: "wb-soft wb-asked", text: asked(prompt) }), el("label", {}, t("arena.right_answer"), text), teach,
      el("label", {}, t("arena.dataset"), name, el("datalist", { id: "keep-names" }, ...datasets.map((value) => el("option", { value })))), said],
      act: async () => {
        kept = await ask("arena/keep", { name: name.value, prompt, text: text.value, column, instead_of: pair.checked && !teach.hidden ? answer : "" });
        remember("keep-name", name.value);
      } });
    return kept && t(kept.edited ? "arena.kept_pair" : "arena.kept", { path: kept.path, rows: kept.rows });
  }

  class Arena {
    constructor(root) {
      this.root = root;
      this.match = null;
      this.pool = new Pool("arena");
      this.options = new Options("arena", "");
      this.sides = el("select", { class: "wb-select", id: "arena-sides", onchange: () => remember("arena-sides", this.sides.value) }, ...[2, 3, 4, 5, 6, 7, 8].map((count) => el("option", { value: count, text: count, selected: String(count) === String(remembered("arena-sides", 2)) })));
      this.blind = el("input", { type: "checkbox", id: "arena-blind", checked: true });
      this.set = el("select", { class: "wb-select", id: "arena-set", "aria-label": t("arena.list") });
      this.question = el("textarea", { class: "wb-input", rows: 2, id: "arena-question", placeholder: t("arena.placeholder"), "aria-label": t("arena.question"),
        onkeydown: (event) => { if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); this.ask(this.question.value); } } });
      this.begin = button(t("arena.ask"), () => this.ask(this.question.value), { id: "arena-ask", class: "wb-button wb-primary" });
      this.stopper = button(t("arena.stop"), () => this.stop(), { id: "arena-stop", disabled: true });
      this.drawer = button(t("arena.draw"), () => this.draw(), { id: "arena-draw", title: t("arena.draw_help") });
      this.problem = el("p", { class: "wb-error", role: "alert", hidden: true, id: "arena-problem" });
      this.asked = el("p", { class: "wb-asked", id: "arena-asked", hidden: true });
      this.columns = el("div", { class: "wb-sides", id: "arena-columns" });
      this.votes = el("div", { class: "wb-line wb-votes", id: "arena-votes", hidden: true });
      this.said = el("p", { class: "wb-said", role: "status", id: "arena-said" });
      this.results = new Results();
      root.replaceChildren(
        el("div", {}, el("div", { class: "wb-line" }, el("h3", { text: t("arena.columns") }), el("span", { class: "wb-soft", text: t("arena.help") })), this.pool.box,
          el("div", { class: "wb-line wb-tools" }, el("label", { class: "wb-line" }, t("arena.how_many"), this.sides), el("label", { class: "wb-line" }, this.blind, t("arena.blind")), el("span", { class: "wb-gap" }), this.set, this.drawer),
          this.options.box,
          el("div", { class: "wb-line wb-ask-line" }, this.question, this.begin, this.stopper), this.problem, this.asked, this.columns, this.votes, this.said),
        this.results.box);
      document.addEventListener("keydown", (event) => this.key(event));
      this.loop();
      this.resume();
    }
    visible() { return this.root.isConnected && !document.hidden && this.root.offsetParent !== null; }
    async loop() {
      if (!this.root.isConnected) return;
      if (this.visible()) {
        try {
          const { sets } = await this.pool.load();
          if (!this.set.options.length) this.set.replaceChildren(...sets.map((name) => el("option", { value: name, text: name })));
          if (!this.results.shown) await this.results.load();
        } catch { /* the next turn tries again */ }
      }
      setTimeout(() => this.loop(), 3000);
    }
    refuse(error) { this.problem.textContent = error.message; this.problem.hidden = false; }
    async draw() {
      try { const { prompt } = await ask(`arena/draw?${new URLSearchParams({ name: this.set.value, lang: page.language })}`); await this.ask(prompt); }
      catch (error) { this.refuse(error); }
    }
    async ask(prompt) {
      this.pool.take();
      await this.play(prompt, () => ask("arena/begin", { pool: this.pool.names(), prompt, options: this.options.sampling(), model: this.options.model, sides: Number(this.sides.value), blind: this.blind.checked }));
    }
    /* A reload loses no match that waits for its vote; the server forgets it when it restarts, then its question is back. */
    async resume() {
      let open = null;
      try { open = JSON.parse(sessionStorage.getItem(OPEN_MATCH)); } catch { /* written by something else */ }
      if (!open) return;
      await this.play(open.prompt, () => ask(`arena/match?${new URLSearchParams({ id: open.id, lang: page.language })}`));
      if (this.match || typeof open.prompt !== "string") return;
      sessionStorage.removeItem(OPEN_MATCH);
      this.question.value ||= open.prompt;
    }
    /* start: gives the match, a new one or one that is under way. */
    async play(prompt, start) {
      if (this.busy) return;
      this.busy = true;
      this.problem.hidden = true;
      try {
        const match = await start();
        sessionStorage.setItem(OPEN_MATCH, JSON.stringify({ id: match.id, prompt }));
        this.prompt = prompt;
        this.said.textContent = "";
        this.asked.textContent = asked(prompt);
        this.asked.hidden = false;
        this.question.value = "";
        this.question.blur();  // the keys are votes now
        this.build(match);
        await this.follow(match);
      } catch (error) { this.refuse(error); }
      finally { this.busy = false; this.stopper.disabled = true; this.begin.disabled = this.drawer.disabled = false; }
    }
    async stop() { try { await ask("arena/stop", { id: this.match.id }); } catch (error) { this.refuse(error); } }
    async follow(match) {
      this.begin.disabled = this.drawer.disabled = true;
      this.stopper.disabled = false;
      for (;;) {
        this.paint(match);
        if (!match.answering) break;
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
        match = await ask(`arena/match?${new URLSearchParams({ id: match.id, lang: page.language })}`);
      }
    }
    build(match) {
      const count = match.sides.length, names = sideNames(count);
      this.cells = names.map((name, place) => {
        const title = el("strong", { text: name }), text = el("div", { class: "wb-answer wb-prose" }), figures = el("div", { class: "wb-soft wb-figure-line" });
        const box = el("article", { class: "wb-side", id: `arena-side-${place}` }, el("header", { class: "wb-line" }, title), text, figures);
        return { box, title, text, figures };
      });
      this.columns.replaceChildren(...this.cells.map((cell) => cell.box));
      this.columns.style.setProperty("--wb-count", Math.min(count, 4));
      const choice = (text, shown, winner, id, shortcut = shown) => el("button", { type: "button", class: "wb-button", id: `arena-vote-${id}`, "aria-keyshortcuts": shortcut, onclick: () => this.vote(winner) }, text, el("kbd", { text: shown }));
      this.votes.replaceChildren(
        ...(count === 2 ? [choice(t("arena.vote_left"), "←", 0, 0, "ArrowLeft"), choice(t("arena.vote_right"), "→", 1, 1, "ArrowRight")]
          : names.map((name, place) => choice(t("arena.vote_side", { side: name }), String(place + 1), place, place))),
        choice(t("arena.vote_tie"), "T", "tie", "tie"), choice(count === 2 ? t("arena.vote_bad") : t("arena.vote_all_bad"), "X", "both_bad", "bad"));
    }
    paint(match) {
      this.match = match;
      match.sides.forEach((side, place) => {
        const cell = this.cells[place];
        if (cell.drawn !== side.html) { cell.drawn = side.html; cell.text.innerHTML = side.html; }
        cell.box.classList.toggle("wb-writing", match.answering && !side.done);
        if (side.done && !side.text && !side.failed) cell.text.textContent = t("arena.nothing_said");
        if (side.failed && !cell.failure) { cell.failure = el("p", { class: "wb-error" }); cell.text.after(cell.failure); }
        if (cell.failure) cell.failure.textContent = side.error || t("arena.failed");
        if (match.columns) {
          cell.title.textContent = match.columns[place];
          cell.title.classList.add("wb-revealed");
          const parts = [t("arena.figures", { tokens: side.tokens, seconds: side.seconds.toFixed(1), speed: side.seconds ? Math.round(side.tokens / side.seconds) : "–" })];
          if (side.step !== null && side.step !== undefined) parts.push(t("arena.at_step", { step: side.step }));
          if (side.cut) parts.push(t("arena.cut", { count: side.cut }));
          cell.figures.textContent = side.done ? parts.join(" · ") : "";
          if (side.done && side.text && !match.answering && !cell.keep) {
            cell.keep = button(t("arena.keep_answer"), async () => { const said = await keepAnswer({ prompt: this.whole(), answer: side.text, column: match.columns[place] }); if (said) this.said.textContent = said; }, { class: "wb-link" });
            cell.figures.after(cell.keep);
          }
        }
        cell.box.classList.toggle("wb-won", match.winner === place);
      });
      if (match.in_step) this.said.textContent = t("arena.in_step", { whole: match.whole, count: match.sides.length });
      else if (this.told) this.said.textContent = "";
      this.told = match.in_step;
      if (match.problem) this.refuse(new Error(match.problem));
      this.votes.hidden = match.answering || match.void || match.winner !== null;
      if (match.void && !match.problem) this.said.textContent = t("arena.void");
    }
    whole() { const system = this.options.values.system.trim(); const turns = typeof this.prompt === "string" ? [this.prompt] : this.prompt;
      return system ? [{ role: "system", content: system }, ...turns.map((turn, place) => (typeof turn === "string" ? { role: place % 2 ? "assistant" : "user", content: turn } : turn))] : this.prompt; }
    async vote(winner) {
      if (this.votes.hidden || this.voting) return;
      this.voting = true;
      try {
        this.paint(await ask("arena/vote", { id: this.match.id, winner }));
        sessionStorage.removeItem(OPEN_MATCH);
        const won = typeof winner === "number" ? t("arena.voted_for", { column: this.match.columns[winner] }) : t(`arena.voted_${winner}`);
        this.said.textContent = t("arena.thanks", { vote: won });
        await this.results.load();
      } catch (error) { this.refuse(error); }
      finally { this.voting = false; }
    }
    key(event) {
      if (!this.visible() || event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, textarea, select, dialog, [contenteditable]")) return;
      const pressed = event.key.toLowerCase(), count = this.match?.sides.length ?? 0;
      if (pressed === "n" && !this.busy) { event.preventDefault(); this.draw(); return; }
      if (this.votes.hidden) return;
      const winner = pressed === "t" ? "tie" : pressed === "x" ? "both_bad" : count === 2 && pressed === "arrowleft" ? 0 : count === 2 && pressed === "arrowright" ? 1
        : /^[1-8]$/.test(pressed) && Number(pressed) <= count ? Number(pressed) - 1 : null;
      if (winner !== null) { event.preventDefault(); this.vote(winner); }
    }
  }

  /* ---- who wins how often, how strong, how sure ---- */
  class Results {
    constructor() {
      this.shown = false;
      this.blind = el("input", { type: "checkbox", id: "arena-blind-only", onchange: () => this.load() });
      this.count = el("span", { class: "wb-soft", id: "arena-count" });
      this.table = el("div", { class: "wb-scroll", id: "arena-results" });
      this.problem = el("p", { class: "wb-error", role: "alert", hidden: true });
      this.said = el("span", { class: "wb-soft", role: "status", id: "arena-rows-said" });
      this.name = el("input", { type: "text", class: "wb-input wb-short", id: "arena-rows-name", value: "preferences", "aria-label": t("arena.dataset") });
      this.box = el("div", { class: "wb-results" }, el("div", { class: "wb-line" }, el("h3", { text: t("arena.results") }), this.count, el("span", { class: "wb-gap" }), el("label", { class: "wb-line wb-soft" }, this.blind, t("arena.blind_only"))),
        this.problem, this.table,
        el("div", { class: "wb-line wb-tools" }, button(t("arena.make_rows"), () => this.makeRows(), { id: "arena-make-rows" }), this.name, this.said));
    }
    async load() {
      this.shown = true;
      try {
        this.problem.hidden = true;
        this.paint(await ask(`arena/standings?${new URLSearchParams({ blind: this.blind.checked, lang: page.language })}`));
      } catch (error) { this.problem.textContent = error.message; this.problem.hidden = false; }
    }
    async makeRows() {
      try {
        const made = await ask("arena/preferences", { name: this.name.value });
        const left = ["ties", "both_bad", "same_answer", "empty_answer", "repeated"].filter((key) => made[key]).map((key) => t(`arena.left_${key}`, { count: made[key] }));
        this.said.textContent = t("arena.rows_made", { rows: made.rows, path: made.path }) + (left.length ? ` ${t("arena.left_out", { what: left.join(", ") })}` : "") + (made.conflicts ? ` ${t("arena.conflicts", { count: made.conflicts })}` : "");
      } catch (error) { this.said.textContent = error.message; }
    }
    paint(found) {
      this.count.textContent = t("arena.sample", { votes: found.votes, blind: found.blind, ties: found.ties, both_bad: found.both_bad });
      if (!found.rows.length) { this.table.replaceChildren(el("p", { class: "wb-soft", text: t("arena.no_votes") })); return; }
      const range = (value, show) => (value === null || value.low === null ? "–" : `${show(value.low)} … ${show(value.high)}`);
      const whole = (value) => String(Math.round(value));
      const heads = ["column", "strength", "sure", "win_rate", "sure", "votes_of", "wins", "losses", "ties", "both_bad_of"];
      const body = found.rows.map((row) => el("tr", {}, el("td", { class: "wb-col-run", text: row.column }),
        ...[whole(row.strength.value), range(row.strength, whole), row.win_rate ? percent(row.win_rate.value) : "–", range(row.win_rate, percent),
          row.votes, row.wins, row.losses, row.ties, row.both_bad].map((text) => el("td", { class: "wb-num", text }))));
      const few = found.votes < found.few ? [el("p", { class: "wb-soft", text: t("arena.few", { votes: found.votes, few: found.few }) })] : [];
      this.table.replaceChildren(
        el("table", { class: "wb-list wb-still" }, el("thead", {}, el("tr", {}, ...heads.map((name) => el("th", { text: t(`arena.head_${name}`) })))), el("tbody", {}, ...body)),
        ...few, el("p", { class: "wb-soft", text: t("arena.method") }), ...this.pairs(found.pairs));
    }
    pairs(pairs) {
      if (!pairs.length) return [];
      return [el("details", {}, el("summary", { text: t("arena.pairs") }), el("ul", { class: "wb-pairs" }, ...pairs.map(({ columns, wins, votes }) => el("li", {},
        el("b", { text: columns[0] }), ` ${wins[0]} : ${wins[1]} `, el("b", { text: columns[1] }), el("span", { class: "wb-soft", text: ` ${t("arena.met", { votes })}` })))))];
    }
  }

  Object.assign(window.workbench, { mountArena: (element) => new Arena(inside(element, "wb-arena")), keepAnswer, arena: { Pool, Options, asked, button } });
})();
