"use strict";
// The page is whole without this; with it, the sections that change are put in as they come.
(() => {
  const state = document.querySelector("[data-live]");
  if (!state) return;
  const notice = document.getElementById("notice");

  // Only what differs is touched: focus, selection and what is unfolded stay.
  const become = (old, fresh) => {
    if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || old.id !== fresh.id) {
      old.replaceWith(fresh.cloneNode(true));
      return;
    }
    if (old.nodeType === Node.TEXT_NODE) {
      if (old.data !== fresh.data) old.data = fresh.data;
      return;
    }
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    for (const { name } of [...old.attributes])
      if (!fresh.hasAttribute(name) && !(old.nodeName === "DETAILS" && name === "open")) old.removeAttribute(name);
    const before = [...old.childNodes], after = [...fresh.childNodes];
    after.forEach((node, index) => {
      if (index < before.length) become(before[index], node);
      else old.appendChild(node.cloneNode(true));
    });
    before.slice(after.length).forEach((node) => node.remove());
  };

  const show = ({ order, sections }) => {
    for (const { id, html } of sections) {
      const holder = document.createElement("template");
      holder.innerHTML = html;
      const fresh = holder.content.firstElementChild;
      const old = document.getElementById(id);
      if (old && fresh.dataset.news && old.dataset.news !== fresh.dataset.news) notice.textContent = fresh.dataset.news;
      if (old) become(old, fresh);
      else state.appendChild(fresh);
    }
    for (const section of [...state.children]) if (!order.includes(section.id)) section.remove();
  };

  const events = new EventSource(state.dataset.live);
  events.addEventListener("state", (event) => show(JSON.parse(event.data)));
  events.addEventListener("end", () => events.close());
  events.addEventListener("error", () => {
    // Refused, and not only away: the session is over.
    if (events.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 3000);
  });
})();
