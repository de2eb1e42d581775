// Parts of a page that follow the study while one looks: asked for again now and then, drawn only when they changed.

const EVERY_MS = 30000;

async function follow() {
  // Nobody looks, or somebody is about to act in one of the parts: it stands still meanwhile.
  if (document.hidden || document.activeElement?.closest("[data-live]")) return;
  let page;
  try {
    const answer = await fetch(location.href, { credentials: "same-origin", headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) return;
    page = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    // Without a connection the page shows what it showed; the next try may be better.
    return;
  }
  for (const part of document.querySelectorAll("[data-live]")) {
    const fresh = page.getElementById(part.id);
    if (fresh && fresh.innerHTML !== part.innerHTML) part.replaceChildren(...fresh.childNodes);
  }
}

export function startLiveParts() {
  if (document.querySelector("[data-live]")) setInterval(follow, EVERY_MS);
}
