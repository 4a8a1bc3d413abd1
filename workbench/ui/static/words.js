/* Gradio's own words -> the page's language, before they are drawn. Most of them Gradio says in the language that the
   document names (ui/shell.py); some stand in its components in English only, and a button or two has no name at all. */
"use strict";
(() => {
  const { page, t } = window.workbench.tools;
  if (window.workbench.words) return;
  window.workbench.words = true;
  const escaped = (text) => text.replace(/[.*+?^$()|[\]\\]/g, "\\$&");
  const pairs = page.gradio.map(([said, own]) => {
    const slots = [...said.matchAll(/\{(\w+)\}/g)].map((slot) => slot[1]);
    return [new RegExp(`^${escaped(said).replace(/\{\w+\}/g, "(.+)")}$`), slots, own];
  });
  const known = new Map();  // the same few words are met again and again
  function own(text) {
    if (known.has(text)) return known.get(text);
    let found = text;
    for (const [pattern, slots, words] of pairs) {
      const parts = text.match(pattern);
      if (parts) { found = slots.reduce((all, slot, place) => all.replace(`{${slot}}`, () => parts[place + 1]), words); break; }
    }
    if (known.size > 2000) known.clear();
    known.set(text, found);
    return found;
  }
  const NAMED = "[title], [aria-label]";
  const SPOKEN = ".toast-body, .meta-text, .meta-text-center";
  const SENDS = ".submit-button:not([aria-label])";
  const OURS = ".html-container";  // what we draw ourselves: names are names there, and answers stream
  const within = (node, selector) => [...(node.matches(selector) ? [node] : []), ...node.querySelectorAll(selector)].filter((part) => !part.closest(OURS));
  function speak(node) {
    for (const part of within(node, NAMED))
      for (const name of ["title", "aria-label"]) {
        const said = part.getAttribute(name);
        if (said && own(said) !== said) part.setAttribute(name, own(said));
      }
    for (const part of within(node.closest(SPOKEN) ?? node, SPOKEN)) {
      const texts = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
      while (texts.nextNode()) {
        const said = texts.currentNode.data, trimmed = said.trim();
        if (trimmed && own(trimmed) !== trimmed) texts.currentNode.data = said.replace(trimmed, () => own(trimmed));
      }
    }
    for (const part of within(node, SENDS)) part.setAttribute("aria-label", t("send"));
  }
  const changed = new Set();  // parts of the page since the last frame
  const gather = (records) => {
    const asked = changed.size > 0;
    for (const { type, target, addedNodes } of records) {
      const element = target instanceof Element ? target : target.parentElement;
      if (!element || element.closest(OURS)) continue;
      if (type === "childList") addedNodes.forEach((node) => changed.add(node instanceof Element ? node : element));
      else changed.add(element);
    }
    if (changed.size && !asked) requestAnimationFrame(() => { const parts = [...changed]; changed.clear(); parts.forEach(speak); });
  };
  new MutationObserver(gather).observe(document.documentElement,
    { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ["title", "aria-label"] });
  speak(document.documentElement);
})();
