// The page works without this: here are the keys, the live preview, and what is touched.
"use strict";

(() => {
  const SEEN_MS = 300; // a key counts when the card has been on the screen for so long
  let since = performance.now();

  const fields = "input, textarea, select, [contenteditable]";
  const typesIn = (element) => element instanceof Element && element.matches(fields) && element.type !== "checkbox";
  const keysAreOn = () => {
    try { return localStorage.getItem("keys") !== "off"; } catch { return true; } // a browser may keep nothing
  };
  const isOnScreen = () => document.visibilityState === "visible" && performance.now() - since >= SEEN_MS;

  let shown = 0;
  const restart = () => {
    since = performance.now();
    document.documentElement.removeAttribute("data-keys");
    clearTimeout(shown);
    shown = setTimeout(() => { if (isOnScreen()) document.documentElement.dataset.keys = "on"; }, SEEN_MS + 5);
  };
  addEventListener("pageshow", restart);
  addEventListener("visibilitychange", restart);

  // -- keys ----------------------------------------------------------------------------------------------------------

  const owner = (key) => [...document.querySelectorAll("[data-key]")]
    .find((element) => element.dataset.key.split(" ").includes(key) && element.getClientRects().length > 0);

  const lines = () => [...document.querySelectorAll(".list .text")];
  const step = (by) => {
    const all = lines();
    if (!all.length) return false;
    const at = all.indexOf(document.activeElement);
    all[Math.min(Math.max(at + by, 0), all.length - 1)].focus();
    return true;
  };

  const press = (key) => {
    if (key === "?") { location.href = "/keys"; return true; }
    const element = owner(key);
    if (!element) return (key === "j" && step(1)) || (key === "k" && step(-1));
    if (element.matches("input")) { element.focus(); element.select(); return true; }
    if (element.matches("summary")) {
      element.parentElement.open = true;
      const field = element.parentElement.querySelector("input:not([type=hidden])");
      field.focus();
      field.select();
      return true;
    }
    element.click();
    return true;
  };

  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && typesIn(event.target)) {
      event.target.closest("details.no")?.removeAttribute("open");
      event.target.blur();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || typesIn(event.target)) return;
    if (event.repeat || !keysAreOn() || !isOnScreen()) return;
    if (press(event.key)) event.preventDefault();
  });

  const showKeys = (within) => {
    if (!keysAreOn()) return;
    for (const element of within.querySelectorAll("[data-key]")) {
      const key = element.dataset.key.split(" ")[0];
      element.setAttribute("aria-keyshortcuts", element.dataset.key);
      if (element.matches("input") || element.querySelector(".key")) continue;
      const shown = document.createElement("span");
      shown.className = "key";
      shown.setAttribute("aria-hidden", "true");
      shown.textContent = key;
      element.append(shown);
    }
  };

  const keysSwitch = document.querySelector("[data-keys-switch]");
  if (keysSwitch) {
    const box = keysSwitch.querySelector("input");
    keysSwitch.hidden = false;
    box.checked = keysAreOn();
    box.addEventListener("change", () => {
      try { localStorage.setItem("keys", box.checked ? "on" : "off"); } catch { box.checked = true; }
    });
  }

  // -- one decision for each card: a second press while the first is on its way does nothing ---------------------------

  addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
  });
  addEventListener("pageshow", () => document.querySelectorAll("form").forEach((form) => delete form.dataset.sent));

  // -- the preview while somebody types --------------------------------------------------------------------------------

  const edited = document.querySelector("form[data-preview]");
  if (edited) {
    let timer = 0;
    let asked = 0;
    const preview = async () => {
      const mine = ++asked;
      const body = new URLSearchParams(new FormData(edited));
      body.set("do", "preview");
      try {
        const answer = await fetch(edited.action, { method: "POST", body, credentials: "same-origin" });
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const made = page.getElementById("effect");
        if (made && mine === asked) document.getElementById("effect").replaceChildren(...made.childNodes);
      } catch { /* the button does the same */ }
    };
    edited.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(preview, 250); });
  }

  // -- touch: to the right approves, to the left rejects; what follows offers to undo it ---------------------------------

  const card = document.querySelector(".card[data-card]:not([data-card=''])");
  const FAR = 110;
  if (card) {
    let from = null;
    const moved = (event) => ({ x: event.clientX - from.x, y: event.clientY - from.y });
    card.addEventListener("pointerdown", (event) => {
      from = event.pointerType === "touch" && event.isPrimary ? { x: event.clientX, y: event.clientY } : null;
    });
    card.addEventListener("pointercancel", () => { from = null; });
    card.addEventListener("pointerup", (event) => {
      if (!from || !isOnScreen()) return;
      const by = moved(event);
      from = null;
      if (Math.abs(by.x) < FAR || Math.abs(by.x) < 2 * Math.abs(by.y) || getSelection().toString()) return;
      const value = by.x > 0 ? "yes" : "no";
      document.querySelector(`.decide form button.${value}[data-decides]`)?.click();
    });
  }

  // -- live: what has changed is put in its place; focus and scroll stay -------------------------------------------------

  const sayChanged = (words) => {
    const said = document.getElementById("said");
    if (said.dataset.changed === words) return;
    said.dataset.changed = words;
    const paragraph = document.createElement("p");
    paragraph.className = "warning";
    const link = document.createElement("a");
    link.href = location.pathname + location.search;
    link.textContent = "Look again";
    paragraph.append(words + " ", link);
    said.replaceChildren(paragraph);
  };

  const updateList = (old, made) => {
    const wanted = [...made.children];
    const ids = new Set(wanted.map((item) => item.id));
    const known = new Map([...old.children].map((item) => [item.id, item]));
    known.forEach((item) => { // first: what stays need not be moved then, which would take the focus from it
      if (ids.has(item.id)) return;
      const held = item.contains(document.activeElement);
      const next = item.nextElementSibling ?? item.previousElementSibling;
      item.remove();
      if (held) next?.querySelector(".text")?.focus({ preventScroll: true });
    });
    wanted.forEach((item, at) => {
      const mine = known.get(item.id);
      if (!mine) old.insertBefore(item, old.children[at] ?? null);
      else {
        if (old.children[at] !== mine) old.insertBefore(mine, old.children[at] ?? null);
        if (mine.innerHTML !== item.innerHTML && !mine.contains(document.activeElement)) mine.innerHTML = item.innerHTML;
      }
    });
  };

  // Each [data-part] is put in its place by its id; where it says "hidden", only whether it is shown.
  const updateParts = (page) => {
    for (const mine of document.querySelectorAll("[data-part]")) {
      const now = page.getElementById(mine.id);
      if (!now) continue;
      mine.hidden = now.hidden;
      if (mine.dataset.part === "hidden") continue;
      if (mine.matches("img")) { if (mine.getAttribute("src") !== now.getAttribute("src")) mine.src = now.getAttribute("src"); }
      else if (mine.matches(".list")) updateList(mine, now);
      else if (mine.innerHTML !== now.innerHTML && !mine.contains(document.activeElement)) mine.innerHTML = now.innerHTML;
    }
    const seen = document.querySelector("[data-shown]");
    if (seen && seen.dataset.shown !== page.querySelector("[data-shown]")?.dataset.shown) sayChanged("This task has moved since you saw it.");
  };

  const update = (page) => {
    document.title = page.title;
    updateParts(page);
    const old = document.getElementById("live");
    const made = page.getElementById("live");
    if (old && made) {
      const count = old.querySelector(".quiet");
      const now = made.querySelector(".quiet");
      if (count && now && count.textContent !== now.textContent) count.textContent = now.textContent;
      updateList(old.querySelector(".list"), made.querySelector(".list"));
    } else if (old || (made && location.pathname === "/")) location.reload(); // from none to some, or back
    if (card) {
      const now = page.querySelector(".card[data-card]");
      if (!now) sayChanged("This card was decided, or is gone.");
      else if (now.dataset.card !== card.dataset.card) sayChanged("This card was changed since you saw it.");
      const at = document.querySelector(".crumbs .quiet");
      const there = page.querySelector(".crumbs .quiet");
      if (at && there && now) at.textContent = there.textContent;
    }
  };

  const events = document.body.dataset.live;
  const isLive = events && (card || location.pathname === "/" || document.querySelector("[data-part], [data-shown]"));
  if (isLive && "EventSource" in window) {
    let last = null;
    let busy = false;
    let again = false;
    const look = async () => {
      if (busy) { again = true; return; }
      busy = true;
      do {
        again = false;
        try {
          const answer = await fetch(location.pathname + location.search, { credentials: "same-origin" });
          const page = new DOMParser().parseFromString(await answer.text(), "text/html");
          if (!document.querySelector("form[data-sent]")) update(page); // to load anew would lose what is on its way
        } catch { /* the door is gone; the next event comes when it is back */ }
        await new Promise((done) => setTimeout(done, 250));
      } while (again);
      busy = false;
    };
    const source = new EventSource(events);
    source.addEventListener("message", (event) => {
      if (last !== null && event.data !== last) look();
      last = event.data;
      document.documentElement.dataset.live = "on";
    });
    addEventListener("pagehide", () => source.close());
  }

  showKeys(document);
})();
