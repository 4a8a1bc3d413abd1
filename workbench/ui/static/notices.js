/* Runs that end -> a notification of the browser, a webhook. Asked only where the reader chose it, also while hidden:
   that is when one wants to be called. */
"use strict";
(() => {
  const { page, t, el, ask, stored, chip } = window.workbench.tools;
  if (window.workbench.openNotices) return;
  const KEY = "workbench-notify", SEEN = "workbench-notify-seen", EVERY_MS = 5000;
  const ACTIVE = ["queued", "running", "stopping"];
  let timer = null, mark = "";

  const wanted = () => stored.get(KEY) === "on" && "Notification" in window && Notification.permission === "granted";
  const now = (lines) => ({ active: lines.filter((line) => ACTIVE.includes(line.state)).map((line) => line.run), latest: Math.max(0, ...lines.map((line) => line.ended ?? 0)) });
  /* What was seen lies in the browser, not in the page: a reload misses no end, and of several tabs the first one tells. */
  async function tell() {
    const answer = await ask(`runs?seen=${mark}`);
    mark = answer.mark;
    if (!answer.lines) return;
    const seen = JSON.parse(stored.get(SEEN) ?? "null");
    stored.set(SEEN, JSON.stringify(now(answer.lines)));
    for (const line of seen ? answer.lines : []) {
      if (ACTIVE.includes(line.state) || !(seen.active.includes(line.run) || line.ended > seen.latest)) continue;
      const note = new Notification(t("title"), { body: t("notice", { run: line.run, state: page.states[line.state] ?? line.state }), tag: `workbench-${line.run}` });
      note.onclick = () => { window.focus(); note.close(); };
    }
  }
  async function look() {
    clearTimeout(timer);
    if (!wanted()) return;
    try { await (navigator.locks ? navigator.locks.request(KEY, tell) : tell()); }
    catch { /* the server may be restarting; the next look tells */ }
    clearTimeout(timer);
    timer = setTimeout(look, EVERY_MS);
  }
  window.addEventListener("storage", (event) => { if (event.key === KEY) look(); });

  async function open() {
    const said = el("p", { class: "wb-soft", role: "status" });
    const box = el("input", { type: "checkbox", id: "notify-browser" });
    box.checked = wanted();
    box.addEventListener("change", async () => {
      said.textContent = "";
      if (!box.checked) { stored.set(KEY, "off"); return; }
      if (!("Notification" in window)) { box.checked = false; said.textContent = t("notify_unsupported"); return; }
      const permission = await Notification.requestPermission();
      if (permission !== "granted") { box.checked = false; said.textContent = t("notify_denied"); return; }
      stored.set(SEEN, "null"); // what ended before is no news
      mark = "";
      stored.set(KEY, "on");
      look();
    });
    const field = el("input", { type: "url", class: "wb-input", id: "notify-webhook", placeholder: "https://", autocomplete: "off" });
    const now = el("p", { class: "wb-soft" });
    const problem = el("p", { class: "wb-error", role: "alert", hidden: true });
    const show = (set) => { now.textContent = t("notify_now", { webhook: set.webhook_host || "–", command: set.command || "–" }); };
    const act = async (path, body) => {
      problem.hidden = true;
      try { show(await ask(path, body)); said.textContent = path === "notices-test" ? t("notify_sent") : t("saved"); }
      catch (error) { problem.textContent = error.message; problem.hidden = false; }
    };
    const button = (text, onclick, id) => el("button", { type: "button", class: "wb-button", text, onclick, id });
    const done = window.workbench.dialog({ title: t("notify_title"), body: [
      el("label", { class: "wb-line" }, box, el("span", { text: t("notify_browser") })),
      el("p", { class: "wb-soft", text: t("notify_browser_help") }),
      el("label", {}, t("notify_webhook"), field), el("p", { class: "wb-soft", text: t("notify_webhook_help") }),
      el("div", { class: "wb-line" }, button(t("notify_save"), () => act("notices", { webhook: field.value }), "notify-save"), button(t("notify_test"), () => act("notices-test", {}), "notify-test")),
      now, problem, said, el("p", { class: "wb-soft", text: t("notify_command_help") }),
    ] });
    try { show(await ask("notices")); } catch (error) { problem.textContent = error.message; problem.hidden = false; }
    return done;
  }

  Object.assign(window.workbench, { openNotices: open, lookForEnds: look });
  look();
})();
