/* JSON of /chat -> a conversation: one row per question, one cell per column; stop, retry, edit, branch, go on, delete.
   Only the `html` parts of a cell are markup: the server made them and escaped what people and models wrote. */
"use strict";
(() => {
  const { page, el, fill, ask } = window.workbench.tools;
  if (window.workbench.chat) return;  // Gradio may put the head's scripts in twice
  const texts = window.workbenchPage.chat;
  const t = (key, values = {}) => fill(texts[key] ?? key, values);
  const VIEWS = ["text", "changes", "tokens"];
  const SAMPLING = ["temperature", "top_p", "max_tokens", "seed"];

  /* Each browser tab keeps an id of its own through reloads; the conversation itself stays on the server. */
  function ownId() {
    let id = sessionStorage.getItem("workbench-chat");
    if (!id) {
      id = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
      sessionStorage.setItem("workbench-chat", id);
    }
    return id;
  }

  /* Another conversation in this browser tab. */
  function switchTo(id) {
    sessionStorage.setItem("workbench-chat", id);
    talk?.say("");
    talk?.follow();
  }

  const button = (text, title, onclick, attributes = {}) =>
    el("button", { type: "button", class: "wb-mini", text, title, "aria-label": title, onclick, ...attributes });

  class Talk {
    constructor(root) {
      this.root = root;
      this.view = "text";
      this.cells = new Map();  // "turn column" -> nodes
      this.columns = [];
      this.build();
    }

    build() {
      this.bar = el("div", { class: "wb-talk-bar", role: "group", "aria-label": t("view") },
        ...VIEWS.map((view) => el("button", {
          type: "button", class: "wb-view", "data-of": view, text: t(`view_${view}`), title: t(`view_${view}_help`),
          "aria-pressed": String(view === this.view), onclick: () => this.show(view),
        })));
      this.heads = el("div", { class: "wb-heads" });
      this.turns = el("div", { class: "wb-turns" });
      this.empty = el("p", { class: "wb-empty", text: t("empty") });
      this.scroll = el("div", { class: "wb-talk-scroll", tabindex: "0", "aria-label": t("conversation") }, this.heads, this.empty, this.turns);
      this.problem = el("p", { class: "wb-error", role: "alert", hidden: true });
      this.noted = el("p", { class: "wb-note", role: "status", id: "chat-noted", hidden: true });
      this.root.replaceChildren(this.bar, this.problem, this.noted, this.scroll);
      this.scroll.addEventListener("pointerover", (event) => this.explain(event.target.closest?.(".wb-tok")));
      this.scroll.addEventListener("pointerleave", () => this.explain(null));
    }

    show(view) {
      this.view = view;
      for (const each of this.bar.querySelectorAll(".wb-view")) each.setAttribute("aria-pressed", String(each.dataset.of === view));
      this.scroll.dataset.view = view;
      this.follow();
    }

    /* Read what the server tells until it has told everything. wait: an answer is about to begin. */
    async follow(wait = false) {
      this.reading?.abort();
      const reading = this.reading = new AbortController();
      this.following = true;
      const query = new URLSearchParams({ id: ownId(), view: this.view, lang: page.language, wait });
      try {
        const response = await fetch(`${page.root}/chat/feed?${query}`, { signal: reading.signal });
        const reader = response.body.getReader();
        const decoder = new TextDecoder();
        let rest = "";
        for (;;) {
          const { done, value } = await reader.read();
          if (done) break;
          rest += decoder.decode(value, { stream: true });
          const lines = rest.split("\n");
          rest = lines.pop();
          for (const line of lines) if (line) this.draw(JSON.parse(line));
        }
        if (reading === this.reading) this.following = false;
      } catch (error) {
        if (error.name !== "AbortError") setTimeout(() => reading === this.reading && this.follow(), 2000);  // the server went away
      }
    }

    async act(act, values = {}) {
      this.acting = true;
      try { await this.told(act, values); } finally { this.acting = false; }
    }

    async told(act, values) {
      this.say("");
      const response = await fetch(`${page.root}/chat/act`, {
        method: "POST", headers: { "content-type": "application/json" },
        body: JSON.stringify({ id: ownId(), act, lang: page.language, ...values }),
      });
      const answer = await response.json();
      if (!response.ok) this.say(answer.error || response.statusText);
      else if (answer.id) switchTo(answer.id);
      else if (act !== "stop") await this.follow(["retry", "continue", "edit"].includes(act));
    }

    say(text) { this.problem.textContent = text; this.problem.hidden = !text; this.note(""); }
    note(text) { this.noted.textContent = text; this.noted.hidden = !text; }

    draw(news) {
      const low = this.scroll.scrollHeight - this.scroll.scrollTop - this.scroll.clientHeight < 60;
      const emptied = news.columns && this.cells.size > 0 && !news.turns.length && this.shown === ownId() && !this.acting;
      if (news.columns) this.drawAll(news);
      if (emptied) this.root.dispatchEvent(new CustomEvent("emptied", { bubbles: true }));  // not by this tab
      for (const cell of news.cells ?? []) this.update(cell);
      this.busy(news.answering);
      if (news.problem) this.say(news.problem);
      if (low) this.scroll.scrollTop = this.scroll.scrollHeight;
      this.root.dispatchEvent(new CustomEvent("drawn", { detail: news }));  // who measures how late words are
    }

    busy(answering) {
      this.root.classList.toggle("wb-answering", answering);
      for (const [id, enabled] of [["chat-stop", answering], ["chat-send", !answering], ["chat-retry", !answering]]) {
        const node = document.getElementById(id);
        if (node) node.disabled = !enabled;
      }
    }

    drawAll({ columns, turns }) {
      this.shown = ownId();
      this.columns = columns;
      this.cells.clear();
      this.scroll.style.setProperty("--columns", columns.length || 1);
      this.scroll.dataset.columns = columns.length;
      this.heads.replaceChildren(...columns.map((column, slot) => this.head(column, slot)));
      this.turns.replaceChildren(...turns.map((turn, place) => this.turn(turn, place)));
      this.empty.hidden = turns.length > 0;
      this.scroll.scrollTop = this.scroll.scrollHeight;
    }

    head({ name, label, own }, slot) {
      const chips = Object.entries(own).map(([key, value]) => el("span", { class: "wb-own", text: `${t(key)} ${value}` }));
      return el("div", { class: "wb-head", "data-slot": slot, title: name },
        el("span", { class: "wb-name", text: label }), ...chips,
        button("⚙", t("own"), () => this.tune(name, own)));
    }

    /* Sampling options of one column, where it shall differ from the others. */
    tune(name, own) {
      const fields = SAMPLING.map((key) => el("label", {}, el("span", { text: t(key) }),
        el("input", { type: "number", step: key === "temperature" || key === "top_p" ? "0.05" : "1", name: key, value: own[key] ?? "", placeholder: t("as_all") })));
      const box = el("dialog", { class: "wb-dialog wb-tune", "aria-label": t("own") });
      const close = () => { box.close(); box.remove(); };
      box.append(el("h3", { text: `${t("own")}: ${name}` }), el("p", { class: "wb-note", text: t("own_help") }), ...fields,
        el("div", { class: "wb-line wb-dialog-buttons" }, el("span", { class: "wb-gap" }),
          el("button", { type: "button", class: "wb-button", text: t("as_all"), onclick: () => { close(); this.act("own", { column: name, own: {} }); } }),
          el("button", { type: "button", class: "wb-button wb-primary", text: t("apply"), onclick: () => {
            const values = {};
            for (const input of box.querySelectorAll("input")) if (input.value !== "") values[input.name] = Number(input.value);
            close();
            this.act("own", { column: name, own: values });
          } })));
      box.addEventListener("cancel", () => box.remove());
      document.body.append(box);
      box.showModal();
    }

    turn(turn, place) {
      const question = el("div", { class: "wb-said", "data-testid": "user", text: turn.question });
      const branches = turn.branches > 1 ? [
        button("‹", t("branch_before"), () => this.act("branch", { turn: place, to: turn.branch - 1 }), { disabled: turn.branch === 0 }),
        el("span", { class: "wb-num", text: `${turn.branch + 1}/${turn.branches}` }),
        button("›", t("branch_after"), () => this.act("branch", { turn: place, to: turn.branch + 1 }), { disabled: turn.branch + 1 >= turn.branches }),
      ] : [];
      const row = el("div", { class: turn.left_out ? "wb-question wb-left-out" : "wb-question", title: turn.left_out ? t("left_out") : null },
        question, el("span", { class: "wb-turn-tools" }, ...branches,
          button("✎", t("edit"), () => this.edit(question, turn.question, (text) => this.act("edit", { turn: place, text }))),
          button("↻", t("retry_turn"), () => this.act("retry", { turn: place })),
          button("✕", t("delete"), () => this.act("delete", { turn: place }))));
      const cells = turn.cells.map((cell, slot) => this.cell(cell, slot));
      return el("section", { class: "wb-turn" }, row, el("div", { class: "wb-answers" }, ...cells));
    }

    /* Rewrite a text where it stands; Ctrl-Enter takes it, Escape leaves it. */
    edit(node, text, take) {
      const area = el("textarea", { class: "wb-rewrite", rows: Math.min(12, text.split("\n").length + 1), "aria-label": t("edit") });
      area.value = text;
      const end = (kept) => { box.replaceWith(node); if (kept && area.value.trim() && area.value !== text) take(area.value); };
      const box = el("div", { class: "wb-rewriting" }, area, el("div", { class: "wb-line" },
        el("button", { type: "button", class: "wb-button wb-primary", text: t("apply"), onclick: () => end(true) }),
        el("button", { type: "button", class: "wb-button", text: t("cancel"), onclick: () => end(false) })));
      area.addEventListener("keydown", (event) => {
        if (event.key === "Escape") end(false);
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) end(true);
      });
      node.replaceWith(box);
      area.focus();
    }

    /* What a column wrote, before Markdown, formulas and folds became HTML. */
    async written(turn, column, take) {
      try { await take((await ask(`archive/answer?${new URLSearchParams({ id: ownId(), turn, column, lang: page.language })}`)).answer); }
      catch (error) { this.say(error.message); }
    }

    cell(data, slot) {
      const { turn, column } = data;
      const nodes = {
        settled: el("div", { class: "wb-settled" }), tail: el("div", { class: "wb-tail" }),
        error: el("p", { class: "wb-cell-error", hidden: true }), figures: el("span", { class: "wb-figures-line" }),
        stop: button("■", t("stop_one"), () => this.act("stop", { column }), { class: "wb-mini wb-while" }),
        more: button("→", t("go_on"), () => this.act("continue", { turn, column })),
        again: button("↻", t("retry_one"), () => this.act("retry", { turn, column })),
        rewrite: button("✎", t("rewrite"), () => this.written(turn, column, (before) => this.edit(nodes.said, before, (text) => this.act("rewrite", { turn, column, text })))),
        copy: button("❐", t("copy"), () => this.written(turn, column, (text) => navigator.clipboard?.writeText(text))),
      };
      nodes.said = el("div", { class: "wb-said wb-prose", "data-testid": "bot" }, nodes.settled, nodes.tail);
      const label = this.columns[slot]?.label ?? column;
      nodes.root = el("article", { class: "wb-answer", "data-slot": slot, "data-column": column, "data-turn": turn },
        el("h4", { class: "wb-cell-name", text: label }), nodes.said, nodes.error,
        el("div", { class: "wb-foot" }, nodes.figures, el("span", { class: "wb-turn-tools" }, nodes.stop, nodes.more, nodes.again, nodes.rewrite, nodes.copy, ...extra(turn, column))));
      this.cells.set(`${turn} ${column}`, nodes);
      this.update(data);
      return nodes.root;
    }

    update(data) {
      const nodes = this.cells.get(`${data.turn} ${data.column}`);
      if (!nodes) return;
      if (data.html !== undefined) nodes.settled.innerHTML = data.html;
      if (data.add !== undefined) nodes.settled.insertAdjacentHTML("beforeend", data.add);
      nodes.tail.innerHTML = data.tail ?? "";
      nodes.error.textContent = data.error ? `⚠ ${data.error}` : "";
      nodes.error.hidden = !data.error;
      if (nodes.figures.textContent !== data.figures) nodes.figures.textContent = data.figures;
      nodes.root.dataset.state = data.state;
      nodes.more.hidden = !data.can_go_on;
    }

    /* What else a token could have been. */
    explain(token) {
      if (token === this.explained) return;
      this.explained = token;
      this.tip?.remove();
      this.tip = null;
      if (!token) return;
      const { p, of } = JSON.parse(token.dataset.token);
      const percent = (value) => `${(value * 100).toFixed(value < 0.1 ? 1 : 0)} %`;
      this.tip = el("div", { class: "wb-tip", role: "tooltip" },
        el("b", { text: percent(p) }),
        ...of.map(([text, value]) => el("div", { class: "wb-tip-row" }, el("code", { text: JSON.stringify(text).slice(1, -1) }), el("span", { class: "wb-num", text: percent(value) }))));
      document.body.append(this.tip);
      const box = token.getBoundingClientRect();
      const size = this.tip.getBoundingClientRect();
      this.tip.style.left = `${Math.max(4, Math.min(box.left, innerWidth - size.width - 8))}px`;
      this.tip.style.top = `${box.bottom + size.height + 6 > innerHeight ? box.top - size.height - 4 : box.bottom + 4}px`;
    }
  }

  /* Other parts of the page may add a button to every answer: chat.actions.push({text, title, run(id, turn, column)}). */
  const actions = [];
  const extra = (turn, column) => actions.map(({ text, title, run }) =>
    button(text, title, () => run(ownId(), turn, column), { class: "wb-mini wb-finished" }));  // of an answer that is whole

  /* ---- models in memory ---- */
  const size = (bytes) => bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(1)} GB` : `${Math.round(bytes / 2 ** 20)} MB`;

  class Models {
    constructor(root) {
      this.root = root;
      this.input = el("input", { type: "text", class: "wb-rewrite", value: "embedded", "aria-label": t("load_which"), style: "width: 220px" });
      this.list = el("span", { class: "wb-models" });
      this.root.replaceChildren(this.list, this.input,
        el("button", { type: "button", class: "wb-button", text: t("load"), onclick: () => this.change("load", this.input.value) }));
      this.poll();
    }
    async poll() {
      if (!this.root.isConnected) return;
      if (this.root.offsetParent && !document.hidden) {
        try { this.draw(await (await fetch(`${page.root}/chat/models`)).json()); } catch { /* the server went away; the next look finds it again */ }
      }
      setTimeout(() => this.poll(), this.loading ? 400 : 3000);
    }
    async change(act, key = "") {
      const response = await fetch(`${page.root}/chat/models`, {
        method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ act, key, lang: page.language }),
      });
      const answer = await response.json();
      if (response.ok) this.draw(answer); else this.list.append(el("span", { class: "wb-cell-error", text: answer.error }));
    }
    draw({ models, loading, freed_bytes, memory }) {
      this.loading = Boolean(loading && !loading.error);
      const used = memory.own / memory.total;
      const parts = [
        el("span", { class: "wb-gauge", role: "meter", "aria-label": t("memory_used"), "aria-valuenow": used.toFixed(3) }, el("i", { style: `width: ${(used * 100).toFixed(1)}%` })),
        el("span", { text: t("memory", { own: size(memory.own), free: size(memory.available), total: size(memory.total) }) }),
        ...models.map((model) => el("span", { class: "wb-model" },
          el("b", { text: model.name }), el("span", { text: t("resident", { size: size(model.memory_bytes), adapters: model.adapters }) }),
          button("✕", t("unload"), () => this.change("unload", model.key)))),
      ];
      if (!models.length && !this.loading) parts.push(el("span", { text: t("none_resident") }));
      if (this.loading) parts.push(el("span", { class: "wb-model" }, el("span", { text: t("loading", { name: loading.name }) }),
        el("progress", { max: 1, value: loading.progress }), button("✕", t("cancel"), () => this.change("cancel"))));
      if (loading?.error) parts.push(el("span", { class: "wb-cell-error", text: loading.error }));
      if (freed_bytes !== null && !this.loading) parts.push(el("span", { text: t("freed", { size: size(freed_bytes) }) }));
      this.list.replaceChildren(...parts);
    }
  }

  let talk = null;
  let awaited = false;  // a question was asked before the view was there
  window.workbench.chat = {
    actions, ownId,
    mount: (element) => {
      talk = new Talk(element.classList.contains("wb-talk") ? element : element.querySelector(".wb-talk"));
      talk.follow(awaited);
    },
    mountModels: (element) => new Models(element.classList.contains("wb-models") ? element : element.querySelector(".wb-models")),
    follow: (wait) => { awaited ||= wait; talk?.follow(wait); },
    /* The server has begun to answer: whoever does not read already does now. */
    begun: () => { awaited = true; if (talk && !talk.following) talk.follow(); },
    act: (act, values) => talk?.act(act, values),
    say: (text) => talk?.say(text),
    note: (text) => talk?.note(text),
    switchTo,
  };
})();
