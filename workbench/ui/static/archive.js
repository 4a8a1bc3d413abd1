/* JSON of /live/archive -> conversations that were kept: search, open again, rename, delete, export as training rows.
   Also the button under a chat answer that makes it a row. Texts enter through textContent. */
"use strict";
(() => {
  const { page, t, el, ask, moment, inside } = window.workbench.tools;
  if (window.workbench.mountArchive) return;  // Gradio may put the head's scripts in twice
  const { button } = window.workbench.arena;
  const chat = window.workbench.chat;
  const LOOK_MS = 1500, TYPING_MS = 250;

  class Archive {
    constructor(root) {
      this.root = root;
      this.ticked = new Set();
      this.rows = [];
      this.search = el("input", { type: "search", class: "wb-input", id: "archive-search", placeholder: t("archive.search"), "aria-label": t("archive.search"),
        oninput: () => { clearTimeout(this.typing); this.typing = setTimeout(() => this.load(), TYPING_MS); } });
      this.count = el("span", { class: "wb-soft", id: "archive-count" });
      this.exporter = button(t("archive.export_ticked"), () => this.export(this.rows.filter((row) => this.ticked.has(row.id))), { id: "archive-export", disabled: true });
      this.problem = el("p", { class: "wb-error", role: "alert", hidden: true });
      this.said = el("p", { class: "wb-soft", role: "status", id: "archive-said", hidden: true });
      this.list = el("ul", { class: "wb-kept-list", id: "archive-list" });
      root.replaceChildren(el("div", {}, el("div", { class: "wb-line" }, this.search, this.count, el("span", { class: "wb-gap" }), this.exporter), this.problem, this.said, this.list));
      this.loop();
    }
    /* Read again whenever one looks here anew. */
    async loop() {
      if (!this.root.isConnected) return;
      const seen = !document.hidden && this.root.offsetParent !== null;
      if (seen && !this.seen) await this.load();
      this.seen = seen;
      setTimeout(() => this.loop(), this.seen ? LOOK_MS : 300);
    }
    say(text) { this.said.textContent = text; this.said.hidden = !text; }
    async load() {
      const asked = this.asked = this.search.value;
      try {
        const found = await ask(`archive/list?${new URLSearchParams({ search: asked, lang: page.language })}`);
        if (asked !== this.asked) return;  // one has typed on
        this.problem.textContent = found.broken.length ? t("archive.broken", { names: found.broken.join(", ") }) : "";
        this.problem.hidden = !found.broken.length;
        this.paint(found);
      } catch (error) { this.problem.textContent = error.message; this.problem.hidden = false; }
    }
    paint({ rows, total }) {
      this.rows = rows;
      const here = new Set(rows.map((row) => row.id));
      this.ticked = new Set([...this.ticked].filter((id) => here.has(id)));
      this.count.textContent = t("archive.count", { count: total }) + (total > rows.length ? ` · ${t("archive.first", { count: rows.length })}` : "");
      this.list.replaceChildren(...(rows.length ? rows.map((row) => this.row(row)) : [el("li", { class: "wb-soft", text: t(this.asked.trim() ? "archive.nothing_found" : "archive.empty") })]));
      this.tick();
    }
    tick() { this.exporter.disabled = !this.ticked.size; }
    row(row) {
      const box = el("input", { type: "checkbox", checked: this.ticked.has(row.id), "aria-label": t("archive.tick", { title: row.title }),
        onchange: () => { if (box.checked) this.ticked.add(row.id); else this.ticked.delete(row.id); this.tick(); } });
      const about = [moment(row.changed), t("archive.turns", { count: row.turns }), row.columns.join(", ")];
      return el("li", { class: row.id === chat.ownId() ? "wb-kept wb-kept-open" : "wb-kept", "data-id": row.id }, box,
        el("div", { class: "wb-kept-text" },
          el("button", { type: "button", class: "wb-kept-title", text: row.title, title: t("archive.open"), onclick: () => this.open(row) }),
          el("div", { class: "wb-soft", text: about.filter(Boolean).join(" · ") }),
          ...(row.found ? [el("div", { class: "wb-soft wb-kept-found", text: row.found })] : [])),
        el("div", { class: "wb-line wb-kept-tools" },
          button(t("archive.open"), () => this.open(row), { "data-act": "open" }), button(t("archive.rename"), () => this.rename(row), { "data-act": "rename" }),
          button(t("archive.export"), () => this.export([row]), { "data-act": "export" }), button(t("archive.delete"), () => this.remove(row), { "data-act": "delete" })));
    }
    open(row) {
      chat.switchTo(row.id);
      document.getElementById("chat-reopen").click();  // columns and options of the boxes
      document.getElementById("part-chat-button").click();
    }
    async rename(row) {
      const field = el("input", { type: "text", class: "wb-input", id: "archive-title", value: row.title, maxlength: 120, "aria-label": t("archive.title") });
      field.addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.isComposing) field.closest("dialog").querySelector("[data-act]").click(); });
      await window.workbench.dialog({ title: t("archive.rename"), actText: t("archive.rename"), body: [field, el("p", { class: "wb-soft", text: t("archive.rename_help") })],
        act: () => ask("archive/rename", { id: row.id, title: field.value }) });
      await this.load();
    }
    async remove(row) {
      await window.workbench.dialog({ title: t("archive.delete_title"), actText: t("archive.delete"), danger: true, body: [el("p", { class: "wb-asked", text: row.title }), el("p", { class: "wb-soft", text: t("archive.delete_help") })],
        act: async () => {
          if (row.id === chat.ownId()) await chat.act("clear");  // this tab begins afresh, with the same columns
          await ask("archive/delete", { id: row.id });
        } });
      await this.load();
    }
    async export(rows) {
      const columns = [...new Set(rows.flatMap((row) => row.columns))];
      const column = el("select", { class: "wb-select", id: "archive-column" }, ...columns.map((name) => el("option", { value: name, text: name })));
      const to = el("select", { class: "wb-select", id: "archive-format" }, ...["messages", "sharegpt"].map((name) => el("option", { value: name, text: name })));
      const name = el("input", { type: "text", class: "wb-input", id: "archive-name", value: "conversations" });
      const field = (key, node) => el("label", { class: "wb-kept-field" }, t(`archive.${key}`), node);
      let made = null;
      await window.workbench.dialog({ title: t("archive.export_title", { count: rows.length }), actText: t("archive.export_do"), body: [
        el("p", { class: "wb-soft", text: t("archive.export_help") }), field("column", column), field("format", to), field("name", name)],
        act: async () => { made = await ask("archive/export", { ids: rows.map((row) => row.id), column: column.value, name: name.value, to: to.value }); } });
      if (!made) return;
      this.say([t("archive.exported", { path: made.path, rows: made.rows, turns: made.turns }),
        made.left_out_turns ? t("archive.left_out_turns", { count: made.left_out_turns }) : "", made.left_out ? t("archive.left_out", { count: made.left_out }) : ""].filter(Boolean).join(" "));
    }
  }

  chat.actions.push({ text: "✓+", title: t("arena.keep_answer"), run: async (id, turn, column) => {
    try {
      const { prompt, answer } = await ask(`archive/answer?${new URLSearchParams({ id, turn, column, lang: page.language })}`);
      const said = await window.workbench.keepAnswer({ prompt, answer, column });
      if (said) chat.note(said);
    } catch (error) { chat.say(error.message); }
  } });

  /* Another tab may have changed or deleted what this one shows. */
  async function look() {
    const shown = chat.ownId();
    if (document.hidden || !document.querySelector("#chat-talk .wb-turn")) return;
    try {
      const { version } = await ask(`archive/there?${new URLSearchParams({ id: shown, lang: page.language })}`);
      if (shown === chat.ownId()) chat.atLeast(version);
    } catch { /* the server went away; the next look finds it again */ }
  }
  document.addEventListener("visibilitychange", look);
  window.addEventListener("focus", look);
  document.addEventListener("emptied", () => chat.say(t("archive.gone")));

  window.workbench.mountArchive = (element) => new Archive(inside(element, "wb-archive"));
})();
