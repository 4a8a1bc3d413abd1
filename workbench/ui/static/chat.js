/* JSON of /chat -> a conversation: one row per question, one cell per column; stop, retry, edit, branch, go on, delete.
   Only the `html` parts of a cell are markup: the server made them and escaped what people and models wrote. */
"use strict";
(() => {
  const { page, el, fill, ask } = window.workbench.tools;
  if (window.workbench.chat) return;  // Gradio may put the head's scripts in twice
  const texts = window.workbenchPage.chat;
  const t = (key, values = {}) => fill(texts[key] ?? key, values);
  const VIEWS = ["text", "changes", "tokens"];
  const SPOKEN = 300;  // characters of an answer
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
      this.drawn = [];  // per turn its node, and what it was drawn from
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
      this.spoken = el("p", { class: "wb-spoken", role: "status" });
      this.root.replaceChildren(this.bar, this.problem, this.noted, this.scroll, this.spoken);
      this.scroll.addEventListener("pointerover", (event) => this.explain(event.target.closest?.(".wb-tok")));
      this.scroll.addEventListener("focusin", (event) => event.target.matches(".wb-tok") && this.explain(event.target));
      this.scroll.addEventListener("pointerleave", (event) => event.pointerType === "touch" || this.explain(null));  // a finger leaves at once
      this.scroll.addEventListener("focusout", () => this.explain(null));
      this.scroll.addEventListener("scroll", () => this.place());
      document.addEventListener("pointerdown", (event) => this.scroll.contains(event.target) || this.explain(null));
      this.scroll.addEventListener("keydown", (event) => this.step(event));
    }

    show(view) {
      this.view = view;
      for (const each of this.bar.querySelectorAll(".wb-view")) each.setAttribute("aria-pressed", String(each.dataset.of === view));
      this.scroll.dataset.view = view;
      this.follow();
    }

    /* Read what the server tells until it has told everything. wait: an answer is about to begin. */
    async follow(wait = false) {
      if (wait) this.awaits();
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
      const begins = ["retry", "continue", "edit"].includes(act);
      if (begins) this.begin(values);
      let response;
      try {
        response = await fetch(`${page.root}/chat/act`, {
          method: "POST", headers: { "content-type": "application/json" },
          body: JSON.stringify({ id: ownId(), act, lang: page.language, asked: this.drawn[values.turn]?.question, ...values }),
        });
      } catch { this.follow(); return; }  // the server went away, which the page says; the view is right again with the server
      const answer = await response.json();
      if (answer.id) { switchTo(answer.id); return; }
      if (!response.ok) this.say(answer.error || response.statusText);
      this.untilEnd = !response.ok && this.answering;  // "is still being answered" is over with the answer
      if (act !== "stop") await this.follow(begins && response.ok);
    }

    /* What is clicked once more meanwhile is not asked twice. */
    begin({ turn, column }) {
      this.awaits();
      this.mark(true);
      const nodes = this.cells.get(`${turn} ${column}`);
      if (nodes) { nodes.root.dataset.state = "writing"; this.drawn[turn].from = ""; }
    }

    say(text) { this.problem.textContent = text; this.problem.hidden = !text; this.note(""); }
    note(text) { this.noted.textContent = text; this.noted.hidden = !text; }

    draw(news) {
      const low = this.scroll.scrollHeight - this.scroll.scrollTop - this.scroll.clientHeight < 60;
      const emptied = news.columns && this.drawn.length > 0 && !news.turns.length && this.shown === ownId() && !this.acting;
      this.version = news.version;
      if (news.columns) this.drawAll(news);
      if (emptied) this.root.dispatchEvent(new CustomEvent("emptied", { bubbles: true }));  // not by this tab
      for (const cell of news.cells ?? []) this.update(cell);
      this.busy(news.answering);
      if (news.problem) this.say(news.problem);
      if (low) this.scroll.scrollTop = this.scroll.scrollHeight;
      this.root.dispatchEvent(new CustomEvent("drawn", { detail: news }));  // who measures how late words are
    }

    busy(answering) {
      const ended = this.answering && !answering;
      if (ended && this.untilEnd) this.say("");
      // A short answer may be whole before this view hears that one began.
      if (ended || (!answering && this.heard !== undefined && this.heard !== this.last())) this.speak();
      this.answering = answering;
      this.mark(answering);
    }

    mark(answering) {
      this.root.classList.toggle("wb-answering", answering);
      for (const [id, enabled] of [["chat-stop", answering], ["chat-send", !answering], ["chat-retry", !answering]]) {
        const node = document.getElementById(id);
        if (node) node.disabled = !enabled;
      }
    }

    /* A turn that stays as it is keeps its nodes: a long conversation takes one more question at once, and nobody loses place or focus. */
    drawAll({ columns, turns }) {
      const layout = JSON.stringify([ownId(), ...columns.map(({ name, label }) => [name, label])]);
      const longer = layout !== this.layout || turns.length > this.drawn.length;
      if (layout !== this.layout) this.cut(0);
      this.explain(null);
      this.layout = layout;
      this.shown = ownId();
      this.columns = columns;
      this.scroll.style.setProperty("--columns", columns.length || 1);
      this.scroll.dataset.columns = columns.length;
      this.heads.replaceChildren(...columns.map((column, slot) => this.head(column, slot)));
      this.cut(turns.length);
      turns.forEach((turn, place) => this.put(turn, place));
      this.empty.hidden = turns.length > 0;
      if (longer) this.scroll.scrollTop = this.scroll.scrollHeight;
    }

    /* So many turns stay. */
    cut(length) {
      for (const { node } of this.drawn.splice(length)) node.remove();
      for (const key of this.cells.keys()) if (parseInt(key, 10) >= length) this.cells.delete(key);
    }

    put({ left_out, ...turn }, place) {
      const from = JSON.stringify(turn), before = this.drawn[place];
      if (before?.from !== from) {
        const at = before?.node.contains(document.activeElement) && document.activeElement;
        const node = this.turn(turn, place);
        if (before) before.node.replaceWith(node); else this.turns.append(node);
        this.drawn[place] = { node, from, question: turn.question };
        if (at) this.refocus(node, at);
      }
      const row = this.drawn[place].node.querySelector(".wb-question");
      row.classList.toggle("wb-left-out", left_out);
      row.title = left_out ? t("left_out") : "";
    }

    /* Where one was in the node that this one replaces. */
    refocus(node, at) {
      const slot = at.closest(".wb-answer")?.dataset.slot;
      const place = slot ? node.querySelector(`.wb-answer[data-slot="${slot}"]`) : node;
      const again = place?.querySelector(`button[title="${CSS.escape(at.title)}"]`);
      (again?.disabled ? again.parentElement.querySelector("button:enabled") : again)?.focus();
    }

    /* Answers that are whole, for those who listen to the page; while they grow it would never fall silent. */
    speak() { this.spoken.textContent = this.last(); this.heard = undefined; }
    awaits() { this.heard ??= this.last(); }

    last() {
      const cells = this.drawn.at(-1)?.node.querySelectorAll(".wb-answer") ?? [];
      const line = (cell) => `${cell.querySelector(".wb-cell-name").textContent}: ${[".wb-said", ".wb-cell-error"].map((part) => cell.querySelector(part)?.textContent.trim() ?? "").join(" ").slice(0, SPOKEN)}`;
      return [...cells].map(line).join("\n");
    }

    head({ name, label, own }, slot) {
      const chips = Object.entries(own).map(([key, value]) => el("span", { class: "wb-own", text: `${t(key)} ${value}` }));
      return el("div", { class: "wb-head", "data-slot": slot, title: name },
        el("span", { class: "wb-name", text: label }), ...chips,
        button("⚙", t("own"), () => this.tune(name, own), { "aria-label": `${t("own")}: ${label}` }));
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
      const row = el("div", { class: "wb-question" },
        question, el("span", { class: "wb-turn-tools" }, ...branches,
          button("✎", t("edit"), () => this.edit(question, turn.question, (text) => this.act("edit", { turn: place, text }))),
          button("↻", t("retry_turn"), () => this.act("retry", { turn: place })),
          button("✕", t("delete"), () => this.act("delete", { turn: place }))));
      const cells = turn.cells.map((cell, slot) => this.cell(cell, slot));
      return el("section", { class: "wb-turn" }, row, el("div", { class: "wb-answers" }, ...cells));
    }

    /* Rewrite a text where it stands; Ctrl-Enter takes it, Escape leaves it. */
    edit(node, text, take) {
      const from = document.activeElement;
      const area = el("textarea", { class: "wb-rewrite", rows: Math.min(12, text.split("\n").length + 1), "aria-label": t("edit") });
      area.value = text;
      const end = (kept) => { box.replaceWith(node); from?.focus(); if (kept && area.value.trim() && area.value !== text) take(area.value); };
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

    async copy(turn, column) {
      const text = ask(`archive/answer?${new URLSearchParams({ id: ownId(), turn, column, lang: page.language })}`).then(({ answer }) => answer);
      try {
        // Safari allows it within the click only, so the text is promised; an address without TLS has no clipboard at all.
        if (window.ClipboardItem) await navigator.clipboard.write([new ClipboardItem({ "text/plain": text.then((said) => new Blob([said], { type: "text/plain" })) })]);
        else copySelected(await text);
        this.note(t("copied"));
      } catch (error) { this.say(error.message); }
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
        copy: button("❐", t("copy"), () => this.copy(turn, column)),
      };
      nodes.said = el("div", { class: "wb-said wb-prose", "data-testid": "bot" }, nodes.settled, nodes.tail);
      const label = this.columns[slot]?.label ?? column;
      nodes.root = el("article", { class: "wb-answer", "data-slot": slot, "data-column": column, "data-turn": turn, "aria-label": label },
        el("h4", { class: "wb-cell-name", text: label }), nodes.said, nodes.error,
        el("div", { class: "wb-foot" }, nodes.figures, el("span", { class: "wb-turn-tools" }, nodes.stop, nodes.more, nodes.again, nodes.rewrite, nodes.copy, ...extra(turn, column))));
      this.cells.set(`${turn} ${column}`, nodes);
      this.update(data);
      return nodes.root;
    }

    update(data) {
      const nodes = this.cells.get(`${data.turn} ${data.column}`);
      if (!nodes) return;
      if (this.drawn[data.turn]) this.drawn[data.turn].from = "";
      if (data.html !== undefined) nodes.settled.innerHTML = data.html;
      if (data.add !== undefined) nodes.settled.insertAdjacentHTML("beforeend", data.add);
      nodes.tail.innerHTML = data.tail ?? "";
      nodes.settled.querySelector(".wb-tok")?.setAttribute("tabindex", "0");
      nodes.error.textContent = data.error ? `⚠ ${data.error}` : "";
      nodes.error.hidden = !data.error;
      if (nodes.figures.textContent !== data.figures) nodes.figures.textContent = data.figures;
      nodes.root.dataset.state = data.state;
      nodes.more.hidden = !data.can_go_on;
    }

    /* Arrows go from token to token. */
    step(event) {
      const token = event.target.closest?.(".wb-tok");
      if (!token) return;
      if (event.key === "Escape") this.explain(null);
      const next = { ArrowRight: token.nextElementSibling, ArrowLeft: token.previousElementSibling }[event.key];
      if (!next) return;
      event.preventDefault();
      token.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    }

    /* What else a token could have been. */
    explain(token) {
      if (token === this.explained) return;
      this.explained?.removeAttribute("aria-describedby");
      this.explained = token;
      this.tip?.remove();
      this.tip = null;
      if (!token) return;
      const { p, of } = JSON.parse(token.dataset.token);
      const percent = (value) => `${(value * 100).toFixed(value < 0.1 ? 1 : 0)} %`;
      this.tip = el("div", { class: "wb-tip", role: "tooltip", id: "chat-tip" },
        el("b", { text: percent(p) }),
        ...of.map(([text, value]) => el("div", { class: "wb-tip-row" }, el("code", { text: JSON.stringify(text).slice(1, -1) }), el("span", { class: "wb-num", text: percent(value) }))));
      document.body.append(this.tip);
      token.setAttribute("aria-describedby", "chat-tip");
      this.place();
    }

    place() {
      if (!this.explained) return;
      const box = this.explained.getBoundingClientRect(), view = this.scroll.getBoundingClientRect();
      if (box.bottom < view.top || box.top > view.bottom) { this.explain(null); return; }
      const size = this.tip.getBoundingClientRect();
      this.tip.style.left = `${Math.max(4, Math.min(box.left, innerWidth - size.width - 8))}px`;
      this.tip.style.top = `${box.bottom + size.height + 6 > innerHeight ? box.top - size.height - 4 : box.bottom + 4}px`;
    }
  }

  function copySelected(text) {
    const area = el("textarea", { class: "wb-spoken" });
    area.value = text;
    const from = document.activeElement;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    from?.focus();
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
    atLeast: (version) => { if (talk && !talk.following && talk.version !== version) talk.follow(); },
    act: (act, values) => talk?.act(act, values),
    say: (text) => talk?.say(text),
    note: (text) => talk?.note(text),
    switchTo,
  };
})();
